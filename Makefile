# `make test` and `make demo` set themselves up: nothing has to be installed first but Python.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint format types layers unit lit coverage proof bench campaign clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv and install wlm-dialect with all extras (the other targets do it by themselves)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
	  "wlm-dialect needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,all]'
	@touch $@

demo: $(STAMP) ## lower three networks in every mode, prove and run them, compare the costs
	$(BIN)/python examples/demo.py

test: lint types layers unit ## everything: style, types, layers, then all tests (lit ones included)

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP) ## ruff: repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

layers: $(STAMP) ## import-linter: who may import whom
	$(BIN)/lint-imports --no-logo

# -q makes pytest's last line plain; the lines above it name every skipped test with the reason.
unit: $(STAMP) ## pytest; ARGS='-k name -x' picks tests
	$(BIN)/python -m pytest -q --color=no $(ARGS)

lit: $(STAMP) ## the lit tests alone; ARGS='--filter name' picks tests
	$(BIN)/lit -v $(ARGS) tests/filecheck

coverage: $(STAMP) ## branch coverage of pytest and lit together
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q --color=no --ignore tests/meta
	$(BIN)/lit -q -D COVERAGE=1 tests/filecheck
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

# One file after another: each needs those before it. The last one prints the assumptions of the theorem.
PROOFS := Machine Rules Barriers Queues Firmware Soundness Progress Tables Clocks Check Sound Data Accept Elaborate \
          Certify Structure Safe

proof: ## compile the formal proof (needs coqc: apt install coq); it must use no axiom
	@command -v coqc >/dev/null || { echo "make proof needs Coq: apt install coq" >&2; exit 1; }
	@cd proof && for file in $(PROOFS); do coqc -q -Q . wlm $$file.v > $$file.out || { cat $$file.out; exit 1; }; done
	@grep -qx 'Closed under the global context' proof/Safe.out || { cat proof/Safe.out; exit 1; }
	@echo "proof: $(words $(PROOFS)) files compiled; the theorem uses no axiom (Print Assumptions: $$(cat proof/Safe.out))"

bench: $(STAMP) ## the measurements of docs/, on this machine
	$(BIN)/python benchmarks/run.py $(ARGS)

campaign: $(STAMP) ## break 10,000 schedules on purpose: nothing may go unnoticed; CAMPAIGN_SCALE=0.1 for a tenth of it
	$(BIN)/python -m tests.campaign.campaign

clean: ## remove what the build and the tests made; .venv stays
	rm -rf build dist *.egg-info .coverage .coverage.* htmlcov .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -f proof/*.vo proof/*.vok proof/*.vos proof/*.glob proof/*.out proof/.*.aux
	find wlm_dialect passes runtime tools tests -type d -name __pycache__ -prune -exec rm -rf {} +
