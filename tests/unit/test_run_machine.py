"""What the machine guarantees, by hand-made programs with known times: engine orders, FIFOs, bandwidth, firmware."""

from dataclasses import replace

import pytest

from wlm_dialect.errors import ProgramError, SimulationError, UsageError
from wlm_dialect.kernels.csr import Csr, int32
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.program import Barriers, Kind, Program, WorkItems
from wlm_dialect.program.model import IRQ_OFF, IRQ_OVER, Draft
from wlm_dialect.runtime import compiled as compiled_loop
from wlm_dialect.runtime.ideal import bound, ideal
from wlm_dialect.runtime.result import RunResult
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing

TINY = preset("tiny")  # dma0, dma1, dma_fw, dpu0, shave0
DMA0, DMA1, DPU, SHAVE = 0, 1, 3, 4


def with_order(name: str, order: str, servers: int, machine: MachineModel = TINY) -> MachineModel:
    """The machine with another order of engine `name`."""
    engines = tuple(replace(e, order=order, servers=servers) if e.name == name else e for e in machine.engines)
    return replace(machine, engines=engines)


def graph(machine: MachineModel, *tasks: tuple[int, int, tuple[int, ...]]) -> Program:
    """Tasks as (engine, cycles, after)."""
    draft = Draft("net", machine)
    for n, (engine, cycles, after) in enumerate(tasks):
        draft.add(engine, f"t{n}", cycles, after=after)
    return draft.finish()


def both(program: Program, **options: object) -> RunResult:
    """The run by events; the automatic choice has to agree."""
    a, b = run(program, engine="events", **options), run(program, **options)  # type: ignore[arg-type]
    assert (a.outcome, a.makespan, a.start.tolist(), a.head.tolist()) == (
        b.outcome,
        b.makespan,
        b.start.tolist(),
        b.head.tolist(),
    )
    return a


@pytest.mark.parametrize(
    ("order", "servers", "head", "start"),
    [
        # task 0 is long, task 1 waits for another engine, tasks 2 and 3 for nothing
        ("serial", 1, [0, 100, 150, 160], [0, 130, 150, 160]),
        ("prefetching", 1, [0, 0, 130, 150], [0, 130, 150, 160]),
        ("outstanding", 2, [0, 0, 130, 130], [0, 130, 130, 150]),
        ("outstanding", 3, [0, 0, 130, 130], [0, 130, 130, 130]),
        ("pool", 2, [0, 0, 100, 110], [0, 130, 100, 110]),
        ("pool", 3, [0, 0, 0, 10], [0, 130, 0, 10]),
    ],
)
def test_engine_orders(order: str, servers: int, head: list[int], start: list[int]) -> None:
    machine = with_order("dpu0", order, servers)
    p = graph(machine, (DPU, 100, ()), (SHAVE, 130, ()), (DPU, 20, (1,)), (DPU, 10, ()), (DPU, 5, ()))
    r = both(p)
    assert r.head[[0, 2, 3, 4]].tolist() == head
    assert r.start[[0, 2, 3, 4]].tolist() == start


def managed(machine: MachineModel, draft: Draft, items: list[tuple[int, int, int]], **fields: object) -> Program:
    """A full-mode program whose lists `items` (engine, low, high) are there at bootstrap; no barriers by default."""
    engine, low, high = (int32(column) for column in zip(*items, strict=True))
    empty = Csr.empty(len(items))
    return draft.finish(items=WorkItems(engine, low, high, empty, empty), **fields)  # type: ignore[arg-type]


def blocking(machine: MachineModel) -> Program:
    """One enqueue pushes four tasks of dma1, each 10 ticks."""
    draft = Draft("net", machine, "managed", "full")
    draft.add(DMA0, "enqueue", 4, kind=Kind.ENQUEUE, target=DMA1, low=0, high=4)
    draft.add(DMA0, "behind", 1)
    for _ in range(4):
        draft.add(DMA1, "t", 10)
    return managed(machine, draft, [(DMA0, 0, 2)])


def test_an_enqueue_into_a_full_fifo_keeps_its_channel_busy() -> None:
    r = both(blocking(TINY.with_(**{"dma.fifo_depth": 1})))
    # one item fits at 4, then one more each time an item becomes head: at 4, 14 and 24
    assert r.enqueued[2:].tolist() == [4, 4, 14, 24]
    assert r.end[0] == 24
    assert r.start.tolist() == [0, 24, 4, 14, 24, 34]
    roomy = both(blocking(TINY))
    assert roomy.end[0] == 4
    assert roomy.start.tolist() == [0, 4, 4, 14, 24, 34]


def test_a_linked_enqueue_takes_one_entry_and_chains_heads_to_ends() -> None:
    machine = with_order("dma1", "prefetching", 1, TINY.with_(**{"dma.fifo_depth": 1}))
    linked = machine.with_(**{"management.linked_enqueue": True})
    r = both(blocking(linked))
    assert r.end[0] == 4
    assert r.head[2:].tolist() == [4, 14, 24, 34]
    unlinked = both(blocking(machine))
    assert unlinked.head[2:].tolist() == [4, 4, 14, 24]


def test_consume_at_end_holds_the_barrier_until_the_consumer_ends() -> None:
    draft = Draft("net", TINY, "managed", "full")
    draft.add(DMA0, "load", 10, updates=[0])
    draft.add(DMA1, "use", 7, waits=[0])
    for at, over in (("start", 10), ("end", 17)):
        p = managed(
            TINY,
            draft,
            [(DMA0, 0, 1), (DMA1, 0, 1)],
            barriers=Barriers(int32([0]), int32([1]), int32([1]), int32([IRQ_OFF])),
            bootstrap=[0],
        )
        r = both(p.with_(machine=TINY.with_(**{"barriers.consume_at": at})))
        assert r.over.tolist() == [over]


def transfers(*rows: tuple[int, int, int]) -> Program:
    """DMAs as (engine, cycles, bytes) on a machine of 2 bytes per tick in all and a setup of 10."""
    machine = TINY.with_(**{"memory.bandwidth": "shared"})
    draft = Draft("net", machine)
    for engine, cycles, size in rows:
        draft.add(engine, "t", cycles, bytes=size)
    return draft.finish()


def test_shared_bandwidth_is_fluid_and_fair() -> None:
    assert run(transfers((0, 1, 100))).end.tolist() == [60]
    # both at once: 1 byte per tick each until 110; then the longer one alone at 2
    assert run(transfers((0, 1, 100), (1, 1, 300))).end.tolist() == [110, 210]
    # a task that moves nothing takes its cycles and does not count; thirds of a byte add up exactly
    three = run(transfers((0, 1, 100), (1, 1, 100), (2, 1, 100), (3, 33, 0)))
    assert three.end.tolist() == [160, 160, 160, 33]
    assert run(transfers((0, 1, 1), (1, 1, 1), (2, 1, 1))).end.tolist() == [12, 12, 12]


def test_shared_bandwidth_later_transfers_and_timings() -> None:
    p = transfers((0, 1, 100), (1, 25, 0), (1, 1, 30))
    # alone from 10 to 35 (50 bytes); then together until the 30 are through at 65 (20 left of the first)
    assert run(p).end.tolist() == [75, 25, 65]
    assert run(p, timing=Timing(duration={0: 40, 2: 3})).end.tolist() == [40, 25, 28]
    assert run(p, engine="auto").engine_of_execution == "events"


def firmware(order: str, *overs: tuple[int, int]) -> RunResult:
    """Barriers (pid, tick at which it is over), each with an interrupt."""
    machine = TINY.with_(**{"firmware.service_order": order})
    draft = Draft("net", machine, "managed", "partial")
    for n, (_, tick) in enumerate(overs):
        draft.add(n % 3, "t", tick, updates=[n])
    ones, zeros = int32([1] * len(overs)), int32([0] * len(overs))
    pid = int32([p for p, _ in overs])
    p = managed(
        machine,
        draft,
        [(e, 0, sum(n % 3 == e for n in range(len(overs)))) for e in range(min(3, len(overs)))],
        barriers=Barriers(pid, ones, zeros, int32([IRQ_OVER] * len(overs))),
        bootstrap=list(range(len(overs))),
    )
    return run(p)


def test_firmware_serves_by_arrival_or_by_id() -> None:
    overs = (5, 10), (7, 20), (2, 30)
    assert [(h.barrier, h.start, h.end) for h in firmware("arrival", *overs).handlers] == [
        (0, 10, 110),
        (1, 110, 210),
        (2, 210, 310),
    ]
    assert [h.barrier for h in firmware("id", *overs).handlers] == [0, 2, 1]
    # simultaneous: ascending id under both
    assert [h.barrier for h in firmware("arrival", (5, 10), (7, 10), (2, 10)).handlers] == [2, 0, 1]


def test_firmware_builds_fetches_and_takes_their_interrupts() -> None:
    draft = Draft("net", TINY, "managed", "firmware")
    draft.add(DMA0, "load", 10, updates=[0])
    draft.add(2, "fetch", 30, kind=Kind.FETCH, target=DPU, low=0, high=1)
    draft.add(DPU, "conv", 5)
    items = WorkItems(
        int32([0, 2, DPU]), int32([0, 0, 0]), int32([1, 1, 1]), Csr.of([[], [0], []]), Csr.of([[], [], [1]])
    )
    barriers = Barriers(int32([0]), int32([1]), int32([0]), int32([IRQ_OVER]))
    r = run(draft.finish(barriers=barriers, bootstrap=[0], items=items))
    # over at 10; interrupt 100; push 20 + build 50; fetch 180..210; interrupt 100; push 20
    assert r.enqueued.tolist() == [0, 180, 330]
    assert r.end.tolist() == [10, 210, 335]
    assert [(h.barrier, h.fetch, h.raised, h.start, h.end, h.pushes) for h in r.handlers] == [
        (0, -1, 10, 10, 180, 1),
        (-1, 1, 210, 210, 330, 1),
    ]


def test_firmware_pushes_items_of_an_engine_in_order_of_declaration() -> None:
    draft = Draft("net", TINY, "managed", "partial")
    draft.add(DMA0, "slow", 90, updates=[0])
    draft.add(DMA1, "fast", 10, updates=[1])
    draft.add(2, "first", 1)
    draft.add(2, "second", 1)
    items = WorkItems(
        int32([0, 1, 2, 2]), int32([0, 0, 0, 1]), int32([1, 1, 1, 2]), Csr.of([[], [], [0], [1]]), Csr.empty(4)
    )
    barriers = Barriers(int32([0, 1]), int32([1, 1]), int32([0, 0]), int32([IRQ_OVER, IRQ_OVER]))
    r = run(draft.finish(barriers=barriers, bootstrap=[0, 1], items=items))
    # b1 is over first, but its item stands behind that of b0, whose handler ends at 210 + 20 + 20
    assert [(h.barrier, h.end, h.pushes) for h in r.handlers] == [(1, 110, 0), (0, 250, 2)]
    assert r.enqueued[2:].tolist() == [230, 250]


def test_firmware_tops_up_the_fifo_of_a_barrier() -> None:
    machine = TINY.with_(**{"barriers.fifo_depth": 2, "dma.fifo_depth": 8, "firmware.preload": 2})
    machine = machine.with_(**{"firmware.top_up": 2})
    draft = Draft("net", machine, "managed", "partial")
    for n in range(7):
        draft.add(DMA0, f"t{n}", 10, updates=[n])
    items = WorkItems(int32([0] * 3), int32([0, 3, 5]), int32([3, 5, 7]), Csr.of([[], [1], [3]]), Csr.empty(3))
    irq = int32([IRQ_OVER if n in (1, 3) else 0 for n in range(7)])
    barriers = Barriers(int32([0] * 7), int32([1] * 7), int32([0] * 7), irq)
    p = draft.finish(barriers=barriers, bootstrap=[0, 1, 2], items=items)
    assert p.programmer.tolist() == [-1, -1, -1, 1, 1, 3, 3]
    r = run(p)
    # 1 is over at 20: interrupt until 120, 3 programmed at 140, 4 at 160, push at 180; 3 is over at 190, and so on
    assert [(h.barrier, h.start, h.end) for h in r.handlers] == [(1, 20, 180), (3, 190, 350)]
    assert r.enqueued.tolist() == [0, 0, 0, 180, 180, 350, 350]
    # armed when the one before is over and it is programmed
    assert r.armed.tolist() == [0, 10, 20, 140, 190, 310, 360]
    off = p.with_(barriers=replace(barriers, irq=int32([0, IRQ_OVER, *[0] * 5])))
    stuck = run(off.with_(items=WorkItems(items.engine, items.low, items.high, Csr.of([[], [1], [1]]), items.done)))
    assert stuck.hazard is not None
    assert (stuck.hazard.rule, stuck.hazard.task, stuck.hazard.barrier) == ("H6", 5, 5)
    assert "b0#5" in stuck.hazard.text


def test_a_physical_program_arms_when_the_instance_before_is_over() -> None:
    draft = Draft("net", TINY, "physical")
    draft.add(DMA0, "a", 10, updates=[0])
    draft.add(DPU, "b", 50, waits=[0], updates=[1])
    draft.add(DMA0, "c", 45, updates=[2])
    draft.add(DPU, "d", 5, waits=[2, 1])
    barriers = Barriers(int32([0, 1, 0]), int32([1, 1, 1]), int32([1, 1, 1]), int32([0, 0, 0]))
    p = draft.finish(barriers=barriers)
    r = both(p)
    assert r.start.tolist() == [0, 10, 10, 60]
    assert r.armed.tolist() == [0, 0, 10]
    early = p.with_(cycles=p.cycles.clip(max=20), engine=int32([0, 3, 1, 3]))  # c ends before b0#0 is over
    broken = both(early.with_(cycles=early.cycles.clip(min=5) * [1, 1, 0, 1] + [0, 0, 1, 0]))
    assert broken.hazard is not None
    assert (broken.hazard.rule, broken.hazard.tick, broken.hazard.task) == ("H2", 1, 2)


def test_ideal_and_bound() -> None:
    p = graph(TINY, (DMA0, 10, ()), (DPU, 20, (0,)), (DMA1, 5, ()), (DMA0, 10, (1, 2)), (DPU, 100, ()))
    r = ideal(p)
    assert r.makespan == 130
    assert bound(p) == 120  # the load of dpu0; the critical path is 40
    assert bound(graph(TINY, (DMA0, 10, ()), (DPU, 20, (0,)), (DMA0, 10, (1,)))) == 40
    pool = with_order("dpu0", "pool", 3)
    assert bound(graph(pool, *[(DPU, 10, ())] * 4)) == 14
    assert ideal(graph(pool, *[(DPU, 10, ())] * 4)).makespan == 20
    with pytest.raises(SimulationError, match=r"@net is in phase virtual, but its ideal is that of the graph"):
        ideal(p.with_(phase="virtual"))


def test_a_virtual_barrier_that_nothing_produces_is_a_deadlock() -> None:
    draft = Draft("net", TINY, "virtual")
    draft.add(DMA0, "a", 10, waits=[0])
    r = both(draft.finish(barriers=Barriers.virtual(1)))
    assert r.outcome == "deadlock"
    assert r.hazard is not None
    assert r.hazard.text == "nothing moves after tick 0: task 0 'a' on dma0 waits for v0, which still needs nothing"


def test_slow_is_told_from_stuck() -> None:
    p = graph(TINY, (DMA0, 1000, ()), (DPU, 1000, (0,)))
    r = both(p, limit=1500)
    assert (r.outcome, r.stuck, r.hazard) == ("limit", (), None)
    assert r.end.tolist() == [1000, -1]
    assert both(p, limit=2000).outcome == "finished"


def test_an_empty_program_ends_at_once() -> None:
    r = both(Draft("net", TINY).finish())
    assert (r.outcome, r.makespan) == ("finished", 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "event"}, r"engine of execution is 'event'; did you mean 'events'\?"),
        ({"repeat": 0}, r"repeat is 0, but a program runs at least once"),
        ({"limit": -1}, r"the time limit is -1 ticks, but must be at least 0"),
        ({"ties": -1}, r"ties is -1, but permutations are numbered from 0"),
        ({"engine": "maxplus", "repeat": 2}, r"@net cannot run by max-plus sweep: a sweep has no end state"),
        ({"engine": "maxplus", "counts": False}, r"a sweep trusts the counts"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        run(graph(TINY, (DMA0, 1, ())), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (graph(with_order("dpu0", "pool", 2), (DPU, 1, ())), r"a pool of servers takes tasks as servers become free"),
        (transfers((0, 1, 1)), r"transfers share bandwidth"),
    ],
)
def test_where_time_arbitrates_there_is_no_sweep(program: Program, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        run(program, engine="maxplus")


def test_compiled_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_loop, "available", lambda: False)
    with pytest.raises(UsageError, match=r"compiled loops need numba: pip install 'wlm-dialect\[fast\]'"):
        run(graph(TINY, (DMA0, 1, ())), compiled=True)


def test_ranges_and_barriers_have_to_exist() -> None:
    p = blocking(TINY)
    with pytest.raises(ProgramError, match=r"'enqueue' of @dma1 \[0 to 9\), which has 4 tasks"):
        run(p.with_(high=p.high + 5))
    items = replace(p.items, high=int32([7]))
    with pytest.raises(ProgramError, match=r"work item 0 of @dma0 \[0 to 7\), which has 2 tasks"):
        run(p.with_(items=items))
    with pytest.raises(ProgramError, match=r"barrier v0 is virtual in phase managed"):
        run(p.with_(barriers=Barriers.virtual(1)))
