"""Starvation on random graphs and machines: whatever replaces or adds barriers, full mode stays proved and faithful."""

from hypothesis import event, given

from tests.property.strategies import Case, cases
from tests.property.test_pipelines import assert_faithful, campaign, compiled, timings, with_found
from wlm_dialect.api import compile_program
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Program
from wlm_dialect.runtime.run import run


def managed_by_data(graph: Program) -> Program:
    """The graph on a machine whose management runs on a queue of the network: such a queue knows most."""
    ordered = [e.name for e in graph.machine.engines_of("dma") if e.ends_in_order]
    queue = max(ordered, key=lambda name: len(graph.lists[graph.machine.engine_index[name]]), default="")
    return graph.with_(machine=graph.machine.with_(**{"management.queue": queue}))


@with_found
@given(case=cases())
@campaign(60)
def test_stalls_are_proved_and_cost_no_barrier(case: Case) -> None:
    graph = managed_by_data(case.graph)
    plain = compiled(graph, "full")
    stalled = compile_program(graph, "full{starvation=stall}").program
    assert len(stalled.barriers) <= len(plain.barriers)
    event(f"barriers saved: {len(stalled.barriers) < len(plain.barriers)}")
    assert check(stalled).status == PROVED
    for timing in timings(stalled):
        assert_faithful(graph, stalled, run(stalled, timing=timing))


@with_found
@given(case=cases())
@campaign(40)
def test_a_barrier_per_fifo_is_proved(case: Case) -> None:
    graph = case.graph
    guarded = compile_program(graph, "full{starvation=barrier}").program
    assert check(guarded).status == PROVED
    for timing in timings(guarded):
        assert_faithful(graph, guarded, run(guarded, timing=timing))
