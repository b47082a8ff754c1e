"""Starvation as synchronisation: what stalls and own barriers do to small graphs, and that they pay or stay away."""

import pytest

from wlm_dialect.api import compile_program
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.stall_enqueues import StallEnqueuesPass
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.run import run


def managed_by(queue: str, **changes: object) -> MachineModel:
    return preset("tiny").with_(**{"management.queue": queue, **changes})


def stream(machine: MachineModel, count: int = 3, load: int = 100, work: int = 1000) -> Program:
    """DPU tasks that each come after a load of their own, all loads on one queue and far ahead of their use."""
    draft = Draft("net", machine)
    dma, dpu = machine.engine_index["dma0"], machine.engine_index["dpu0"]
    for n in range(count):
        data = draft.add(dma, f"load{n}", load)
        draft.add(dpu, f"conv{n}", work, after=[data])
    draft.add(dma, "store", load, after=[2 * count - 1])
    return draft.finish()


def pushes(program: Program) -> int:
    return int((program.kind == Kind.ENQUEUE).sum())


def test_stalls_take_the_place_of_barriers_and_nothing_is_later() -> None:
    graph = stream(managed_by("dma0"))
    plain, stalled = (compile_program(graph, f"full{{starvation={s}}}").program for s in ("neither", "stall"))
    assert check(stalled).status == PROVED
    assert len(stalled.barriers) < len(plain.barriers)
    assert run(stalled).makespan <= run(plain).makespan
    free = [t for t in range(len(stalled)) if stalled.names[t].startswith("conv") and not len(stalled.waits[t])]
    assert len(free) > 1, "tasks that wait for nothing but their push"


def test_every_order_that_a_stall_keeps_is_kept_in_the_run() -> None:
    graph = stream(managed_by("dma0"))
    stalled = compile_program(graph, "full{starvation=stall}").program
    result = run(stalled)
    start = dict(zip(stalled.names, result.start.tolist(), strict=True))
    end = dict(zip(stalled.names, result.end.tolist(), strict=True))
    assert all(end[f"load{n}"] <= start[f"conv{n}"] for n in range(3))


def test_a_queue_that_knows_nothing_stalls_nothing() -> None:
    graph = stream(managed_by("dma_fw"))
    assert StallEnqueuesPass().run(graph) is graph


def test_a_task_that_would_start_later_is_not_stalled() -> None:
    graph = stream(managed_by("dma0"), load=1000, work=100)
    assert StallEnqueuesPass().run(graph) is graph


def test_after_stalls_the_pipeline_is_the_usual_one() -> None:
    graph = stream(managed_by("dma_fw"))
    plain, stalled = (compile_program(graph, f"full{{starvation={s}}}").program for s in ("neither", "stall"))
    assert plain.names == stalled.names
    assert plain.waits == stalled.waits


def test_a_stalled_task_and_others_are_pushed_in_order() -> None:
    stalled = compile_program(stream(managed_by("dma0")), "full{starvation=stall}").program
    dpu = stalled.machine.engine_index["dpu0"]
    found = [t for t in range(len(stalled)) if stalled.kind[t] == Kind.ENQUEUE and stalled.target[t] == dpu]
    spans = [(int(stalled.low[t]), int(stalled.high[t])) for t in found]
    assert [low for low, _ in spans] == [0, *(high for _, high in spans[:-1])]
    assert spans[-1][1] == len(stalled.lists[dpu])


def test_stalls_stand_before_fetches() -> None:
    stalled = compile_program(stream(managed_by("dma0")), "full{starvation=stall}").program
    with pytest.raises(ScheduleError) as caught:
        StallEnqueuesPass().run(stalled.with_(phase="graph"))
    assert "has fetches or enqueues already; it stands before wlm-insert-fetches" in str(caught.value)


def own_barriers(program: Program) -> list[set[int]]:
    """Per physical barrier that an enqueue waits on, the engines whose tasks those enqueues push."""
    out: dict[int, set[int]] = {}
    for t in range(len(program)):
        if program.kind[t] == Kind.ENQUEUE:
            for v in program.waits[t].tolist():
                out.setdefault(int(program.barriers.pid[v]), set()).add(int(program.target[t]))
    return list(out.values())


def test_each_fifo_has_a_barrier_of_its_own() -> None:
    graph = stream(preset("tiny"), count=12)
    plain, guarded = (compile_program(graph, f"full{{starvation={s}}}").program for s in ("neither", "barrier"))
    assert check(guarded).status == PROVED
    assert own_barriers(plain) == []
    owners = own_barriers(guarded)
    assert owners == [{guarded.machine.engine_index["dpu0"]}]
    assert pushes(guarded) == pushes(plain)
    assert len(guarded.barriers) > len(plain.barriers)


def test_where_barriers_are_few_none_is_kept_for_fifos() -> None:
    machine = preset("tiny").with_(**{"barriers.count": 2})
    graph = stream(machine, count=12)
    guarded = compile_program(graph, "full{starvation=barrier}").program
    assert check(guarded).status == PROVED
    assert own_barriers(guarded) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("full{starvation=stal}", "starvation is 'stal'; did you mean 'stall'?"),
        ("full{starvation=x}", "starvation is 'x'; known: barrier, neither, stall"),
    ],
)
def test_an_unknown_option_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        compile_program(stream(preset("tiny")), spec)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("partial{starvation=stall}", "starvation=stall is a choice of mode full; in mode partial firmware enqueues"),
        (
            "firmware{starvation=barrier}",
            "starvation=barrier is a choice of mode full; in mode firmware firmware enqueues",
        ),
        (
            "full{policy=pages starvation=stall}",
            "starvation=stall has no meaning with policy=pages, which says where enqueues stand",
        ),
    ],
)
def test_where_nothing_can_starve_the_option_is_refused(spec: str, text: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        compile_program(stream(preset("tiny")), spec)
    assert str(caught.value) == text


def test_a_policy_nobody_knows_is_refused() -> None:
    with pytest.raises(ScheduleError) as caught:
        StallEnqueuesPass("pgaes").run(stream(managed_by("dma0")))
    assert str(caught.value).endswith("there is no policy 'pgaes'; did you mean 'pages'?")
