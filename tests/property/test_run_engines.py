"""The two engines of execution, compiled or not, agree to the tick on random managed programs; ties change nothing."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.benchmark_scripts import load_script
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.result import FINISHED, HAZARD, RunResult
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing

GENERATE = load_script("generate")
TABLES = ("enqueued", "head", "start", "end", "armed", "lifted", "over")


@st.composite
def machines(draw: st.DrawFn, chunk: int) -> MachineModel:
    """Machines on which programs of such chunks are correct: a FIFO holds a chunk, else enqueues wait in a circle."""
    consume_at = draw(st.sampled_from(["start", "end"]))
    return GENERATE.machine().with_(
        **{
            "engine.fifo_depth": draw(st.sampled_from([chunk, chunk + 2, 64])),
            "barriers.fifo_depth": draw(st.sampled_from([0, 1, 4] if consume_at == "start" else [1, 4])),
            "barriers.consume_at": consume_at,
            "management.linked_enqueue": draw(st.booleans()),
        }
    )


@st.composite
def programs(draw: st.DrawFn, smallest: int = 1) -> Program:
    """A correct program of a few chunks."""
    chunk = draw(st.integers(2, 20))
    size = draw(st.integers(smallest, 250))
    return GENERATE.generate(size, draw(st.integers(0, 10**6)), draw(machines(chunk)), chunk)


@st.composite
def mutants(draw: st.DrawFn) -> Program:
    """A program with a few cycles, waits, orders or machine parameters changed: many broken, in many ways."""
    p = draw(programs(100))  # enough for barriers and slots to be used again and again
    kind = draw(st.sampled_from(["longer", "forgetful", "one barrier", "one half", "order", "drop"]))
    pick = draw(st.integers(0, 10**6))
    if kind == "longer":
        cycles = p.cycles.copy()
        cycles[pick % len(p)] = 50_000
        return p.with_(cycles=cycles)
    if kind == "forgetful":  # a task, a management DMA if there is one that waits, forgets what it waits on
        rows = p.waits.lists()
        waiting = [t for t, row in enumerate(rows) if row]
        waiting = [t for t in waiting if p.kind[t] == Kind.PROGRAM] or waiting
        t = waiting[pick % len(waiting)]
        consumers = p.barriers.consumers.copy()
        consumers[rows[t]] -= p.slots[t]
        rows[t] = []
        barriers = type(p.barriers)(p.barriers.pid, p.barriers.producers, consumers, p.barriers.irq, p.barriers.tail)
        return p.with_(waits=Csr.of(rows), barriers=barriers)
    if kind == "one barrier":  # two barriers become one
        one, other = p.barriers.pid[pick % len(p.barriers)], p.barriers.pid[(pick + 1) % len(p.barriers)]
        pid = np.where(p.barriers.pid == one, other, p.barriers.pid)
        barriers = type(p.barriers)(pid, p.barriers.producers, p.barriers.consumers, p.barriers.irq, p.barriers.tail)
        return p.with_(barriers=barriers)
    if kind == "one half":  # fetches into the other half
        return p.with_(slot=np.where(p.slot > 0, 0, p.slot).astype(np.int32))
    if kind == "order":
        orders = draw(st.sampled_from(["prefetching", "outstanding"]))
        servers = 1 if orders == "prefetching" else 2
        engines = tuple(replace(e, order=orders, servers=servers) if e.kind == "dpu" else e for e in p.machine.engines)
        return p.with_(machine=replace(p.machine, engines=engines))
    return p.with_(machine=p.machine.with_(full_fifo="drop"))


def same(a: RunResult, b: RunResult) -> None:
    """All times, the outcome and what went wrong."""
    for name in ("outcome", "makespan", "hazard", "stuck", "handlers"):
        assert getattr(a, name) == getattr(b, name), name
    for name in TABLES:
        assert getattr(a, name).tolist() == getattr(b, name).tolist(), name


@settings(max_examples=60, deadline=None)
@given(programs())
def test_correct_programs_finish_and_the_sweep_agrees_with_the_loop(p: Program) -> None:
    a, b = run(p, engine="events"), run(p, engine="auto")
    assert a.outcome == FINISHED, a.hazard
    same(a, b)


def test_the_sweep_is_what_runs_them() -> None:
    p = GENERATE.generate(300, 7)
    assert run(p).engine_of_execution == "maxplus"
    blocked = run(GENERATE.generate(300, 7, GENERATE.machine().with_(**{"engine.fifo_depth": 12}), 12))
    assert (blocked.outcome, blocked.engine_of_execution) == (FINISHED, "maxplus")


@settings(max_examples=150, deadline=None)
@given(mutants())
def test_broken_programs_are_judged_alike(p: Program) -> None:
    same(run(p, engine="events"), run(p, engine="auto"))


def test_mutants_are_broken_in_many_ways_and_both_engines_judge_them() -> None:
    rules, engines = Counter[str](), Counter[tuple[str, str]]()

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(mutants())
    def count(p: Program) -> None:
        result = run(p, engine="auto")
        rules[result.hazard.rule if result.hazard else result.outcome] += 1
        engines[result.outcome, result.engine_of_execution] += 1

    count()
    assert {"H1", "H2", "H3", "H5", FINISHED} <= set(rules), rules
    assert rules[FINISHED] < 100, rules
    assert min(engines[HAZARD, "events"], engines[FINISHED, "maxplus"]) > 20, engines


@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(0, 10**6), st.sampled_from(["uniform", "heavy", "adversarial"]))
def test_correct_programs_stay_correct_under_any_timing(p: Program, seed: int, how: str) -> None:
    timing = {
        "uniform": lambda: Timing.uniform(p, 50, seed),
        "heavy": lambda: Timing.heavy_tail(p, seed),
        "adversarial": lambda: Timing.adversarial(p, seed),
    }[how]()
    a = run(p, timing=timing, engine="events")
    assert a.outcome == FINISHED, a.hazard
    same(a, run(p, timing=timing))


@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(1, 2**31))
def test_ties_do_not_change_a_safe_program(p: Program, ties: int) -> None:
    same(run(p, engine="events"), run(p, engine="events", ties=ties))


@settings(max_examples=30, deadline=None)
@given(programs(), st.integers(2, 3))
def test_a_correct_program_runs_again(p: Program, repeat: int) -> None:
    same(run(p, engine="events"), run(p, repeat=repeat))


@settings(max_examples=60, deadline=None)
@given(mutants())
def test_compiled_loops_do_the_same(p: Program) -> None:
    pytest.importorskip("numba")
    for engine in ("events", "auto"):
        plain, fast = run(p, engine=engine, compiled=False), run(p, engine=engine, compiled=True)
        assert fast.engine_of_execution == f"{plain.engine_of_execution}+numba"
        same(plain, fast)
