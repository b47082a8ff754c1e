"""The head of a network: descriptors are written by DMAs that touch no barrier, and are there in time (H4)."""

import pytest

from wlm_dialect import api
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Kind, Program

MODES = ("full", "partial")


def burst_of(program: Program) -> list[int]:
    """Fetches in front of all other tasks of the network on their queue that are the first into their slots."""
    used: set[tuple[int, int]] = set()
    first: set[int] = set()
    for f in [t for t in range(len(program)) if program.kind[t] == Kind.FETCH]:
        low, high, slot = int(program.low[f]), int(program.high[f]), int(program.slot[f])
        slots = {(int(program.target[f]), slot + i) for i in range(high - low)}
        if not slots & used:
            first.add(f)
        used |= slots
    out: list[int] = []
    for tasks in program.lists:
        for t in tasks.tolist():
            if program.kind[t] == Kind.RUN or (program.kind[t] == Kind.FETCH and t not in first):
                break
            if program.kind[t] == Kind.FETCH:
                out.append(t)
    return out


def is_last_of_an_idle_queue(program: Program, fetch: int) -> bool:
    """The network has nothing on the queue, so nothing else tells the tail that the queue has ended."""
    tasks = program.lists[int(program.engine[fetch])]
    kinds = program.kind[tasks]
    return Kind.RUN not in kinds and fetch == int(tasks[kinds == Kind.FETCH][-1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("machine", ["npu40xx:1", "npu40xx:4"])
@pytest.mark.parametrize("network", ["alexnet", "squeezenet", "shufflenet"])
def test_the_head_burst_touches_no_barrier_and_meets_h4(network: str, machine: str, mode: str) -> None:
    program = api.compile_program(api.load(network, machine), mode).program
    burst = burst_of(program)
    served = {int(program.target[f]) for f in burst}
    starts = {e: int(tasks[0]) for e, tasks in enumerate(program.lists) if len(tasks)}
    compute = [e for e in starts if program.machine.engines[e].descriptor_slots]
    assert min(compute, key=starts.__getitem__) in served, "the first engine to start has its descriptors at the head"
    assert len(burst) >= 2
    for f in burst:
        assert not len(program.waits[f]), program.names[f]
        tells_tail = mode == "full" and is_last_of_an_idle_queue(program, f)
        assert set(program.updates[f].tolist()) <= ({program.barriers.tail} if tells_tail else set())
    verdict = check(program)
    assert verdict.status == PROVED
    assert any(text.startswith("H4") for text in map(str, verdict.properties)), verdict.properties


def test_in_partial_mode_a_sync_behind_the_burst_tells_firmware() -> None:
    program = api.compile_program(api.load("squeezenet", "npu40xx:1"), "partial").program
    [queue] = {int(program.engine[f]) for f in burst_of(program)}
    listed = program.lists[queue].tolist()
    sync = listed[len(burst_of(program))]
    assert program.kind[sync] == Kind.SYNC
    [pulse] = program.updates[sync].tolist()
    pushed = [i for i, at in enumerate(program.items.at.lists()) if pulse in at]
    first = int(program.lists[int(program.target[listed[0]])][0])
    assert int(program.engine[first]) in {int(program.items.engine[i]) for i in pushed}


def test_full_mode_needs_no_sync_for_it() -> None:
    program = api.compile_program(api.load("squeezenet", "npu40xx:1"), "full").program
    queue = int(program.engine[burst_of(program)[0]])
    kinds = [Kind(int(program.kind[t])) for t in program.lists[queue].tolist()]
    assert kinds[0] == Kind.FETCH
    assert set(kinds[: kinds.index(Kind.RUN)]) == {Kind.FETCH, Kind.ENQUEUE}
