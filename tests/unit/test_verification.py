"""`api.verify`: refuted only where a run shows it, timings shrunk, everything told."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign.mutations import recounted
from tests.unit.test_verify_schedule import FULL_MUTANTS
from tests.unit.test_verify_schedule_structure import MUTANTS
from tests.unit.verify_schedule_cases import FULL, PARTIAL, program
from wlm_dialect import api
from wlm_dialect.machine import preset
from wlm_dialect.passes.checker.diagnose import MOST_REPAIRS
from wlm_dialect.passes.checker.findings import Finding
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import parse_timing
from wlm_dialect.tools.wlm import main
from wlm_dialect.verification import replay, verification
from wlm_dialect.verification.replay import same_fault, shows
from wlm_dialect.verification.shrink import MOST_TASKS

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", FULL_MUTANTS)
def test_every_mutant_is_hit_by_a_run(name):
    edits, _ = FULL_MUTANTS[name]
    subject = program(FULL, edits)
    verdict = api.verify(subject)
    assert verdict.status == "refuted"
    hits = 0
    for finding, found in zip(verdict.findings, verdict.replays, strict=True):
        if found is not None:
            # what is written to a file does it again
            timing = parse_timing(json.loads(found.timing.to_json()))
            again = run(subject, timing=timing)
            if again.hazard is not None:  # H10 without a tail is no fault of a run
                assert (again.hazard.rule, again.hazard.tick) == (found.hazard.rule, found.hazard.tick)
                assert shows(finding, again) or same_fault(finding, found.hazard)
            hits += 1
    assert hits > 0


@pytest.mark.parametrize("name", MUTANTS)
def test_what_is_wrong_whatever_the_timing_is_seen_by_the_simulator(name):
    text, edits, _ = MUTANTS[name]
    verdict = api.verify(program(text, edits))
    # two pushers of one FIFO may be ordered by luck of the program: no rule of the graph tells, and no run fails
    assert verdict.status == ("undecided" if name == "two pushers" else "refuted")


def test_a_program_that_cannot_be_loaded_is_refuted_without_a_run():
    edits = (("work_item @dma0 [0 to 11)", "work_item @dma0 [0 to 12)"),)
    verdict = api.verify(program(FULL, edits))
    assert verdict.status == "refuted"
    assert verdict.counterexample is not None
    assert verdict.counterexample.result is None
    assert "  H6: work item dma0[0:12] reaches beyond a list of 11 tasks" in verdict.report()


def test_a_timing_is_shrunk_to_what_matters():
    verdict = api.verify(api.load(str(EXAMPLES / "late.mlir"), "tiny"))
    assert verdict.counterexample is not None
    timing = verdict.counterexample.timing
    (late,) = timing.duration
    assert (timing.dispatch, timing.interrupt, timing.push) == ({}, {}, {})
    assert verdict.subject.names[late] == "fetch dpu0[0:1]"
    assert MOST_TASKS > 0
    text = verdict.report()
    assert "      replayed: H4 at tick 514 under a timing with 1 entry\n" in text
    assert (
        "       514  H4: task 6 'conv1' on dpu0 is at head at tick 514, but its descriptor is still under way" in text
    )
    assert "      repair: 'enqueue dpu0[0:1]' on dma1 waiting on b0#0 too would order them\n" in text


def test_the_suggested_repair_repairs():
    safe = program(
        (EXAMPLES / "late.mlir").read_text(encoding="utf-8"),
        (
            ("@dpu0 [0 to 1) on @dma1 cycles", "@dpu0 [0 to 1) on @dma1 waits(%loaded) cycles"),
            ("consumers 4", "consumers 5"),
        ),
    )
    assert api.verify(safe).status == "proved"


def test_a_free_barrier_is_suggested_where_no_wait_helps():
    stale = (EXAMPLES / "stale.mlir").read_text(encoding="utf-8")
    (finding,) = api.verify(program(stale)).findings
    assert finding.repair == "barrier 2, which nobody uses, instead of barrier 1 for b1#1 would do"
    repaired = program(stale, (("%normalised = barrier.configure 1", "%normalised = barrier.configure 2"),))
    assert api.verify(repaired).status == "proved"


def test_all_that_is_wrong_is_told_although_the_program_hangs():
    hangs = ((f'conv{i}" waits(%a{i})', f'conv{i}" waits(%a{i}, %b{i})') for i in (0,))
    machine = preset("tiny").with_(**{"engine.max_waits": 0})
    edits = (
        ("slots [2 to 3)", "slots [1 to 2)"),
        *hangs,
        ("%b0 = barrier.configure 1 producers 1 consumers 1", "%b0 = barrier.configure 1 producers 1 consumers 2"),
    )
    verdict = api.verify(program(FULL, edits, machine))
    assert {f.rule for f in verdict.findings} >= {"H5", "H7"}
    assert "H5" in {f.rule for f, r in zip(verdict.findings, verdict.replays, strict=True) if r is not None}


def test_what_no_run_shows_is_undecided(monkeypatch):
    finding = Finding("H1", "made up", task=0, barrier=0)
    honest = verification.check
    monkeypatch.setattr(
        verification, "check", lambda p: replace(honest(p), status="refuted", findings=(finding,), properties=())
    )
    verdict = api.verify(program(PARTIAL))
    assert (verdict.status, verdict.counterexample) == ("undecided", None)
    assert verdict.report().startswith(
        "@net: undecided\n  made up [H1] (undecided: no run that was tried shows it)\nprovided that:\n"
    )


def test_a_proof_names_properties_conditions_bounds_and_hash():
    subject = program(FULL)
    lines = api.verify(subject).report().splitlines()
    assert lines[0] == "@net: proved"
    assert lines[-2] == "bounds: none; every task, every order of events, one run from bootstrap to the tail"
    assert lines[-1] == f"program: sha256 {api.verify(program(FULL)).digest}"
    assert (
        api.verify(program(FULL, (("cycles 20\n    mgmt_dma.fetch", "cycles 21\n    mgmt_dma.fetch"),))).digest
        not in lines[-1]
    )


def test_only_so_many_findings_are_replayed():
    edits = (("%a0, %a1, %b0, %b1, %s, %r, %x, %t]", "%t]"),)
    verdict = api.verify(program(FULL, edits), replays=1)
    assert len(verdict.findings) > 2
    assert any(verdict.replays)
    assert verdict.replays[-1] is None
    assert f"  and {len(verdict.findings) - 2} more findings" in verdict.report(2)


def test_the_command_writes_a_timing_that_run_repeats(tmp_path, capsys):
    late, timing, data = str(EXAMPLES / "late.mlir"), tmp_path / "late.json", tmp_path / "v.json"
    assert main(["run", late]) == 0
    capsys.readouterr()
    assert main(["verify", late, "--timing", str(timing), "--json", str(data)]) == 2
    assert capsys.readouterr().out.startswith("@five: refuted\n")
    (finding,) = json.loads(data.read_text())["findings"]
    assert (finding["rule"], finding["replay"]["tick"]) == ("H4", 514)
    assert main(["run", late, "--timing", str(timing)]) == 2
    assert capsys.readouterr().out.splitlines()[1] == f"H4 at tick 514: {finding['replay']['text']}"
    assert main(["verify", late, "--timing", "-"]) == 2
    assert capsys.readouterr().out == timing.read_text()
    assert main(["verify", late, "--timing", "-", "--json", "-"]) == 1
    assert capsys.readouterr().err == (
        "wlm: error: only one of --json, --timing, --certificate and --emit-coq can go to standard output\n"
    )


@pytest.fixture(scope="module")
def squeezenet():
    return api.compile_program(api.load("squeezenet", "npu40xx:1"), "full").program


def without_waits(subject, keep):
    """Waits that `keep` does not want are dropped, counts included."""
    return recounted(subject, waits=[[v for v in row if keep(t)] for t, row in enumerate(subject.waits.lists())])


def test_a_task_that_starts_far_too_early_is_refuted(squeezenet):
    # it races with many older tasks, but the findings name the last ones: a run has to get that far first
    last = squeezenet.names.index("Softmax_0/t0/s0")
    verdict = api.verify(without_waits(squeezenet, lambda t: t != last))
    assert verdict.status == "refuted"
    assert verdict.counterexample.hazard.task == last


def test_a_program_that_is_wrong_everywhere_costs_a_bounded_search(squeezenet, monkeypatch):
    runs = []
    honest = replay.run_under
    monkeypatch.setattr(replay, "run_under", lambda p, timing: runs.append(p) or honest(p, timing))
    verdict = api.verify(without_waits(squeezenet, lambda t: False))
    assert verdict.status == "refuted"
    assert len(verdict.findings) > 200
    assert verdict.replays[0] is not None  # what the report shows first is what a run met
    assert sum(bool(f.repair) for f in verdict.findings) <= MOST_REPAIRS
    assert len(runs) <= replay.SEEDS + 2 + 4 * verification.MOST_TRIES
