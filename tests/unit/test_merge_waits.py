"""Waits beyond what an engine allows, and redundant ones: random programs with several waits per task."""

import random

import numpy as np
import pytest

from tests.unit.test_passes_barriers import closure
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.merge_waits import MergeWaitsPass
from wlm_dialect.passes.order_barriers import OrderBarriersPass
from wlm_dialect.passes.reduce_barriers import ReduceBarriersPass
from wlm_dialect.passes.verify_phase import VerifyPhasePass
from wlm_dialect.program import Barriers, Kind, Program
from wlm_dialect.program.model import Draft

TINY = preset("tiny")
SEEDS = range(25)


def many_waits(seed: int, machine: MachineModel = TINY, tasks: int = 24) -> Program:
    """Every barrier has a producer and consumers after it; tasks wait on up to five."""
    rng = random.Random(seed)
    engines = [machine.engine_index[e.name] for e in machine.engines if not e.firmware]
    waits: list[set[int]] = [set() for _ in range(tasks)]
    updates: list[set[int]] = [set() for _ in range(tasks)]
    count = 16
    for v in range(count):
        middle = rng.randrange(1, tasks)
        for _ in range(rng.choice([1, 1, 2, 6])):
            updates[rng.randrange(middle)].add(v)
        for _ in range(rng.choice([1, 2, 3])):
            waits[rng.randrange(middle, tasks)].add(v)
    draft = Draft("net", machine, "virtual")
    for t in range(tasks):
        engine = rng.choice(engines)
        slots = 1 if machine.engines[engine].kind == "dma" else rng.randint(1, 4)
        draft.add(engine, f"t{t}", rng.randint(1, 60), slots=slots, waits=sorted(waits[t]), updates=sorted(updates[t]))
    return draft.finish(barriers=Barriers.virtual(count))


def kept(before: Program, after: Program) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
    """Order between the tasks of `before`, as it is `after`."""
    place = {name: t for t, name in enumerate(after.names)}
    tasks = [place[name] for name in before.names]
    out: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = closure(after)[np.ix_(tasks, tasks)]
    return out


@pytest.mark.parametrize("waits", [1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_waits_come_within_limits_and_no_order_is_lost(seed: int, waits: int) -> None:
    machine = TINY.with_(
        **{"dpu.max_waits": waits, "shave.max_waits": waits, "dma.max_waits": waits if seed % 2 else 0}
    )
    before = many_waits(seed, machine)
    after = MergeWaitsPass().run(before)
    limits = np.asarray([e.max_waits for e in machine.engines])[after.engine]
    assert ((np.diff(after.waits.start) <= limits) | (limits == 0)).all()
    assert not (closure(before) & ~kept(before, after)).any()
    VerifyPhasePass("virtual").run(after)
    if not (after.kind == Kind.SYNC).any():
        assert estimate(after).start == estimate(before).start


@pytest.mark.parametrize("seed", SEEDS)
def test_with_room_in_barriers_merging_adds_no_order_at_all(seed: int) -> None:
    names = ("barriers.max_producers", "barriers.max_consumers", "barriers.max_sum")
    before = many_waits(seed, TINY.with_(**dict.fromkeys(names, 500)))
    after = MergeWaitsPass().run(before)
    assert after.names == before.names
    assert np.array_equal(closure(after), closure(before))


def test_within_limits_nothing_changes() -> None:
    program = many_waits(1, TINY.with_(**{"dpu.max_waits": 0, "shave.max_waits": 0}))
    assert MergeWaitsPass().run(program) is program
    less = ReduceBarriersPass().run(program)
    assert ReduceBarriersPass().run(less) is less


@pytest.mark.parametrize("seed", SEEDS)
def test_reduction_keeps_the_order_and_the_tail(seed: int) -> None:
    before = many_waits(seed)
    tail = len(before.barriers)
    last = len(before) - 1
    updates = before.updates.lists()
    updates[0] = [*updates[0], tail]
    updates[last] = [*updates[last], tail]
    before = before.with_(
        updates=type(before.updates).of(updates),
        barriers=Barriers.virtual(tail + 1, tail),
    )
    after = ReduceBarriersPass().run(before)
    assert np.array_equal(closure(before), closure(after))
    assert len(after.waits.index) < len(before.waits.index)
    assert after.producers[after.barriers.tail].tolist() == [0, last]
    ordered = OrderBarriersPass().run(after)
    firsts = [row[0] for row in ordered.producers.lists()]
    assert firsts == sorted(firsts)
    assert np.array_equal(closure(ordered), closure(after))
    assert ordered.producers[ordered.barriers.tail].tolist() == [0, last]
