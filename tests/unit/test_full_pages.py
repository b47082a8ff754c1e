"""Full mode of the baseline `pages`: where its management stands, and where it gives up."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.test_pages import TINY, Row, chain, sheet, with_count
from tests.unit.test_passes_barriers import random_graph
from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.insert_page_fetches import InsertPageFetchesPass
from wlm_dialect.passes.place_pages import PlacePagesPass
from wlm_dialect.passes.policies.pages import DUMMY
from wlm_dialect.passes.policies.pages.borders import BarrierDma
from wlm_dialect.passes.policies.pages.channel import management_queue
from wlm_dialect.passes.policies.pages.checks import require_orders
from wlm_dialect.passes.policies.pages.manage import bound
from wlm_dialect.passes.policies.pages.programs import insert_barrier_dmas, order_around
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Barriers, Kind, Program
from wlm_dialect.program.model import Draft

SPEC = "full{policy=pages}"
DMA0, DMA1, DPU, SHAVE = 0, 1, 3, 4


def managed(graph: Program) -> Program:
    """Without the verdict of the pipeline."""
    return api.compile_program(graph, SPEC, api.pipeline(SPEC)[:-1], validate=True).program


def of_kind(program: Program, kind: Kind) -> list[int]:
    return [t for t in range(len(program)) if program.kind[t] == kind]


# --- which queue ---------------------------------------------------------------------------------------------------


def with_engines(**changes: dict[str, Any]) -> MachineModel:
    engines = tuple(replace(e, **changes.get(e.name, {})) for e in TINY.engines)
    return replace(TINY, engines=engines)


def test_management_goes_to_the_first_queue_that_reads_ddr_and_ends_in_order() -> None:
    unordered = {"order": "outstanding", "servers": 2}
    assert management_queue(TINY) == DMA0
    assert management_queue(preset("npu40xx:6")) == 0
    assert management_queue(with_engines(dma0={"source": "cmx"})) == DMA1
    assert management_queue(with_engines(dma0={"source": "cmx"}, dma1={"source": "cmx"})) == DMA0
    assert management_queue(with_engines(dma0=unordered)) == DMA1
    assert management_queue(TINY.with_(**{"management.queue": "dma1"})) == DMA1
    with pytest.raises(ScheduleError, match=r"needs a DMA queue that ends tasks in order .* 'tiny' has none; use mode"):
        management_queue(with_engines(dma0=unordered, dma1=unordered))


# --- fetches -------------------------------------------------------------------------------------------------------


def fetched(machine: MachineModel, tasks: int) -> Program:
    draft = Draft("net", machine)
    for n in range(tasks):
        draft.add(DPU, f"c{n}", 40)
    return InsertPageFetchesPass().run(draft.finish())


def test_a_fetch_lies_between_the_ends_of_the_group_before() -> None:
    program = fetched(TINY, 7)  # four slots, groups of two
    names = program.names
    fetches = of_kind(program, Kind.FETCH)
    assert [(int(program.low[f]), int(program.high[f]), int(program.slot[f])) for f in fetches] == [
        (0, 2, 0), (2, 4, 2), (4, 6, 0), (6, 7, 2),
    ]  # fmt: skip
    assert [[names[t] for t in program.after[f].tolist()] for f in fetches] == [[], [], ["c2"], ["c4"]]
    waiting = {
        names[t]: [names[a] for a in program.after[t].tolist()] for t in range(len(program)) if names[t][0] == "c"
    }
    assert {n: a for n, a in waiting.items() if a} == {"c3": ["fetch dpu0[4:6]"], "c5": ["fetch dpu0[6:7]"]}


def test_where_nothing_lies_between_the_group_itself_waits() -> None:
    program = fetched(with_engines(dpu0={"descriptor_slots": 1}), 3)  # one slot: one group at a time
    names = program.names
    after = {n: [names[a] for a in program.after[t].tolist()] for t, n in enumerate(names)}
    assert after["fetch dpu0[1:2]"] == ["c0"]
    assert after["c1"] == ["fetch dpu0[1:2]"]
    pool = fetched(with_engines(dpu0={"order": "pool", "servers": 2}), 6)
    late = next(t for t, n in enumerate(pool.names) if n == "fetch dpu0[4:6]")
    assert [pool.names[t] for t in pool.after[late].tolist()] == ["c0", "c1"]  # a pool ends them in any order


def test_tasks_that_are_not_fetched() -> None:
    draft = Draft("net", TINY, phase="virtual")
    draft.add(DPU, "conv", 4, updates=[0])
    program = draft.finish(barriers=Barriers.virtual(1, 0))
    with pytest.raises(ScheduleError, match=r"task 'conv' is never fetched; run wlm-insert-page-fetches first \[H4\]"):
        PlacePagesPass().run(program)
    with pytest.raises(ScheduleError, match="wlm-insert-page-fetches: @net has fetches already"):
        InsertPageFetchesPass().run(fetched(TINY, 2))


# --- barrier DMAs --------------------------------------------------------------------------------------------------

FIVE_PAGES = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_barrier_dma_is_a_task_between_what_it_waits_for_and_what_follows() -> None:
    made = sheet(chain(10), FIVE_PAGES, channel=0, dma=[True, False])
    [task] = insert_barrier_dmas(made, [BarrierDma(2, (4,), (5,), 4, (2, 3))])
    assert (made.queue[task], made.task_page[task], made.waits[task], made.updates[task]) == (0, 2, [4], [5])
    assert made.lists[0] == [0, 2, 4, task, 6, 8]
    assert not order_around(made, {task: BarrierDma(2, (4,), (5,), 4, (2, 3))})


def test_few_waits_per_task_and_early_heads_take_dummies_around_it() -> None:
    dma = BarrierDma(2, (4, 5), (5,), 4, (2, 3))
    rows: list[Row] = [*chain(10), (2, [4], [])]
    made = sheet(rows, FIVE_PAGES, channel=0, max_waits=(1, 1, 1))
    [task] = insert_barrier_dmas(made, [replace(dma, waits=(3, 4))], early_heads=True)
    around = made.lists[0][made.lists[0].index(task) - 1 : made.lists[0].index(task) + 2]
    assert [made.waits[t] for t in around] == [[3], [4], []]
    assert [made.updates[t] for t in around] == [[], [5], []]


def test_no_position_for_a_barrier_dma() -> None:
    made = sheet(chain(10), FIVE_PAGES, channel=0)
    made.add_update(6, 4)  # a task that follows the end barrier lifts the start barrier
    made.task_page[6] = 2
    with pytest.raises(ScheduleError, match="page 2 has no place for the DMA that programs the next pages"):
        insert_barrier_dmas(made, [BarrierDma(2, (4,), (5,), 4, (2, 3))])


def test_the_last_dma_of_another_queue_comes_behind_it() -> None:
    rows: list[Row] = [*chain(10), (2, [4], []), (2, [6], [9])]
    dma = BarrierDma(2, (4,), (5,), 4, (2, 3))
    made = sheet(rows, FIVE_PAGES, channel=0)
    tasks = insert_barrier_dmas(made, [dma])
    assert order_around(made, tasks)
    assert made.waits[10] == [4, 5]
    # where it may wait on one barrier only, a dummy does it
    made = sheet(rows, FIVE_PAGES, channel=0, max_waits=(0, 0, 1))
    assert order_around(made, insert_barrier_dmas(made, [dma]))
    dummy = made.lists[2][1]
    assert (dummy in made.inserted, made.waits[dummy], made.waits[10]) == (True, [5], [4])


def test_a_boundary_task_that_came_later_comes_before_it() -> None:
    rows: list[Row] = [*chain(10), (2, [2], [5])]  # on page 1, updates page 2
    made = sheet(rows, FIVE_PAGES, channel=0)
    dma = BarrierDma(2, (4,), (5,), 4, (2, 3))
    assert order_around(made, insert_barrier_dmas(made, [dma]))
    assert made.updates[10] == [4, 5]


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("seed", [1, 2, 5])
def test_programming_covers_what_bootstrap_does_not_load(seed: int, depth: int) -> None:
    machine = with_count(8, **{"barriers.fifo_depth": depth, "management.program_depth": 2})
    done = managed(random_graph(seed, machine, 80))
    loaded = done.bootstrap.tolist()
    programs = [v for row in done.programs.lists() for v in row]
    assert sorted([*loaded, *programs]) == list(range(len(done.barriers)))
    assert set(done.barriers.instance[loaded].tolist()) == set(range(min(2, 1 + depth)))
    for t in of_kind(done, Kind.PROGRAM):
        rows = done.programs[t].tolist()
        pids = sorted({int(done.barriers.pid[v]) for v in rows})
        assert pids == list(range(pids[0], pids[-1] + 1))  # one run of registers, in one half
        assert pids[0] // 4 == pids[-1] // 4
        assert [(int(done.barriers.pid[v]), int(done.barriers.instance[v])) for v in rows] == sorted(
            (int(done.barriers.pid[v]), int(done.barriers.instance[v])) for v in rows
        )
        assert int(done.bytes[t]) == 4 * len(pids) * max(int((done.barriers.pid[rows] == p).sum()) for p in pids)


# --- enqueues ------------------------------------------------------------------------------------------------------


def test_the_first_two_pages_are_pushed_at_once_and_later_ones_a_page_ahead() -> None:
    """SHAVE tasks follow the chain of the DPU at a distance: nothing on their own queue protects the late one."""
    draft = Draft("net", with_count(4))
    last = -1
    for n in range(16):
        last = draft.add(DMA0 if n % 2 else DPU, f"t{n}", 50, bytes=0 if n % 2 == 0 else 8, after=[last] if n else [])
        if n in (0, 13):
            draft.add(SHAVE, f"s{n}", 10, after=[last])
    done = managed(draft.finish())
    assert check(done).status == PROVED
    pushes = [(int(done.target[t]), int(done.low[t]), int(done.high[t])) for t in of_kind(done, Kind.ENQUEUE)]
    assert pushes == [(DPU, 0, 8), (SHAVE, 0, 1), (SHAVE, 1, 2)]
    late = of_kind(done, Kind.ENQUEUE)[-1]
    page = [2 * int(i) + int(p) // 2 for p, i in zip(done.barriers.pid, done.barriers.instance, strict=True)]
    own = next(t for t in range(len(done)) if done.names[t] == "s13")
    # with the waits of the DMA in front of which it stands, on the page before that of its task
    assert [page[v] for v in done.waits[late].tolist()] == [page[int(done.waits[own][0])] - 1]
    behind = int(done.lists[DMA0][int(done.position[late]) + 1])
    assert not done.waits[behind].size


@pytest.mark.parametrize("full_fifo", ["block", "drop"])
@pytest.mark.parametrize("fifo", [1, 4, 8])
def test_an_enqueue_never_pushes_more_than_the_fifo_holds(fifo: int, full_fifo: str) -> None:
    draft = Draft("net", with_count(8, **{"engine.fifo_depth": fifo, "full_fifo": full_fifo}))
    last = -1
    for n in range(30):
        draft.add(DMA0, f"load{n}", 20, bytes=8, after=[last] if n else [])
        last = draft.add(DPU, f"conv{n}", 50, after=[len(draft.kind) - 1])
    done = managed(draft.finish())
    assert check(done).status == PROVED
    sizes = [int(done.high[t] - done.low[t]) for t in of_kind(done, Kind.ENQUEUE)]
    assert sum(sizes) == 30
    assert max(sizes) <= fifo


def test_linked_enqueues_do_not_leave_their_group() -> None:
    machine = with_count(8, **{"management.linked_enqueue": True})
    done = managed(random_graph(3, machine, 60))
    assert check(done).status == PROVED
    groups = {(int(done.target[t]), int(done.low[t])): int(done.high[t]) for t in of_kind(done, Kind.FETCH)}
    for t in of_kind(done, Kind.ENQUEUE):
        start = max(low for e, low in groups if e == done.target[t] and low <= done.low[t])
        assert int(done.high[t]) <= groups[int(done.target[t]), start]


def test_a_fifo_too_small_for_what_is_pushed() -> None:
    machine = with_count(16, **{"engine.fifo_depth": 2, "full_fifo": "drop", "barriers.fifo_depth": 4})
    with pytest.raises(ScheduleError, match=r"policy 'pages': '.*' on @dpu0 waits for itself, because of where tasks"):
        managed(random_graph(0, machine, 60))


# --- the whole -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("machine", ["npu37xx", "npu40xx:1", "npu40xx:4", "npu40xx:6"])
def test_a_network_on_all_machines(machine: str, depth: int) -> None:
    graph = api.load("squeezenet", api.machine(machine).with_(**{"barriers.fifo_depth": depth}))
    done = api.compile_program(graph, SPEC).program  # proved, or it would have raised
    assert done.mode == "full"
    assert {int(done.engine[t]) for t in range(len(done)) if done.kind[t] not in (Kind.RUN, Kind.SYNC)} == {0}
    run = api.run(done)
    assert run.hazard is None
    assert run.makespan is not None
    assert api.run(graph).makespan <= run.makespan <= api.run(graph).makespan * 1.2


@pytest.mark.parametrize("tasks", [[DPU], [DMA0], [DMA1], [SHAVE], [DMA1, DMA0, DMA1]])
def test_networks_of_few_tasks(tasks: list[int]) -> None:
    draft = Draft("net", TINY)
    for n, engine in enumerate(tasks):
        draft.add(engine, f"t{n}", 40, after=[n - 1] if n else [])
    done = managed(draft.finish())
    assert check(done).status == PROVED
    assert of_kind(done, Kind.SYNC) == []


def test_a_network_of_dmas_on_the_other_queue() -> None:
    """The management queue has nothing of its own: dummies make up for it."""
    draft = Draft("net", with_count(4, **{"barriers.fifo_depth": 0}))
    for n in range(14):
        draft.add(DMA1 if n % 3 else DPU, f"t{n}", 40, after=[n - 1] if n else [])
    done = managed(draft.finish())
    assert check(done).status == PROVED
    assert {done.names[t] for t in of_kind(done, Kind.SYNC)} == {DUMMY}


def test_barriers_are_counted_on_pages_too() -> None:
    graph = api.load("squeezenet", "npu40xx:1")
    stats = api.barrier_stats(graph, "full", "pages")
    assert stats["stages"][-1]["pass"].startswith("wlm-place-pages")


def test_barriers_that_take_time_to_re_arm() -> None:
    machine = with_count(8, **{"barriers.rearm": "bounded", "barriers.rearm_delta": 3})
    with pytest.raises(ScheduleError, match=r"re-armed at once, but machine 'tiny' has rearm = 'bounded'; use mode"):
        managed(random_graph(0, machine, 20))


# --- what the policy would leave open ------------------------------------------------------------------------------


def two_instances(**changes: list[int]) -> Program:
    """Barrier 0 twice: its second instance is used by "c" and "d", behind everything that used the first."""
    draft = Draft("net", with_count(4, **{"barriers.fifo_depth": 0}), phase="virtual")
    draft.add(DMA0, "a", 3, updates=[0])
    draft.add(DMA1, "b", 3, waits=[0], updates=[1])
    draft.add(DMA0, "program", 3, kind=Kind.PROGRAM, waits=changes.get("program", [1]), updates=[2], programs=[3])
    draft.add(DMA0, "c", 3, waits=changes.get("c", []), updates=[3])
    draft.add(DMA1, "p", 3, waits=changes.get("p", [2]))
    draft.add(DMA1, "d", 3, waits=[3])
    return bound(draft.finish(barriers=Barriers.virtual(4)), [0, 1, 2, 0])


def refusal(program: Program) -> str:
    """What the policy says of orders that it does not know; nothing if it knows all of them."""
    try:
        require_orders(program)
    except ScheduleError as error:
        return str(error)
    return ""


UNKNOWN = "policy 'pages': nothing says that the instance before b0#1 is over, which"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, ""),
        ({"p": []}, f"{UNKNOWN} is waited on by 'd' on @dma1 [H1]"),
        ({"program": []}, f"{UNKNOWN} is programmed by 'program' on @dma0 [H3]"),
    ],
)
def test_orders_that_clocks_do_not_know_are_refused(changes: dict[str, list[int]], message: str) -> None:
    assert refusal(two_instances(**changes)) == message


def test_an_update_before_the_barrier_is_programmed() -> None:
    draft = Draft("net", with_count(4, **{"barriers.fifo_depth": 1}), phase="virtual")
    draft.add(DMA0, "a", 3, updates=[0])
    draft.add(DMA1, "b", 3, waits=[0])
    draft.add(DMA0, "early", 3, updates=[1])
    program = bound(draft.finish(barriers=Barriers.virtual(2)), [0, 0])
    assert refusal(program) == f"{UNKNOWN} is updated by 'early' on @dma0 [H2]"
