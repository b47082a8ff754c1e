"""The pairs of docs/questions.md: the safe one is proved and runs, the broken one breaks exactly the rule it should."""

from pathlib import Path

import pytest

from wlm_dialect import api
from wlm_dialect.passes.verify_schedule import PROVED, REFUTED
from wlm_dialect.program import Program
from wlm_dialect.tools.reader import read_program
from wlm_dialect.tools.wlm import main

FOLDER = Path(__file__).resolve().parents[2] / "examples/questions"
RULES = {"inputs": "H9", "place": "H3", "shave_order": "H8", "skip": "H8", "two_engines": "H1"}


def program(name: str) -> Program:
    return read_program(str(FOLDER / name), None, api.machine("tiny"))


def test_every_question_has_a_pair() -> None:
    found = sorted(path.name for path in FOLDER.iterdir())
    assert found == sorted(f"{name}_{side}.mlir" for name in RULES for side in ("safe", "broken"))


@pytest.mark.parametrize("name", RULES)
def test_the_safe_program_is_proved_and_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    safe = program(f"{name}_safe.mlir")
    assert api.verify(safe).status == PROVED
    assert api.run(safe, repeat=2).outcome == "finished"
    assert main(["verify", str(FOLDER / f"{name}_safe.mlir")]) == 0
    assert capsys.readouterr().out.startswith(f"@{name}: proved")


@pytest.mark.parametrize("name", RULES)
def test_the_broken_program_breaks_that_rule_and_no_other(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = api.verify(program(f"{name}_broken.mlir"))
    assert verdict.status == REFUTED
    assert [finding.rule for finding in verdict.findings] == [RULES[name]]
    assert main(["verify", str(FOLDER / f"{name}_broken.mlir")]) == 2
    assert f"replayed: {RULES[name]} at tick" in capsys.readouterr().out
