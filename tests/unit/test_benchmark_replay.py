"""The recurrence that checks what scarce barriers cost, and the orders that are counted as added."""

import numpy as np
import pytest

from tests.benchmark_scripts import load_script
from wlm_dialect import api
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.added_orders import AddedOrders, added_orders
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_tail import InsertTailPass
from wlm_dialect.program import Barriers, Kind, Program
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.ideal import ideal

REPLAY = load_script("replay")
TINY = api.machine("tiny")
DMA0, DMA1, DPU, SHAVE = 0, 1, 3, 4


def _chain(*, shared: bool) -> tuple[Program, Program]:
    """Two pairs (load, conv) and (load, soft), physically on two barriers or on one; the graph has no order between."""
    graph = Draft("pairs", TINY)
    program = Draft("pairs", TINY, "physical")
    for n, (loader, user) in enumerate(((DMA0, DPU), (DMA1, SHAVE))):
        graph.add(loader, f"load{n}", 100)
        graph.add(user, f"use{n}", 50, after=[2 * n])
        program.add(loader, f"load{n}", 100, updates=[n])
        program.add(user, f"use{n}", 50, waits=[n])
    one = np.ones(2, np.int32)
    pids = np.zeros(2, np.int32) if shared else np.arange(2, dtype=np.int32)
    return graph.finish(), program.finish(barriers=Barriers(pids, one, one, 0 * one))


def test_without_limits_it_agrees_with_the_simulator() -> None:
    for network in ("squeezenet", "resnet50"):
        graph = api.load(network, "npu40xx:4")
        times, run = REPLAY.replay(graph), ideal(graph)
        assert times.makespan == run.makespan
        assert times.start == run.start.tolist()
        virtual = InsertBarriersPass().run(graph)
        assert REPLAY.replay(virtual).start == times.start


def test_a_shared_barrier_is_armed_when_its_last_use_is_over() -> None:
    for shared, start in ((False, [0, 100, 0, 100]), (True, [0, 100, 100, 200])):
        graph, program = _chain(shared=shared)
        times = REPLAY.replay(program)
        assert times.start == start
        assert REPLAY.violations(graph, program, times) == []
        assert added_orders(graph, program) == AddedOrders(0, int(shared))


def test_given_durations_replace_the_tasks_own() -> None:
    assert REPLAY.replay(_chain(shared=True)[1], [10, 20, 30, 40]).end == [10, 30, 40, 80]


def test_what_a_run_breaks_is_found() -> None:
    graph, program = _chain(shared=True)
    late = program.with_(waits=Csr.of([[], [], [], [1]]))
    assert REPLAY.violations(graph, late, REPLAY.replay(late)) == ["use0 starts before the end of load0"]
    times = REPLAY.Replay([0, 100, 0, 100], [100, 150, 100, 150])
    assert REPLAY.violations(graph, program, times) == ["b0#1 is updated before b0#0 is over"]
    with pytest.raises(ValueError, match=r"^dma0 has 0 tasks of the network, but its graph has 1$"):
        REPLAY.own_tasks(graph, graph.with_(kind=graph.kind + Kind.SYNC))


def test_an_order_that_is_no_witness_is_refused() -> None:
    _, program = _chain(shared=True)
    swapped = program.with_(updates=Csr.of([[0], [], [], []]), waits=Csr.of([[], [1], [], [0]]))
    with pytest.raises(REPLAY.NotInOrder, match=r"^task 1 uses b0#1 before b0#0 is over$"):
        REPLAY.replay(swapped)
    alone = program.with_(waits=Csr.of([[], [], [0], []]), updates=Csr.of([[], [], [], [0]]))
    with pytest.raises(REPLAY.NotInOrder, match=r"^task 2 waits on b0#0 before all of its producers$"):
        REPLAY.replay(alone)


def test_waits_that_the_graph_does_not_ask_for_count_once_per_engine() -> None:
    draft = Draft("joined", TINY)
    for engine in (DMA0, DMA1, DMA1):
        draft.add(engine, "load", 10)
    draft.add(DPU, "conv", 10, after=[0])
    graph = draft.finish()
    plain = InsertBarriersPass().run(graph)
    assert added_orders(graph, plain) == AddedOrders(0, 0)
    joined = plain.with_(updates=Csr.of([[0], [0], [0], []]))
    assert added_orders(graph, joined).waits == 1  # two loads of one engine: the last says it all
    assert added_orders(graph, joined).total == 1


def test_orders_pass_through_inserted_tasks() -> None:
    graph = Draft("graph", TINY)
    graph.add(DMA0, "load", 10)
    graph.add(DPU, "conv", 10)
    graph.add(DMA0, "store", 10)
    program = Draft("graph", TINY, "virtual")
    program.add(DMA0, "load", 10, updates=[0])
    program.add(DMA1, "sync", 1, kind=Kind.SYNC, waits=[0], updates=[1])
    program.add(DPU, "conv", 10, waits=[1], updates=[2])
    program.add(DMA0, "sync", 1, kind=Kind.SYNC, waits=[2])
    program.add(DMA0, "store", 10)
    # conv after load by way of dma1, store after conv because a SYNC stands before it on its queue
    assert added_orders(graph.finish(), program.finish(barriers=Barriers.virtual(3))).waits == 2
    with pytest.raises(ValueError, match=r"^dma0 has 2 tasks of the network, but its graph has 1$"):
        added_orders(_chain(shared=False)[0], program.finish(barriers=Barriers.virtual(3)))


def test_networks_on_few_barriers_are_replayed_without_violations() -> None:
    machine = api.machine("npu40xx:4").with_(**{"barriers.count": 8})
    graph = api.load("squeezenet", machine)
    program = AssignBarriersPass("firmware").run(InsertTailPass().run(InsertBarriersPass().run(graph)))
    times = REPLAY.replay(program)
    assert REPLAY.violations(graph, program, times) == []
    assert times.start == estimate(program).start
    assert times.makespan >= REPLAY.replay(graph).makespan
    assert added_orders(graph, program).total > 0
