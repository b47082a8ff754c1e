"""Policy `pages`: cutting, legalising, dummies, room for barrier DMAs, padding; and every way in which it gives up."""

import re
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.test_passes_barriers import random_graph
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.assign_barriers import AssignBarriersPass, configured
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_tail import InsertTailPass
from wlm_dialect.passes.merge_barriers import MergeBarriersPass
from wlm_dialect.passes.policies.pages import DUMMY, Paged, place_pages
from wlm_dialect.passes.policies.pages import legalise as steps
from wlm_dialect.passes.policies.pages.borders import BarrierDma, place_barrier_dmas, programming_pages
from wlm_dialect.passes.policies.pages.build import check_slots, execution_order, ordered_by_lift, pad_pages
from wlm_dialect.passes.policies.pages.dummies import insert_dummies
from wlm_dialect.passes.policies.pages.legalise import add_boundaries, join_queues, make_legal, shorten
from wlm_dialect.passes.policies.pages.sheet import Sheet, boundary_tasks, illegal_tasks, split_barriers
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.program import Barriers, Kind, Program
from wlm_dialect.program.model import Draft

TINY = preset("tiny")  # dma0, dma1, dma_fw, dpu0, shave0
Row = tuple[int, list[int], list[int]]
"""Queue, waits, updates."""


def sheet(rows: list[Row], pages: list[int], *, dma: list[bool] | None = None, **more: Any) -> Sheet:
    queues = 1 + max(q for q, _, _ in rows)
    lists = [[t for t, row in enumerate(rows) if row[0] == q] for q in range(queues)]
    waits, updates = [row[1] for row in rows], [row[2] for row in rows]
    is_dma = [True] * queues if dma is None else dma
    given: dict[str, Any] = {"ordered": [True] * queues, "tail": len(pages) - 1, **more}
    return Sheet(2, [row[0] for row in rows], lists, waits, updates, pages, is_dma, **given)


def chain(tasks: int) -> list[Row]:
    """Queues 0 and 1 in turn, each task waiting for the one before."""
    return [(t % 2, [t - 1] if t else [], [t]) for t in range(tasks)]


def virtual(seed: int, machine: MachineModel, tasks: int = 60) -> Program:
    program = random_graph(seed, machine, tasks)
    for step in (ReduceDependencesPass(), InsertBarriersPass(), MergeBarriersPass(), InsertTailPass()):
        program = step.run(program)
    return program


def with_count(count: int, **more: Any) -> MachineModel:
    slots = {f"barriers.{name}": 200 for name in ("max_producers", "max_consumers", "max_sum")}
    return TINY.with_(**{"barriers.count": count, "engine.fifo_depth": 200, **slots, **more})


def test_pages_are_cut_every_so_many_barriers_and_at_sync_tasks() -> None:
    assert split_barriers(5, 2, [False] * 5) == [0, 0, 1, 1, 2]
    assert split_barriers(4, 2, [False, True, False, False]) == [0, 1, 1, 2]
    assert split_barriers(0, 2, []) == []


def test_a_task_is_on_the_page_of_its_last_wait_and_never_before_its_predecessor() -> None:
    made = sheet([(0, [], [0]), (0, [2], []), (0, [0], [3]), (1, [], [2])], [0, 0, 1, 1])
    assert made.task_page == [0, 1, 1, 0]
    assert illegal_tasks(made) == [2]
    assert boundary_tasks(made, 0) == [3]


def test_where_ends_are_not_in_order_a_task_waits_on_its_own_page() -> None:
    rows: list[Row] = [(0, [], [0, 1]), (1, [0], [2]), (0, [2], [3]), (1, [3], []), (1, [], [])]
    made = sheet(rows, [0, 0, 1, 1], ordered=[True, False])
    assert made.task_page == [0, 0, 1, 1, 1]
    assert made.waits[4] == [3]


def test_barriers_are_numbered_as_they_lift() -> None:
    draft = Draft("net", TINY, phase="virtual")
    draft.add(0, "a", 1, updates=[0, 1])
    draft.add(1, "b", 1, waits=[1], updates=[0, 2])
    draft.add(0, "c", 1, waits=[0], updates=[2])
    program = draft.finish(barriers=Barriers.virtual(3, 2))
    ordered = ordered_by_lift(program)
    assert ordered.updates.lists() == [[0, 1], [1, 2], [2]]
    assert ordered.barriers.tail == 2


@pytest.mark.parametrize("count", [4, 8, 16])
@pytest.mark.parametrize("seed", range(6))
def test_what_comes_out_is_legal_and_ends_legal(seed: int, count: int) -> None:
    program = virtual(seed, with_count(count))
    paged = place_pages(program, by_firmware=True)
    assert sorted(paged.origin) == [*[-1] * len(paged.dummies), *range(len(program))]
    assert sum(name == DUMMY for name in paged.program.names) == len(paged.dummies)
    full = [paged.barrier_page.count(p) for p in range(max(paged.barrier_page) - 1)]
    assert full == [count // 2] * len(full)
    assert_boundaries_join(paged)
    done = configured(paged.program, paged.pids)
    assert done.phase == "physical"


def assert_boundaries_join(paged: Paged) -> None:
    """Some task of every page but the last updates the next one, and all such tasks are listed."""
    page, last = paged.barrier_page, max(paged.barrier_page)
    assert set(paged.boundary) == set(range(last))
    for p, tasks in paged.boundary.items():
        assert tasks
        assert all(paged.task_page[t] == p for t in tasks)
        assert all(any(page[v] == p + 1 for v in paged.program.updates[t].tolist()) for t in tasks)


@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_room_for_barrier_dmas(seed: int) -> None:
    """Each comes after the whole page before, and before anything of the next: rules R11 and R12."""
    machine = with_count(8, **{"barriers.fifo_depth": 0})
    paged = place_pages(virtual(seed, machine))
    page = paged.barrier_page
    assert [d.page for d in paged.barrier_dmas] == programming_pages(max(page) + 1, 1) != []
    consumers, producers = paged.program.consumers.lists(), paged.program.producers.lists()
    for dma in paged.barrier_dmas:
        assert {page[v] for v in (*dma.waits, *dma.updates)} == {dma.page}
        assert not set(dma.waits) & set(dma.updates)
        assert dma.pids == tuple(range(4) if dma.page % 2 else range(4, 8))
        following = with_dma(paged.program, dma)
        n = len(paged.program)
        behind, ahead = reached(following, n), {t for t in range(n) if n in reached(following, t)}
        assert n not in behind  # it does not wait for itself
        before = [t for v, p in enumerate(page) if p == dma.page - 1 for t in consumers[v]]
        after = [t for v, p in enumerate(page) if p == dma.page + 1 for t in producers[v]]
        assert ahead >= set(before)
        assert behind >= set(after)


def with_dma(program: Program, dma: BarrierDma) -> list[set[int]]:
    """Task -> tasks that follow it on its queue or wait on what it updates; the last one is the DMA."""
    n = len(program)
    producers = [[*row, *([n] if v in dma.updates else [])] for v, row in enumerate(program.producers.lists())]
    consumers = [[*row, *([n] if v in dma.waits else [])] for v, row in enumerate(program.consumers.lists())]
    following: list[set[int]] = [set() for _ in range(n + 1)]
    for made, used in zip(producers, consumers, strict=True):
        for t in made:
            following[t].update(used)
    for e, tasks in enumerate(program.lists):
        listed = tasks.tolist()
        if e == 0:
            listed.insert(sum(t <= dma.insert_after for t in listed), n)
        for a, b in pairwise(listed):
            following[a].add(b)
    return following


def reached(following: list[set[int]], start: int) -> set[int]:
    seen: set[int] = set()
    work = [start]
    while work:
        fresh = following[work.pop()] - seen
        seen |= fresh
        work += fresh
    return seen


def test_pages_with_a_barrier_dma() -> None:
    assert programming_pages(20, 4) == [7, 8, 15, 16]
    assert programming_pages(5, 1) == [1, 2, 3]
    assert programming_pages(8, 4) == []  # bootstrap covers them


def test_dummies_are_named_and_counted_by_the_pass() -> None:
    machine = with_count(8)
    program = virtual(1, machine)
    done = AssignBarriersPass("partial", "pages").run(program)
    dummies = [n for n in range(len(done)) if done.kind[n] == Kind.SYNC]
    assert dummies
    assert {done.names[n] for n in dummies} == {DUMMY}
    assert len(done) == len(program) + len(dummies)


def test_a_page_without_tasks_gets_one() -> None:
    made = sheet([(0, [], [0, 1, 2]), (1, [0], [3, 4]), (1, [4], [5])], [0, 0, 1, 1, 2, 2])
    assert made.on_page[1] == []
    make_legal(made)
    assert [made.task_page[t] for t in made.inserted] == [1]
    assert not illegal_tasks(made)


def test_barriers_without_users_pad_a_page_first() -> None:
    made = sheet(chain(8), [0, 0, 1, 1, 2, 2, 3, 3])
    made.drop_update(0, 0)
    made.drop_wait(1, 0)
    assert pad_pages(made, [True, True]) == [0]
    assert (made.producers[0], made.consumers[0]) == ([1], [2])
    # a task that may wait on one barrier only keeps that
    made.drop_update(1, 0)
    made.drop_wait(2, 0)
    assert pad_pages(made, [False, False]) == [0]
    assert (made.producers[0], made.consumers[0]) == ([1], [])


# --- ways to give up -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (with_count(7), "policy 'pages' needs two halves of equal size, but machine 'tiny' has 7 barriers"),
        (with_count(2), "policy 'pages': a page of 1 barriers leaves no room between its first and its last"),
    ],
)
def test_a_machine_that_has_no_pages(machine: MachineModel, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        place_pages(virtual(0, machine))


def test_borders_that_never_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_ROUNDS", 0)
    with pytest.raises(ScheduleError, match="borders of pages still change after 0 rounds"):
        make_legal(sheet(chain(6), [0, 0, 1, 1, 2, 2]))


def test_an_empty_page_without_a_dma_queue() -> None:
    made = sheet([(0, [], [0, 1, 2]), (0, [0], [3, 4]), (0, [4], [5])], [0, 0, 1, 1, 2, 2], dma=[False])
    with pytest.raises(ScheduleError, match="page 1 has no task, and there is no DMA queue for a dummy"):
        add_boundaries(made)


def test_an_update_that_nobody_takes_over() -> None:
    made = sheet([(0, [], [0, 4]), (1, [0], [1]), (1, [2], [3]), (0, [4], [5])], [0, 0, 1, 1, 2, 2])
    with pytest.raises(ScheduleError, match="no boundary task of page 1 can take over an update of task 0"):
        shorten(made)  # add_boundaries was to come first


def test_a_task_without_a_barrier_on_its_page() -> None:
    made = sheet([(0, [], [0, 2]), (1, [0, 2], [4]), (1, [], [])], [0, 0, 1, 1, 2, 2])
    made.waits[1] = [0]  # what made it a task of page 1 is gone
    made.consumers[2] = []
    with pytest.raises(ScheduleError, match="task 1 has no barrier on its page to wait on"):
        shorten(made)
    made = sheet([(0, [], [0, 2]), (1, [2], [4]), (1, [4], [5])], [0, 0, 1, 1, 2, 2], names=("a", "b", "c"))
    made.waits[1], made.consumers[2] = [], []
    with pytest.raises(ScheduleError, match="'b' has no barrier on its page to wait on"):
        join_queues(made)


def test_too_many_dummies_at_one_place() -> None:
    made = sheet([(0, [], [0]), (0, [0], [1]), (1, [2], [3])], [0, 0, 1, 1])

    def insert_many() -> None:
        for _ in range(80):
            made.insert_task(1, 0, [], [])

    with pytest.raises(ScheduleError, match="too many dummies at one place, behind task 0"):
        insert_many()
    assert made.lists[1] == [*made.inserted, 2]  # so far in order
    assert len(made.inserted) > 40


def test_no_room_for_a_barrier_dma() -> None:
    # a page of two barriers of which one is not waited on: nothing lies between its start and its end
    made = sheet([(0, [], [0]), (1, [0], [2]), (1, [2], [4]), (1, [4], [5])], [0, 0, 1, 1, 2, 2])
    with pytest.raises(ScheduleError, match="page 1 has no place for the DMA that programs the next pages"):
        place_barrier_dmas(made, 1)


def test_a_page_of_barriers_nobody_uses() -> None:
    made = sheet([(0, [], [2]), (0, [2], [4]), (0, [4], [5])], [0, 0, 1, 1, 2, 2])
    with pytest.raises(ScheduleError, match="page 0 has no barrier in use"):
        pad_pages(made, [True])


def test_edits_that_make_a_task_wait_for_itself() -> None:
    made = sheet(chain(4), [0, 0, 1, 1])
    made.add_update(3, 0)
    with pytest.raises(ScheduleError, match="the joins at borders of pages make task 1 wait for itself"):
        execution_order(made)


def test_joins_that_need_more_slots_than_there_are() -> None:
    machine = with_count(4, **{"barriers.max_producers": 1, "barriers.max_sum": 3})
    draft = Draft("net", machine, phase="virtual")
    draft.add(0, "a", 1, updates=[0])
    draft.add(1, "b", 1, updates=[0])
    program = draft.finish(barriers=Barriers.virtual(1))
    with pytest.raises(ScheduleError, match=r"give v0 2 producers and 0 consumers; machine 'tiny' counts 1, "):
        check_slots(program)


def test_dummies_that_fill_the_fifos_of_firmware() -> None:
    program = virtual(0, with_count(4, **{"engine.fifo_depth": 1}))
    with pytest.raises(ScheduleError, match=r"its \d+ dummies fill DMA FIFOs, and no task of the network is left"):
        place_pages(program, by_firmware=True)


def test_orders_that_full_mode_needs_besides() -> None:
    """Where they are missing depends on which queue manages which engine, so several graphs are tried."""
    told: list[str] = []
    for seed in range(8):
        for count in (4, 8):
            try:
                AssignBarriersPass("full", "pages").run(virtual(seed, with_count(count), 40))
            except ScheduleError as error:
                told.append(str(error))
    message = r"@net: policy 'pages' leaves \d+ orders unknown that full mode needs, the first for '.*'; use policy"
    assert any(re.match(message, text) for text in told), told


def test_dummies_go_where_a_queue_does_nothing() -> None:
    made = sheet([*chain(9), (2, [], [0]), (2, [8], [9])], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    make_legal(made)
    inserted = insert_dummies(made)
    assert {made.queue[t] for t in inserted} == {2}
    assert [made.task_page[t] for t in inserted] == [1, 2, 3]
    assert [len(made.waits[t]) for t in inserted] == [1, 1, 1]
