"""Where the ticks went, for random programs in every mode: the accounts add up, and bound what runs again show."""

from itertools import pairwise

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from tests.property.strategies import SCALE, Case, cases
from wlm_dialect.api import MODES, compile_program
from wlm_dialect.program import Program
from wlm_dialect.runtime.law import find_law
from wlm_dialect.runtime.result import FINISHED, RunResult
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing
from wlm_dialect.runtime.trail import find_trail
from wlm_dialect.runtime.what_if import FREE, what_if
from wlm_dialect.runtime.why import WORK, explain


def managed(graph: Program, mode: str) -> Program:
    """The graph in a mode."""
    return compile_program(graph, mode).program


@st.composite
def programs(draw: st.DrawFn, modes: tuple[str, ...] = MODES) -> tuple[Program, Program]:
    """A graph and the program made from it."""
    graph = draw(cases(longest=24)).graph
    return graph, managed(graph, draw(st.sampled_from(modes)))


@st.composite
def topped_up(draw: st.DrawFn) -> tuple[Program, Program]:
    """The same with firmware that programs, with as much room as there is in the FIFOs of barriers."""
    graph = draw(cases(longest=24)).graph
    preload = draw(st.integers(0, graph.machine.barriers.fifo_depth))
    depth = {"firmware.preload": preload, "firmware.top_up": draw(st.integers(1, preload + 1))}
    graph = graph.with_(machine=graph.machine.with_(**{**depth, "barriers.count": draw(st.integers(2, 4))}))
    return graph, managed(graph, draw(st.sampled_from(("firmware", "partial"))))


def arbitrates(program: Program) -> bool:
    """Whether times decide who goes first, so that a run may be longer although every step is shorter."""
    machine = program.machine
    pools = any(e.order == "pool" and len(tasks) for e, tasks in zip(machine.engines, program.lists, strict=True))
    return pools or machine.memory.bandwidth == "shared"


def finished(program: Program, timing: Timing | None = None) -> RunResult:
    result = run(program, timing=timing)
    assert result.outcome == FINISHED, result.hazard
    return result


@settings(max_examples=60 * SCALE, deadline=None)
@given(st.one_of(programs(), topped_up()))
def test_both_accounts_add_up(pair: tuple[Program, Program]) -> None:
    graph, program = pair
    result, ideal = finished(program), finished(graph)
    why = explain(find_trail(result), ideal)
    assert sum(share.path for share in why.shares) == why.ticks == result.makespan
    assert sum(share.delay or 0 for share in why.shares) == why.delay == result.makespan - ideal.makespan
    assert min(share.path for share in why.shares) >= 0
    if not arbitrates(program):
        assert min(share.delay or 0 for share in why.shares) >= 0


@settings(max_examples=40 * SCALE, deadline=None)
@given(st.one_of(programs(), topped_up()), st.integers(0, 99))
def test_a_trail_leads_from_bootstrap_to_completion_under_any_timing(pair: tuple[Program, Program], seed: int) -> None:
    program = pair[1]
    result = finished(program, Timing.adversarial(program, seed))
    points = find_trail(result).points
    assert (points[0].tick, points[-1].tick) == (0, result.makespan)
    assert all(a.tick <= b.tick for a, b in pairwise(points))


@settings(max_examples=40 * SCALE, deadline=None)
@given(programs(("full",)))
def test_no_class_of_cost_saves_more_than_it_has_on_the_path(pair: tuple[Program, Program]) -> None:
    """The trail is a chain of orders that hold in every run: shorter management shortens it by its own ticks only."""
    graph, program = pair
    assume(not arbitrates(program))
    result = finished(program)
    why = explain(find_trail(result), finished(graph))
    path = {share.cause: share.path for share in why.shares}
    saved = what_if(program, result.makespan)
    most = saved["all"]
    assert most is not None
    assert most <= min(why.management, why.delay or 0)
    for name in FREE[:-1]:
        assert 0 <= (saved[name] or 0) <= most
        assert (saved[name] or 0) <= path[name] + path["dma_queue"]


@settings(max_examples=60 * SCALE, deadline=None)
@given(topped_up())
def test_no_run_is_shorter_than_the_law(pair: tuple[Program, Program]) -> None:
    graph, program = pair
    result, law = finished(program), find_law(program)
    assert law is not None
    event(f"law bounds something: {law.ticks > 0}")
    assert result.makespan >= law.ticks
    assert law.ticks * law.top_up <= (len(program.barriers) - len(program.bootstrap)) * law.cost + law.top_up
    why = explain(find_trail(result), finished(graph))
    assert why.interrupts <= result.interrupts
    spent = sum(share.path for share in why.shares if share.cause in ("interrupt", "firmware_queue"))
    assert spent <= result.firmware_busy <= result.makespan


@settings(max_examples=20 * SCALE, deadline=None)
@given(cases(longest=24))
def test_an_ideal_run_is_all_work(case: Case) -> None:
    graph = case.graph
    result = finished(graph)
    why = explain(find_trail(result), result)
    assert {share.cause for share in why.shares if share.path or share.delay} == {WORK}
