"""Fusion: every order is kept, no task starts later, and no smaller number of barriers would do."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wlm_dialect.kernels import fusion
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import BarrierModel, EngineModel, MachineModel, preset
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.fuse_barriers import fused
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft

ORDERS = ("serial", "prefetching", "outstanding", "pool")


def machine(order: str, servers: int) -> MachineModel:
    """Two DMA queues and two compute engines, one of them of the order asked for."""
    base = preset("tiny")
    odd = EngineModel("shave0", "shave", 0, order, servers, descriptor_slots=4, descriptor_bytes=16)
    return MachineModel(
        "test", 1000, 1, (*base.engines[:2], base.engines[3], odd), BarrierModel(count=64), memory=base.memory
    )


@st.composite
def virtual_programs(draw: st.DrawFn, longest: int = 24) -> Program:
    """A random graph with a barrier for each task that has to wait."""
    order = draw(st.sampled_from(ORDERS))
    model = machine(order, draw(st.integers(1, 3)) if order in ("outstanding", "pool") else 1)
    draft = Draft("net", model)
    for t in range(draw(st.integers(1, longest))):
        after = sorted(draw(st.sets(st.integers(0, t - 1), max_size=3))) if t else []
        draft.add(draw(st.integers(0, 3)), f"t{t}", draw(st.integers(1, 9)), after=after)
    return InsertBarriersPass().run(ReduceDependencesPass().run(draft.finish()))


def by_place(program: Program) -> list[int]:
    """The tasks, engine by engine."""
    return [t for tasks in program.lists for t in tasks.tolist()]


def ordered(program: Program) -> set[tuple[int, int]]:
    """Pairs of tasks, by their places, of which the first is known to end before the other starts."""
    order, tasks = task_order(program), by_place(program)
    return {(i, j) for i, a in enumerate(tasks) for j, b in enumerate(tasks) if order.before_start(a, b)}


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("tolerance", [0, 60])
@settings(max_examples=120, deadline=None)
@given(program=virtual_programs())
def test_what_was_ordered_still_is(early: bool, tolerance: int, program: Program) -> None:
    changed = fused(program, tolerance, early=early)
    assert ordered(program) <= ordered(changed)
    assert np.diff(changed.waits.start).max(initial=0) <= 1
    assert (np.diff(changed.producers.start) > 0).all()
    assert (np.diff(changed.consumers.start) > 0).all()
    for t, row in enumerate(changed.waits.lists()):  # program order is an order of execution
        assert all(p < t for v in row for p in changed.producers[v])


@pytest.mark.parametrize("early", [False, True])
@settings(max_examples=200, deadline=None)
@given(program=virtual_programs())
def test_without_tolerance_no_task_starts_later(early: bool, program: Program) -> None:
    if any(e.order == "pool" for e in program.machine.engines):
        return  # there the sweep takes tasks to start in the order of the list, which is later than they may
    changed = fused(program, 0, early=early)
    before, after = estimate(program), estimate(changed)
    then, now = by_place(program), by_place(changed)
    assert [after.start[t] for t in now] == [before.start[t] for t in then]


def fewest_points(program: Program) -> int:
    """Brute force: the fewest instants such that each order that must be kept has one between end and start."""
    times, order = estimate(program), task_order(without_barriers(program))
    intervals = {
        (times.end[p], times.start[c])
        for c, row in enumerate(program.waits.lists())
        for v in row
        for p in program.producers[v].tolist()
        if not order.before_start(p, c)
    }
    points = sorted({high for _, high in intervals})
    for count in range(len(points) + 1):
        for chosen in combinations(points, count):
            if all(any(low <= x <= high for x in chosen) for low, high in intervals):
                return count
    raise AssertionError("the right ends stab all intervals")


def without_barriers(program: Program) -> Program:
    """What the engines alone keep in order."""
    nothing = Csr.empty(len(program))
    return program.with_(waits=nothing, updates=nothing)


@settings(max_examples=150, deadline=None)
@given(program=virtual_programs(longest=12))
def test_no_fewer_instants_would_do(program: Program) -> None:
    """One barrier per instant at which some wait becomes urgent; orders that others imply may even save some."""
    if any(not e.ends_in_order for e in program.machine.engines):
        return
    assert len(fused(program).barriers) <= fewest_points(program)


def test_slots_bound_what_a_barrier_takes() -> None:
    base = preset("tiny")
    small = MachineModel(
        "test", 1000, 1, base.engines, BarrierModel(count=64, max_consumers=2, max_sum=4), memory=base.memory
    )
    draft = Draft("net", small)
    first = [draft.add(e, f"a{e}", 5) for e in (0, 1)]
    for e, slots in product((3, 4), (1, 2)):
        draft.add(e, f"b{e}{slots}", 5, slots=slots, after=first)
    program = InsertBarriersPass().run(ReduceDependencesPass().run(draft.finish()))
    changed = fused(program)
    for v in range(len(changed.barriers)):
        assert changed.slots[changed.consumers[v]].sum() <= 2


def test_numba_and_plain_python_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    draw = np.random.default_rng(1)
    for order in ORDERS:
        draft = Draft("net", machine(order, 2 if order in ("outstanding", "pool") else 1))
        for t in range(300):
            after = sorted({int(a) for a in draw.integers(max(0, t - 12), t, 2)}) if t > 1 else []
            draft.add(int(draw.integers(0, 4)), f"t{t}", int(draw.integers(1, 50)), after=after)
        program = InsertBarriersPass().run(ReduceDependencesPass().run(draft.finish()))
        for tolerance, early in ((0, False), (50, True)):
            monkeypatch.setattr(fusion, "COMPILE_FROM", 1 << 62)
            plain = fused(program, tolerance, early=early)
            monkeypatch.setattr(fusion, "COMPILE_FROM", 0)
            compiled = fused(program, tolerance, early=early)
            monkeypatch.undo()
            assert compiled.names == plain.names
            assert (compiled.waits, compiled.updates) == (plain.waits, plain.updates)
