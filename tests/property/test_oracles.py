"""The checker against oracles that share nothing with it: exploration, z3, SPIN; on random schedules and mutants."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaign.foreign import foreign_program
from tests.campaign.judge import certify, disagreement, may_be_undecided, stress
from tests.campaign.mutations import OPERATORS, mutate
from tests.campaign.schedules import random_schedule
from tests.oracles import promela, smt
from tests.oracles.explore import explore
from tests.oracles.schedule import Schedule, read_schedule
from tests.unit.verify_schedule_cases import CHOICE, FULL, LANDING, LATE_END, NEIGHBOURS, PARTIAL, program
from wlm_dialect.machine import preset
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Program, encode_module
from wlm_dialect.verification import verify

SCALE = int(os.environ.get("CAMPAIGN_SCALE", "1"))
STATES = 6_000


def small(seeds: range, pools: bool = False, most: int = 7) -> Iterator[tuple[str, Program]]:
    """Small schedules, each with two mutants. Bounded re-arming needs time, which the oracles do not have."""
    for seed in seeds:
        made = random_schedule(seed, 3, most, pools=pools)
        if made is not None and made.program.machine.barriers.rearm != "bounded":
            yield made.name, made.program
            rng = random.Random(seed)
            for operator in rng.sample(sorted(OPERATORS), 2):
                mutant = mutate(made.program, operator, rng)
                if mutant is not None:
                    yield f"{made.name} {operator}", mutant


def text_of(subject: Program) -> str:
    return str(encode_module(subject))


@pytest.mark.parametrize("text", [FULL, PARTIAL], ids=["full", "partial"])
def test_the_decoder_of_the_oracles_reads_what_the_package_reads(text):
    p = program(text)
    s = read_schedule(text, p.machine)
    assert s.mode == p.mode
    assert [t.waits for t in s.tasks] == p.waits.lists()
    assert [t.updates for t in s.tasks] == p.updates.lists()
    assert [t.pushes for t in s.tasks] == p.programs.lists()
    assert [(t.target, t.low, t.high, t.slot) for t in s.tasks] == list(
        zip(p.target.tolist(), p.low.tolist(), p.high.tolist(), p.slot.tolist(), strict=True)
    )
    assert [i.at for i in s.items] == p.items.at.lists()
    assert s.boot == p.bootstrap.tolist()
    assert [v.tail for v in s.instances].index(True) == p.barriers.tail


@pytest.mark.parametrize("pools", [False, True], ids=["in order", "pools"])
def test_exploration_agrees_fault_by_fault(pools):
    counts = Counter[str]()
    for name, subject in small(range(40 * SCALE), pools):
        answer = explore(read_schedule(text_of(subject), subject.machine), STATES)
        verdict = verify(subject, replays=1)
        assert not disagreement(subject, verdict, answer), name
        counts[verdict.status] += 1
    assert min(counts["proved"], counts["refuted"]) > 20, counts


def test_partial_order_reduction_loses_no_fault():
    saved = 0
    for name, subject in small(range(30 * SCALE), most=6):
        s = read_schedule(text_of(subject), subject.machine)
        less, more = explore(s, STATES), explore(s, STATES, reduce=False)
        if not more.cut:
            assert (bool(less.faults), less.cut) == (bool(more.faults), False), name
            saved += more.states - less.states
    assert saved > 0


def test_z3_agrees():
    pytest.importorskip("z3", reason="z3 is not installed (extra proof)")
    counts = Counter[bool]()
    for name, subject in small(range(25 * SCALE)):
        hazard = smt.has_hazard(read_schedule(text_of(subject), subject.machine))
        assert hazard == (check(subject).status != PROVED), name
        counts[hazard] += 1
    assert min(counts.values()) > 10, counts


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if promela.missing():
        pytest.skip(promela.missing())
    return promela.compile_model(tmp_path_factory.mktemp("spin"))


def test_spin_agrees(explorer):
    counts = Counter[bool]()
    for name, subject in small(range(25 * SCALE)):
        s = read_schedule(text_of(subject), subject.machine)
        if promela.fits(s):
            hazard = promela.has_hazard(s, explorer)
            assert hazard == (check(subject).status != PROVED), name
            counts[hazard] += 1
    assert min(counts.values()) > 10, counts


def test_solvers_agree_about_programs_that_no_pipeline_makes(explorer):
    pytest.importorskip("z3", reason="z3 is not installed (extra proof)")
    counts = Counter[bool]()
    for seed in range(300_000, 300_000 + 36 * SCALE):
        p = foreign_program(seed)
        verdict, s = check(p), read_schedule(text_of(p), p.machine)
        if p.machine.firmware.preload or verdict.status == "undecided":
            continue
        hazard = verdict.status != PROVED
        assert promela.has_hazard(s, explorer) == hazard, seed
        if all(e.order != "pool" for e in p.machine.engines):
            assert smt.has_hazard(s) == hazard, seed
            counts[hazard] += 1
    assert min(counts.values()) > 4, counts


def solvers_find_hazard(s: Schedule, explorer: Path) -> bool:
    """Whether z3 finds one; SPIN has to say the same."""
    pytest.importorskip("z3", reason="z3 is not installed (extra proof)")
    found = smt.has_hazard(s)
    assert promela.has_hazard(s, explorer) == found
    return found


@pytest.mark.parametrize(("order", "broken"), [("id", True), ("arrival", False)])
def test_what_a_push_causes_at_once_may_be_served_first_by_id(order, broken, explorer):
    p = program(CHOICE, machine=preset("tiny").with_(**{"firmware.service_order": order}))
    s = read_schedule(text_of(p), p.machine)
    found = verify(p, replays=1)
    assert [(f.rule, p.names[f.task]) for f in found.findings] == [("H2", "second")] * broken
    assert explore(s).faults == ({("H2", 2, "b2#1")} if broken else set())
    assert solvers_find_hazard(s, explorer) == broken


@pytest.mark.parametrize("rearm", ["atomic", "acknowledged"])
@pytest.mark.parametrize(("order", "broken"), [("prefetching", False), ("outstanding", True)])
def test_several_waits_are_read_after_the_end_that_a_start_needs(order, rearm, broken, explorer):
    changes = {"dma.order": order, "dma.servers": 2 if broken else 1, "barriers.consume_at": "end"}
    p = program(NEIGHBOURS, machine=preset("tiny").with_(**changes, **{"barriers.rearm": rearm}))
    s = read_schedule(text_of(p), p.machine)
    found = verify(p, replays=1)
    assert (found.status, bool(explore(s).faults)) == (("refuted", True) if broken else (PROVED, False))
    assert bool(certify(p)) == broken
    assert solvers_find_hazard(s, explorer) == broken


@pytest.mark.parametrize(("depth", "broken"), [(2, False), (1, True)])
def test_what_an_enqueue_pushes_at_its_end_is_at_head_after_it(depth, broken, explorer):
    p = program(LANDING, machine=preset("tiny").with_(**{"dpu.fifo_depth": depth}))
    s = read_schedule(text_of(p), p.machine)
    found = verify(p, replays=1)
    assert [(f.rule, p.names[f.task]) for f in found.findings] == [("H1", "first")] * broken
    assert found.status == ("refuted" if broken else PROVED)
    assert explore(s).faults == ({("H1", 3, "b0#1")} if broken else set())
    assert bool(certify(p)) == broken
    assert solvers_find_hazard(s, explorer) == broken


def test_what_an_enqueue_pushes_last_is_at_head_after_its_end_even_if_it_waited_for_room(explorer):
    edits = (('"first" waits(%a1)', '"first"'), ('"second" updates', '"second" waits(%a1) updates'))
    p = program(LANDING, edits, preset("tiny").with_(**{"dpu.fifo_depth": 1}))
    s = read_schedule(text_of(p), p.machine)
    assert verify(p).status == PROVED
    assert not explore(s).faults
    assert not certify(p)
    assert not stress(p)
    assert not solvers_find_hazard(s, explorer)


def test_several_waits_are_read_after_the_end_of_an_enqueue_that_no_edge_leads_from(explorer):
    changes = {"dpu.order": "prefetching", "dpu.fifo_depth": 1, "dpu.max_waits": 0, "barriers.consume_at": "end"}
    p = program(LATE_END, machine=preset("tiny").with_(**changes))
    s = read_schedule(text_of(p), p.machine)
    assert verify(p).status == PROVED
    assert not explore(s).faults
    assert not certify(p)
    assert not solvers_find_hazard(s, explorer)


def test_several_waits_are_undecided_where_a_barrier_is_rearmed_in_a_step_of_its_own():
    """`second` may look when `first` has ended and b0#1 is not armed yet; no oracle and no run has that moment."""
    edits = (
        ("updates(%a0, %b)", "updates(%a0)"),
        ("updates(%c, %t)", "updates(%b, %c, %t)"),
        ("@dma0 [0 to 2)", "@dma0 [0 to 1)\n    mgmt_dma.work_item @dma_fw [0 to 1)"),
        ('@dma0 "second"', '@dma_fw "second"'),
    )
    machine = preset("tiny").with_(**{"barriers.consume_at": "end"})
    assert verify(program(NEIGHBOURS, edits, machine)).status == PROVED
    p = program(NEIGHBOURS, edits, machine.with_(**{"barriers.rearm": "acknowledged"}))
    (finding,) = verify(p).findings
    assert finding.undecided == "re-arming is acknowledged: a barrier may read zero after the last use of an instance"
    assert certify(p)
    assert may_be_undecided(p)
    assert not explore(read_schedule(text_of(p), p.machine)).faults


DISPATCHED = (
    ('    task.run @dma0 "load0"', '    mgmt_dma.enqueue @dma1 [0 to 1) on @dma0 cycles 5\n    task.run @dma0 "load0"'),
    ("@dma0 [0 to 11)", "@dma0 [0 to 12)"),
)
_PARTS = [f"@dma0 [{n} to {n + 2})\n    mgmt_dma.work_item " for n in range(0, 10, 2)] + ["@dma0 [10 to 11)\n"]
OUT_OF_ORDER = {
    "bootstrap": (FULL, (("@dma0 [0 to 11)\n", "@dma0 [4 to 11)\n    mgmt_dma.work_item @dma0 [0 to 4)\n"),), "load0"),
    "bootstrap first": (FULL, (*DISPATCHED, ("@dma1 [0 to 2)", "@dma1 [1 to 2)")), "log"),
    "bootstrap last": (
        PARTIAL,
        (
            ("    mgmt_dma.work_item @dma0 [0 to 2)\n", ""),
            ("@dma1 [0 to 1)\n", "@dma1 [0 to 1)\n    mgmt_dma.work_item @dma0 [0 to 2)\n"),
        ),
        "fetch dpu0[0:3]",
    ),
    "too many": (
        FULL,
        (("@dma0 [0 to 11)\n", "".join(_PARTS)),),
        "last",
    ),
    "twice": (FULL, DISPATCHED, "program 2 barriers"),
    "items": (PARTIAL, (("@dpu0 [0 to 1)", "@dpu0 [1 to 2)"), ("[1 to 2) at(%a0)", "[0 to 1) at(%a0)")), "conv1"),
}


@pytest.mark.parametrize("case", OUT_OF_ORDER)
def test_pushes_out_of_order_go_wrong_at_the_task_that_comes_too_early(case):
    text, edits, task = OUT_OF_ORDER[case]
    p = program(text, edits)
    found = verify(p)
    assert found.status == "refuted"
    assert {p.names[f.task] for f in found.findings if f.rule == "H6"} == {task}
    answer = explore(read_schedule(text_of(p), p.machine))
    assert answer.faults == {("H6", p.names.index(task), "")}
    assert not disagreement(p, found, answer)


def test_spin_is_missed_by_name(monkeypatch):
    monkeypatch.setattr(promela.shutil, "which", lambda tool: None)
    assert promela.missing() == "spin and gcc not installed (Debian: apt install spin gcc)"
