"""Bounded re-arming: who needs how much distance, in the checker, in certificates and in the simulator."""

import random
from typing import Any

import pytest

from tests.campaign.judge import stress
from tests.campaign.schedules import lowered, random_graph, random_machine
from tests.unit.verify_schedule_cases import FULL, PARTIAL, program
from wlm_dialect.api import compile_program
from wlm_dialect.check import RejectedError, read, seal
from wlm_dialect.check import check as check_certificate
from wlm_dialect.errors import ScheduleError
from wlm_dialect.frontends import load
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.analysis.spacing import spaced
from wlm_dialect.passes.checker.certificate import certify
from wlm_dialect.passes.verify_schedule import PROVED, UNDECIDED, check
from wlm_dialect.program import Program, encode_module
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing


def bounded(delta: int) -> MachineModel:
    return preset("tiny").with_(**{"barriers.rearm": "bounded", "barriers.rearm_delta": delta})


def schedule_and_certificate(p: Program) -> tuple[Any, Any]:
    (schedule,) = read(str(encode_module(p)))
    return schedule, certify(schedule)


def test_what_firmware_programs_is_armed_at_once() -> None:
    """At the end of its step, whatever a barrier takes to re-arm by itself."""
    slow = program(PARTIAL, machine=bounded(1_000))
    assert check(slow).status == PROVED
    check_certificate(*schedule_and_certificate(slow))
    atomic = program(PARTIAL, machine=preset("tiny"))
    assert run(slow).armed.tolist() == run(atomic).armed.tolist()
    assert run(slow, timing=Timing(rearm=dict.fromkeys(range(6), 1_000))).makespan == run(atomic).makespan


@pytest.mark.parametrize("seed", range(8))
def test_firmware_and_partial_mode_are_proved_at_any_bound(seed: int) -> None:
    rng = random.Random(seed)
    machine = random_machine(rng).with_(**{"barriers.rearm": "bounded", "barriers.rearm_delta": 500})
    made = lowered(random_graph(machine, rng, 16), ("firmware", "partial")[seed % 2])
    if made is not None:
        assert check(made).status == PROVED
        check_certificate(*schedule_and_certificate(made))
        assert not stress(made, 8)


def test_a_certificate_names_what_takes_time_in_between() -> None:
    schedule, certificate = schedule_and_certificate(program(FULL, machine=bounded(1)))
    assert certificate["apart"]
    check_certificate(schedule, certificate)
    for n, row in enumerate(certificate["apart"]):
        short = [*certificate["apart"]]
        short[n] = [row[0], row[1], row[2][1:]]
        forged = {**certificate, "apart": short}
        forged["seal"] = seal(forged)
        with pytest.raises(RejectedError, match=r"may still be re-arming"):
            check_certificate(schedule, forged)


def test_an_end_needs_one_tick_more_than_a_head() -> None:
    """Within a tick ends come first, then barriers take their next instance, then heads."""
    text = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a0 = barrier.configure 0 producers 1 consumers 0
    %a1 = barrier.configure 0 producers 1 consumers 0
    %t = barrier.configure 4 producers 1 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %t]
    mgmt_dma.work_item @dma0 [0 to 3)
    task.run @dma0 "first" updates(%a0) cycles 100
    task.run @dma0 "second" updates(%a1) cycles 1
    task.run @dma0 "third" updates(%t) cycles 1
  }
}
"""
    near, far = program(text, machine=bounded(1)), program(text, machine=bounded(0))
    assert check(far).status == PROVED
    assert check(near).status == UNDECIDED
    assert str(check(near).findings[0]).startswith("the end of 'second' on dma0 may come less than 2 ticks after")
    with pytest.raises(RejectedError, match=r"b0#1 may still be re-arming"):
        check_certificate(*schedule_and_certificate(near))
    assert run(near).outcome == "hazard" or run(near, ties=1).outcome == "hazard"


@pytest.mark.parametrize("delta", [1, 5, 40])
@pytest.mark.parametrize("base", ["tiny", "npu37xx", "npu40xx:1"])
def test_full_mode_is_proved_at_any_bound(base: str, delta: int) -> None:
    """By barriers that are idle long enough or, where the bound is long, by pauses between stretches."""
    changes = {"barriers.rearm": "bounded", "barriers.rearm_delta": delta, "barriers.count": 4}
    for seed in range(2):
        rng = random.Random(seed)
        made = compile_program(random_graph(preset(base).with_(**changes), rng, 16), "full").program
        assert check(made).status == PROVED
        assert run(made, timing=Timing(rearm=dict.fromkeys(range(len(made.barriers)), delta))).outcome == "finished"
        assert not stress(made, 2)


def test_squeezenet_loses_nothing_to_a_short_bound() -> None:
    slow = {"barriers.rearm": "bounded", "barriers.rearm_delta": 20}
    machine = preset("npu40xx:1")
    bounds = [compile_program(load("squeezenet", m), "full").program for m in (machine, machine.with_(**slow))]
    assert run(bounds[1]).makespan <= 1.01 * run(bounds[0]).makespan


def test_a_bound_that_no_pause_reaches_is_refused() -> None:
    rng = random.Random(1)
    machine = bounded(30_000).with_(**{"barriers.count": 2})
    with pytest.raises(ScheduleError) as caught:
        compile_program(random_graph(machine, rng, 24), "full")
    assert str(caught.value) == (
        "@net: no barrier is idle for as long as it may take to re-arm: machine 'tiny' has barriers.rearm_delta = 30000"
        " ticks, and each task counts for one; use a smaller rearm_delta, rearm = 'acknowledged', more barriers, or "
        "mode partial or firmware [H1, H2]"
    )


def spaced_by_hand(program: Program, t: int, delta: int) -> set[int]:
    """Tasks whose end comes before the head of `t` with at least `delta` ends in between, by walking every path."""
    most: dict[int, int] = {}
    edges = [(int(program.predecessor[u]), u) for u in range(len(program)) if program.predecessor[u] >= 0]
    edges += [(a, u) for u in range(len(program)) for a in program.after[u].tolist()]
    most[int(program.predecessor[t])] = 0
    for a, u in sorted(edges, key=lambda edge: -edge[1]):
        if u in most:
            most[a] = max(most.get(a, 0), most[u] + 1)
    return {a for a, ticks in most.items() if a >= 0 and ticks >= delta}


@pytest.mark.parametrize("delta", [1, 2, 3, 7])
def test_clocks_that_look_back_some_ticks(delta: int) -> None:
    """On serial engines: the longest path counts, and the check may stop at nothing shorter."""
    graph = random_graph(bounded(delta), random.Random(5), 60)
    order = task_order(graph)
    early = spaced(graph, order)
    for t in range(len(graph)):
        ends = {a for a in range(len(graph)) if early.heads[t, order.lane[a]] >= order.at[a]}
        assert ends == spaced_by_hand(graph, t, delta), t
    atomic = random_graph(preset("tiny"), random.Random(5), 60)
    assert spaced(atomic, task_order(atomic)) is task_order(atomic)
