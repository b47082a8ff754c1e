"""Where the ticks of a run went, against schedules whose answer is known by hand."""

import numpy as np
import pytest

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.program import Barriers, Kind, Program, WorkItems
from wlm_dialect.program.model import IRQ_LIFTED, IRQ_OFF, IRQ_OVER, Draft
from wlm_dialect.runtime.law import Law, find_law
from wlm_dialect.runtime.report import make_report
from wlm_dialect.runtime.report_data import why_dict
from wlm_dialect.runtime.result import FINISHED, HAZARD
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing
from wlm_dialect.runtime.trail import find_trail
from wlm_dialect.runtime.what_if import cheaper, what_if
from wlm_dialect.runtime.why import CAUSES, WORK, Why, explain
from wlm_dialect.tools.why_view import to_law, why_line

TINY = preset("tiny")
DMA0, DMA1, DPU0, SHAVE0 = (TINY.engine_index[name] for name in ("dma0", "dma1", "dpu0", "shave0"))
Row = tuple[int, str, int, tuple[int, ...]]


def graph(*tasks: Row, machine: MachineModel = TINY) -> Program:
    """Tasks as engine, name, cycles, dependences."""
    draft = Draft("net", machine)
    for engine, name, cycles, after in tasks:
        draft.add(engine, name, cycles, after=after)
    return draft.finish()


def finish(
    d: Draft, pids: list[int], items: list[tuple[int, int, int, list[int]]], late: tuple[int, ...] = ()
) -> Program:
    """The managed program: barriers with the counts of their users, the last the tail; bootstrap loads all but `late`.

    Work items as engine, low, high, barriers whose interrupt pushes them.
    """
    producers = [sum(v in row for row in d.updates) for v in range(len(pids))]
    consumers = [sum(v in row for row in d.waits) for v in range(len(pids))]
    asked = {v for item in items for v in item[3]} | {v for v in range(len(pids)) for w in late if pids[v] == pids[w]}
    over = IRQ_OVER if d.mode != "full" else IRQ_OFF
    irq = [over if v in asked else IRQ_OFF for v in range(len(pids) - 1)] + [IRQ_LIFTED]
    i32 = np.int32
    columns = [np.array(column, i32) for column in (pids, producers, consumers, irq)]
    table = Barriers(columns[0], columns[1], columns[2], columns[3], len(pids) - 1)
    engine, low, high = (np.array([item[n] for item in items], i32) for n in range(3))
    pushed = WorkItems(engine, low, high, Csr.of([item[3] for item in items]), Csr.of([[] for _ in items]))
    booted = [v for v in range(len(pids)) if v not in late]
    return d.finish(barriers=table, bootstrap=booted, items=pushed)


def why_of(program: Program, ideal: Program | None, **options: object) -> Why:
    """The accounts of a run, which has to finish."""
    result = run(program, **options)  # type: ignore[arg-type]
    assert result.outcome == FINISHED, result.hazard
    why = explain(find_trail(result), None if ideal is None else run(ideal))
    assert sum(share.path for share in why.shares) == result.makespan
    return why


def path(why: Why) -> dict[str, int]:
    return {share.cause: share.path for share in why.shares if share.path}


def delay(why: Why) -> dict[str, int]:
    return {share.cause: share.delay for share in why.shares if share.delay}


# ---- firmware


def interrupted(machine: MachineModel, other: int = 0) -> Program:
    """load (100) -> interrupt pushes conv (50); if there are `other` ticks on dma1, they end with one as well."""
    d = Draft("net", machine, "managed", "partial")
    d.add(DMA0, "load", 100, updates=[0])
    d.add(DMA0 if other else DMA1, "fetch", 10, kind=Kind.FETCH, target=DPU0, low=0, high=1)
    if other:
        d.add(DMA1, "other", other, updates=[1])
    d.add(DPU0, "conv", 50, updates=[2 if other else 1])
    items = [(DMA0, 0, 1 + bool(other), []), (DMA1, 0, 1, []), (DPU0, 0, 1, [0])]
    program = finish(d, list(range(3 if other else 2)), items)
    return program if not other else program.with_(barriers=_all_over(program.barriers))


def _all_over(barriers: Barriers) -> Barriers:
    irq = barriers.irq.copy()
    irq[: barriers.tail] = IRQ_OVER
    return Barriers(barriers.pid, barriers.producers, barriers.consumers, irq, barriers.tail)


@pytest.mark.parametrize("times", [1, 10])
def test_an_interrupt_on_the_path_costs_its_handler(times: int) -> None:
    machine = TINY.with_(**{"firmware.interrupt": 30 * times, "firmware.push": 7})
    why = why_of(interrupted(machine), graph((DMA0, "load", 100, ()), (DPU0, "conv", 50, (0,))))
    assert (why.ticks, why.ideal, why.delay, why.interrupts) == (150 + 30 * times + 7, 150, 30 * times + 7, 1)
    assert path(why) == {WORK: 150, "interrupt": 30 * times + 7}
    assert delay(why) == {"interrupt": 30 * times + 7}
    assert why.management == why.delay


def test_handlers_before_are_the_queue_and_time_that_passes_anyway_hides_their_beginning() -> None:
    """other ends at 80, load at 100: the handler of load waits for that of other, whose first 20 ticks delay nobody."""
    machine = TINY.with_(**{"firmware.interrupt": 30, "firmware.push": 7})
    tasks = (DMA0, "load", 100, ()), (DMA1, "other", 80, ()), (DPU0, "conv", 50, (0,))
    why = why_of(interrupted(machine, 80), graph(*tasks))
    assert path(why) == {WORK: 80 + 50, "interrupt": 37, "firmware_queue": 30}
    assert delay(why) == {"interrupt": 37, "firmware_queue": 10}
    assert (why.interrupts, why.ticks) == (2, 80 + 30 + 37 + 50)


def test_what_if_interrupts_were_free() -> None:
    machine = TINY.with_(**{"firmware.interrupt": 300, "firmware.push": 7})
    program = interrupted(machine)
    saved = what_if(program, run(program).makespan)
    assert saved == {"interrupt": 300 + 7 - 2, "fetch": 0, "enqueue": 0, "refill": 0, "order": 0, "all": 300 + 7 - 2}
    assert cheaper(program, "refill") is program
    assert cheaper(program, "fetch").cycles.tolist() == [100, 1, 50]


def test_what_if_says_nothing_about_a_program_that_does_not_finish_then() -> None:
    """Nothing makes the enqueue on dma1 wait for the fetch on dma0: only its length does."""
    program = fetched(fetch=5, apart=True)
    assert run(program).outcome == FINISHED
    assert what_if(program, run(program).makespan)["enqueue"] is None


# ---- management DMAs


def fetched(fetch: int, apart: bool = False, before: bool = False) -> Program:
    """Full mode: fetch, enqueue (10) of conv (50), which waits for load (100) on dma1, or on dma0 behind them."""
    d = Draft("net", TINY, "managed", "full")
    d.add(DMA0, "fetch", fetch, kind=Kind.FETCH, target=DPU0, low=0, high=1)
    d.add(DMA1 if apart else DMA0, "enqueue", 10, kind=Kind.ENQUEUE, target=DPU0, low=0, high=1)
    d.add(DMA0 if before else DMA1, "load", 100, updates=[0])
    d.add(DPU0, "conv", 50, waits=[0], updates=[1])
    lists = [sum(e == dma for e in d.engine) for dma in (DMA0, DMA1)]
    return finish(d, [0, 1], [(dma, 0, n, []) for dma, n in zip((DMA0, DMA1), lists, strict=True) if n])


LOAD_CONV = graph((DMA1, "load", 100, ()), (DPU0, "conv", 50, (0,)))


def test_a_fetch_is_exposed_as_far_as_it_outlasts_the_load() -> None:
    why = why_of(fetched(500), LOAD_CONV)
    assert path(why) == {WORK: 50, "fetch": 500, "enqueue": 10}
    assert delay(why) == {"fetch": 400, "enqueue": 10}
    hidden = why_of(fetched(80), LOAD_CONV)
    assert (path(hidden), delay(hidden)) == ({WORK: 150}, {})


def test_management_in_front_of_a_data_dma_delays_it() -> None:
    why = why_of(fetched(500, before=True), graph((DMA0, "load", 100, ()), (DPU0, "conv", 50, (0,))))
    assert path(why) == delay(why) | {WORK: 150} == {WORK: 150, "dma_queue": 510}


def refilled(engine: int) -> Program:
    """Full mode: a program DMA (1000) waits for conv, then `late` on `engine` is enqueued (4), then store."""
    d = Draft("net", TINY, "managed", "full")
    places = (0, 1) if engine == DPU0 else (0, 0)
    d.add(DMA1, "fetch", 5, kind=Kind.FETCH, target=DPU0, low=0, high=1)
    d.add(DMA1, "fetch late", 5, kind=Kind.FETCH, target=engine, low=places[1], high=places[1] + 1, slot=places[1])
    d.add(DMA1, "push", 4, kind=Kind.ENQUEUE, target=DPU0, low=0, high=1)
    d.add(DMA0, "load", 100, updates=[0])
    d.add(DPU0, "conv", 200, waits=[0], updates=[1, 2])
    d.add(DMA1, "refill", 1000, kind=Kind.PROGRAM, programs=[3], waits=[1])
    d.add(DMA1, "push late", 4, kind=Kind.ENQUEUE, target=engine, low=places[1], high=places[1] + 1)
    d.add(engine, "late", 50, updates=[3])
    d.add(DMA1, "push store", 4, kind=Kind.ENQUEUE, target=DMA0, low=1, high=2)
    d.add(DMA0, "store", 10, waits=[2, 3], updates=[4])
    return finish(d, [0, 1, 2, 0, 3], [(DMA0, 0, 1, []), (DMA1, 0, 6, [])], late=(3,))


def test_a_starved_refill_is_exposed() -> None:
    tasks = (DMA0, "load", 100, ()), (DPU0, "conv", 200, (0,)), (DPU0, "late", 50, ()), (DMA0, "store", 10, (1, 2))
    why = why_of(refilled(DPU0), graph(*tasks))
    assert path(why) == {WORK: 360, "refill": 1000, "enqueue": 4}
    assert delay(why) == {"refill": 1000, "enqueue": 4}


def test_management_that_waits_for_a_task_is_reuse() -> None:
    """late could run at 0, but its barrier has to be over, after conv at 300; slack before store takes back 250."""
    tasks = (DMA0, "load", 100, ()), (DPU0, "conv", 200, (0,)), (SHAVE0, "late", 50, ()), (DMA0, "store", 10, (1, 2))
    why = why_of(refilled(SHAVE0), graph(*tasks))
    assert (why.ticks, why.ideal) == (1364, 310)
    assert path(why) == {WORK: 360, "refill": 1000, "enqueue": 4}
    assert delay(why) == {"reuse": 300, "refill": 1004 - 250}
    assert [share.cause for share in why.largest()] == ["refill", "reuse"]


def test_an_enqueue_that_waits_for_room_delays_what_stands_behind_it() -> None:
    machine = TINY.with_(**{"dma.fifo_depth": 1})
    d = Draft("net", machine, "managed", "full")
    d.add(DMA0, "push", 4, kind=Kind.ENQUEUE, target=DMA1, low=0, high=3)
    for n in range(3):
        d.add(DMA1, f"t{n}", 20, updates=[0])
    d.add(DMA0, "store", 100, updates=[0])
    program = finish(d, [0], [(DMA0, 0, 2, [])])
    tasks = ((DMA1, "t0", 20, ()), (DMA1, "t1", 20, ()), (DMA1, "t2", 20, ()), (DMA0, "store", 100, ()))
    why = why_of(program, graph(*tasks, machine=machine))
    assert why.ticks == 4 + 20 + 100
    assert path(why) == {WORK: 120, "enqueue": 4}
    assert delay(why) == {"enqueue": 24}


def test_shared_bandwidth_makes_transfers_longer() -> None:
    machine = TINY.with_(**{"memory.bandwidth": "shared"})
    size = machine.memory.ddr_mbps  # clock_mhz ticks alone
    d = Draft("net", machine, "managed", "full")
    d.add(DMA1, "fetch", 1, kind=Kind.FETCH, target=DPU0, low=0, high=1, bytes=size)
    d.add(DMA1, "push", 1, kind=Kind.ENQUEUE, target=DPU0, low=0, high=1)
    d.add(DMA0, "load", 1, updates=[0], bytes=size * 10)
    d.add(DPU0, "conv", 50, waits=[0], updates=[1])
    program = finish(d, [0, 1], [(DMA0, 0, 1, []), (DMA1, 0, 2, [])])
    g = Draft("net", machine)
    g.add(DMA0, "load", 1, bytes=size * 10)
    g.add(DPU0, "conv", 50, after=[0])
    why = why_of(program, g.finish())
    assert why.delay == machine.clock_mhz  # the bytes of the fetch
    assert (path(why), delay(why)) == ({WORK: why.ticks}, {"bandwidth": why.delay})


# ---- order, dispatch, what is not known


def joined(conv_waits: int) -> Program:
    """load (100) -> sync (10) -> conv on the DMA, which waits for barrier `conv_waits`: 0 of load, 1 of the sync."""
    d = Draft("net", TINY, "managed", "full")
    d.add(DMA0, "load", 100, updates=[0])
    d.add(DMA0, "sync", 10, kind=Kind.SYNC, waits=[0] if conv_waits else [], updates=[1])
    d.add(DMA1, "conv", 50, waits=[conv_waits], updates=[2])
    return finish(d, [0, 1, 2], [(DMA0, 0, 2, []), (DMA1, 0, 1, [])])


def test_a_join_and_a_wait_without_a_dependence_are_added_order() -> None:
    depends = graph((DMA0, "load", 100, ()), (DMA1, "conv", 50, (0,)))
    why = why_of(joined(1), depends)
    assert (path(why), delay(why)) == ({WORK: 150, "order": 10}, {"order": 10})
    assert what_if(joined(1), why.ticks)["order"] == 9
    free = graph((DMA0, "load", 100, ()), (DMA1, "conv", 50, ()))
    why = why_of(joined(1), free)
    assert (why.ticks, why.ideal, delay(why)) == (160, 100, {"order": 60})


def test_a_better_order_than_that_of_the_graph_is_negative() -> None:
    d = Draft("net", TINY, "managed", "full")
    d.add(DMA0, "long", 100, updates=[0])
    d.add(DMA0, "short", 10, updates=[1])
    d.add(DMA1, "then", 100, waits=[0], updates=[1])
    program = finish(d, [0, 1], [(DMA0, 0, 2, []), (DMA1, 0, 1, [])])
    why = why_of(program, graph((DMA0, "short", 10, ()), (DMA0, "long", 100, ()), (DMA1, "then", 100, (1,))))
    assert (why.delay, delay(why)) == (-10, {"order": -10})
    assert why.largest() == []


def test_delays_of_dispatch_are_named_and_without_the_graph_there_is_no_delay() -> None:
    program = joined(1)
    why = why_of(program, None, timing=Timing(dispatch={2: 33}))
    assert path(why) == {WORK: 150, "order": 10, "dispatch": 33}
    assert (why.delay, why.ideal, {share.delay for share in why.shares}) == (None, None, {None})
    assert [share.cause for share in why.largest(1)] == ["dispatch"]


def test_a_run_that_stopped_is_accounted_for_to_its_last_end() -> None:
    result = run(fetched(500, apart=True))  # conv is pushed before its descriptor is there
    assert result.outcome == HAZARD
    why = explain(find_trail(result), run(LOAD_CONV))
    assert why.delay is None
    assert sum(share.path for share in why.shares) == why.ticks == int(result.end.max())


def test_nothing_took_no_time() -> None:
    why = explain(find_trail(run(Draft("none", TINY).finish())))
    assert (why.ticks, why.management, why.interrupts, path(why)) == (0, 0, 0, {})


def test_tasks_of_one_name_are_told_by_their_place() -> None:
    tasks = (DMA0, "x", 10, ()), (DMA0, "x", 20, ()), (DPU0, "x", 5, (1,))
    why = why_of(graph(*tasks), graph(*tasks))
    assert (path(why), why.delay, delay(why)) == ({WORK: 35}, 0, {})


def test_a_graph_that_lacks_a_task_charges_it_as_work() -> None:
    why = why_of(joined(1), graph((DMA0, "load", 100, ())))
    assert (why.delay, delay(why)) == (60, {WORK: 50, "order": 10})


# ---- the law, and what is printed


def test_the_law_counts_what_bootstrap_cannot_load() -> None:
    assert Law(instances=10, barriers=4, preload=0, top_up=1, cost=50).ticks == 300
    assert Law(instances=10, barriers=2, preload=1, top_up=4, cost=50).ticks == 75
    assert Law(instances=10, barriers=2, preload=1, top_up=4, cost=49).ticks == 74  # 73.5 rounded up
    assert Law(instances=10, barriers=4, preload=4, top_up=1, cost=50).ticks == 0


def test_the_law_is_about_firmware() -> None:
    assert find_law(fetched(5)) is None
    assert find_law(LOAD_CONV) is None
    law = find_law(interrupted(TINY))
    cost = TINY.firmware.interrupt + TINY.firmware.program
    assert law == Law(instances=2, barriers=2, preload=0, top_up=1, cost=cost)
    assert why_of(interrupted(TINY), None).to_law is None  # a law of 0 ticks bounds nothing


def serial(links: int) -> Program:
    """A chain of DMAs that takes turns on two barriers, programmed by firmware: one interrupt per link."""
    d = Draft("net", TINY, "managed", "partial")
    for n in range(links):
        d.add(DMA0 if n % 2 == 0 else DMA1, f"t{n}", 1, waits=[n - 1] if n else [], updates=[n])
    pids = [n % 3 for n in range(links)]
    items = [(e, n, n + 1, [2 * n + e - 3] if 2 * n + e >= 3 else []) for n in range(links // 2) for e in (DMA0, DMA1)]
    return finish(d, pids, items, late=tuple(range(3, links)))


def test_a_chain_comes_close_to_the_law() -> None:
    program = serial(12)
    why = why_of(program, None)
    cost = TINY.firmware.interrupt + TINY.firmware.program
    assert why.law == Law(12, 3, 0, 1, cost)
    assert why.to_law == why.ticks / (9 * cost) > 1
    assert to_law(why_dict(make_report(run(program)))) == f"{why.to_law:.2f}x"


def test_one_line_names_the_largest_causes() -> None:
    ideal = run(LOAD_CONV)
    data = why_dict(make_report(run(fetched(500)), ideal, free=True))
    assert why_line(data) == "fetch 267%, enqueue 6.7%"
    assert data["what_if"] == {"interrupt": 0, "fetch": 410, "enqueue": 9, "refill": 0, "order": 0, "all": 410}
    assert set(data["causes"]) == {WORK, *CAUSES}
    assert why_line(why_dict(make_report(run(fetched(80)), ideal))) is None
    assert why_line(why_dict(make_report(run(fetched(80))))) is None
    assert to_law(data) is None
