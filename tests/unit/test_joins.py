"""SYNC DMAs of full mode: as few as the orders allow, none that adds nothing."""

import random

import numpy as np
import pytest

from wlm_dialect.machine import preset
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.analysis.fewest_joins import fewest_joins
from wlm_dialect.passes.analysis.spare_joins import without_spare_joins
from wlm_dialect.passes.editing import without_tasks
from wlm_dialect.program import Barriers, Kind, Program
from wlm_dialect.program.model import Draft

TINY = preset("tiny").with_(**{"barriers.count": 4})
DMA0, DMA1, DPU, SHAVE = (TINY.engine_index[name] for name in ("dma0", "dma1", "dpu0", "shave0"))


def two_engines(cycles: list[int]) -> Program:
    """Pairs of a DPU task of these cycles and a DMA of 100 ticks, without any order between them."""
    draft = Draft("net", TINY)
    for n, ticks in enumerate(cycles):
        draft.add(DPU, f"conv{n}", ticks)
        draft.add(DMA0, f"load{n}", 100)
    return draft.finish()


def test_one_sync_stands_for_orders_that_overlap() -> None:
    """conv0 and conv1 have ended when load2 starts, and load2 comes before load3, so one point serves both."""
    program = two_engines([50, 50, 50, 50])
    assert fewest_joins(program, {(5, DMA0): {0}, (7, DMA0): {2}}) == {(5, DMA0): {0, 2}}


def test_a_sync_does_not_make_the_queue_wait_longer_than_the_order_does() -> None:
    """conv1 ends at 350, when the queue is through with load2 (at 300): before load2 it would hold the queue up."""
    program = two_engines([50, 300, 50, 50, 50])
    assert fewest_joins(program, {(5, DMA0): {0}, (9, DMA0): {2}}) == {(5, DMA0): {0}, (9, DMA0): {2}}


def test_a_sync_stands_behind_all_it_waits_for() -> None:
    """Task 6 of the program comes after task 5: no place before task 5 can wait for it."""
    program = two_engines([1, 1, 1, 1, 1])
    assert fewest_joins(program, {(5, DMA0): {0}, (9, DMA0): {6}}) == {(5, DMA0): {0}, (9, DMA0): {6}}


@pytest.mark.parametrize("seed", range(20))
def test_every_order_keeps_a_sync_in_time_and_none_is_too_many(seed: int) -> None:
    rng = random.Random(seed)
    program = two_engines([rng.randint(1, 400) for _ in range(30)])
    times, listed = estimate(program), program.lists[DMA0]
    joins: dict[tuple[int, int], set[int]] = {}
    for _ in range(25):
        then = rng.randrange(10, 60)
        joins.setdefault((then, DMA0), set()).add(2 * rng.randrange(then // 2))
    out = fewest_joins(program, joins)
    assert len(out) <= len(joins)
    for (then, queue), firsts in joins.items():
        for t in firsts:
            places = [at for (at, q), known in out.items() if q == queue and t in known and t < at <= then]
            assert places
            # at the place of the order itself, or where the queue would not have come before its end anyway
            assert any(
                np.searchsorted(listed, at) == np.searchsorted(listed, then)
                or times.start[listed[np.searchsorted(listed, at)]] >= times.end[t]
                for at in places
            )


def bound(rows: list[tuple[int, str, Kind, list[int], list[int]]], pids: list[int]) -> Program:
    """Tasks as (engine, name, kind, waits, updates) on instances of these physical barriers, one slot each."""
    draft = Draft("net", TINY, "physical")
    for engine, name, kind, waits, updates in rows:
        draft.add(engine, name, 100, kind=kind, waits=waits, updates=updates)
    made = draft.finish()
    counts = [np.diff(table.start).astype(np.int32) for table in (made.producers, made.consumers)]
    return made.with_(barriers=Barriers(np.asarray(pids, np.int32), *counts, np.zeros(len(pids), np.int32)))


RUN, SYNC = Kind.RUN, Kind.SYNC


def syncs(program: Program) -> list[tuple[str, list[int]]]:
    return [(program.names[t], program.waits[t].tolist()) for t in np.nonzero(program.kind == SYNC)[0].tolist()]


def test_a_sync_that_waits_for_nothing_goes() -> None:
    program = bound([(DMA0, "load", RUN, [], [0]), (DMA0, "idle", SYNC, [], []), (DPU, "conv", RUN, [0], [])], [0])
    assert without_spare_joins(program).names == ("load", "conv")


def test_neighbours_become_the_last_of_them() -> None:
    program = bound(
        [
            (DPU, "a", RUN, [], [0]),
            (SHAVE, "b", RUN, [], [1]),
            (DMA1, "first", SYNC, [0], []),
            (DMA1, "second", SYNC, [1], []),
        ],
        [0, 1],
    )
    assert syncs(without_spare_joins(program)) == [("second", [0, 1])]


def test_a_sync_that_tells_others_stays() -> None:
    program = bound([(DMA0, "told", SYNC, [], [0]), (DPU, "conv", RUN, [0], [])], [0])
    assert without_spare_joins(program) is program


def test_neighbours_stay_apart_where_an_enqueue_may_have_to_stand_between_them() -> None:
    rows = [
        (DPU, "a", RUN, [], [0]),
        (SHAVE, "b", RUN, [], [1]),
        (DMA0, "first", SYNC, [0], []),
        (DMA1, "other", SYNC, [0], []),
        (DPU, "pushed", RUN, [], []),
        (SHAVE, "pushed too", RUN, [], []),
        (DMA0, "second", SYNC, [1], []),
        (DMA1, "another", SYNC, [1], []),
    ]
    program = bound(rows, [0, 1])
    assert without_spare_joins(program) is program


def test_neighbours_stay_apart_where_the_first_arms_what_the_second_waits_for() -> None:
    """b0#1 is armed once 'a' has started on b0#0, which only the first SYNC knows."""
    rows = [
        (DMA0, "load", RUN, [], [0]),
        (DPU, "a", RUN, [0], [1]),
        (SHAVE, "b", RUN, [1], [2]),
        (DMA1, "first", SYNC, [1], []),
        (DMA1, "second", SYNC, [2], []),
    ]
    assert without_spare_joins(bound(rows, [0, 1, 0])).names == ("load", "a", "b", "first", "second")
    assert syncs(without_spare_joins(bound(rows, [0, 1, 2]))) == [("second", [1, 2])]


def test_tasks_are_taken_out_with_all_that_belongs_to_them() -> None:
    draft = Draft("net", TINY)
    a = draft.add(DMA0, "a", 3)
    draft.add(DMA0, "gone", 4)
    draft.add(DPU, "c", 5, slots=2, after=[a])
    program = draft.finish().with_(extra={1: {"x": 1}, 2: {"y": 2}})
    left = without_tasks(program, [1])
    assert (left.names, left.cycles.tolist(), left.slots.tolist()) == (("a", "c"), [3, 5], [1, 2])
    assert (left.after.lists(), left.extra) == ([[], [0]], {1: {"y": 2}})
