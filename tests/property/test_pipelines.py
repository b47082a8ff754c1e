"""The three pipelines on random graphs and machines: proved, runnable under every timing, faithful to the graph."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.property.strategies import SCALE, Case, cases
from wlm_dialect.api import compile_program
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Kind, Program, decode_module, encode_module
from wlm_dialect.runtime.ideal import ideal
from wlm_dialect.runtime.result import RunResult
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing

MODES = ("firmware", "partial", "full")


def campaign(examples: int) -> settings:
    """Settings of a test that tries `examples` inputs in an everyday run."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    # no explanations: they take longer than all the rest
    return settings(
        max_examples=examples * SCALE,
        deadline=None,
        suppress_health_check=slow,
        derandomize=SCALE == 1,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


LOAD = ("dma0", 1, 1, ())
# Each was refused once, or came out unsafe.
FOUND = (
    # bare registers: every instance needs a refill of its own
    Case(
        "tiny", (("barriers.count", 4), ("barriers.fifo_depth", 0)), (LOAD, ("dma1", 1, 1, (1,)), ("dma0", 1, 1, (1,)))
    ),
    # two groups of one task were pushed at once into a FIFO that holds one
    Case(
        "npu40xx:1",
        (("barriers.count", 4), ("engine.fifo_depth", 1)),
        (("dpu0", 1, 1, ()), ("shave0_0", 1, 1, (1,)), ("shave0_0", 1, 1, ()), ("dpu0", 1, 1, ())),
    ),
    # one fetch ends two pulses in the same tick: firmware serves the lower id first
    Case(
        "npu37xx",
        (("barriers.count", 5), ("engine.fifo_depth", 3)),
        tuple((e, 1, 1, ()) for e in ("shave1", "dpu1", "shave1", "dpu0", "dpu1", "dpu0", "shave0")),
    ),
    # items of several DMA lists at bootstrap
    Case("tiny", (("barriers.count", 4),), (("dma1", 1, 1, ()), ("dma0", 1, 1, ()))),
)


def with_found(test: Any) -> Any:
    """The test, tried on what was found before as well."""
    for case in FOUND:
        test = example(case=case)(test)
    return test


def compiled(graph: Program, mode: str) -> Program:
    """The managed program: no machine is too small, as long as it has two physical barriers."""
    return compile_program(graph, mode).program


def timings(program: Program) -> list[Timing | None]:
    """The nominal timing and three random ones."""
    return [
        None,
        Timing.uniform(program, 50, seed=1),
        Timing.heavy_tail(program, seed=2),
        Timing.adversarial(program, seed=3),
    ]


def assert_faithful(graph: Program, program: Program, result: RunResult) -> None:
    """The run got to its end and ran the tasks of the graph in the order of its dependences."""
    assert (result.outcome, result.hazard) == ("finished", None)
    tasks = np.empty(len(graph), np.int64)  # passes may list tasks anew, but keep the list of each engine
    for then, now in zip(graph.lists, program.lists, strict=True):
        tasks[then] = now[program.kind[now] == Kind.RUN]
    assert [program.names[t] for t in tasks] == list(graph.names)
    for column in ("engine", "cycles", "slots", "bytes"):
        assert np.array_equal(getattr(program, column)[tasks], getattr(graph, column)), column
    start, end = result.start[tasks], result.end[tasks]
    for task, before in enumerate(graph.after.lists()):
        for first in before:
            assert end[first] <= start[task], f"{graph.names[task]} starts before {graph.names[first]} ends"


def keys(program: Program) -> list[tuple[int, int]]:
    """What tells barriers of a managed program apart, however they are numbered."""
    pairs = list(zip(program.barriers.pid.tolist(), program.barriers.instance.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    return pairs


def assert_same(one: Program, other: Program) -> None:
    """Equal programs, but for the numbers of their barriers."""
    assert (one.name, one.machine, one.phase, one.mode) == (other.name, other.machine, other.phase, other.mode)
    for column in ("kind", "engine", "cycles", "slots", "bytes", "target", "low", "high", "slot"):
        assert np.array_equal(getattr(one, column), getattr(other, column)), column
    assert one.names == other.names
    assert one.after == other.after
    first, second = keys(one), keys(other)
    assert {k: (int(p), int(c), int(i)) for k, p, c, i in zip(first, *columns(one), strict=True)} == {
        k: (int(p), int(c), int(i)) for k, p, c, i in zip(second, *columns(other), strict=True)
    }
    assert first[one.barriers.tail] == second[other.barriers.tail]
    assert [first[v] for v in one.bootstrap] == [second[v] for v in other.bootstrap]
    for table in ("waits", "updates", "programs"):
        rows, others = getattr(one, table).lists(), getattr(other, table).lists()
        assert [{first[v] for v in row} for row in rows] == [{second[v] for v in row} for row in others], table
    assert item_rows(one, first) == item_rows(other, second)


def columns(program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    return program.barriers.producers, program.barriers.consumers, program.barriers.irq


ItemRow = tuple[int, int, int, set[tuple[int, int]], list[int]]


def item_rows(program: Program, names: list[tuple[int, int]]) -> tuple[list[ItemRow], list[ItemRow]]:
    """Work items with barriers by key: those of bootstrap by engine, as all land at t = 0, and the others in order."""
    items = program.items
    columns = items.engine.tolist(), items.low.tolist(), items.high.tolist(), items.at.lists(), items.done.lists()
    rows = [(e, low, high, {names[v] for v in at}, done) for e, low, high, at, done in zip(*columns, strict=True)]
    late = [bool(row[3] or row[4]) for row in rows]
    booted = [row for row, is_late in zip(rows, late, strict=True) if not is_late]
    return sorted(booted, key=lambda row: row[:3]), [row for row, is_late in zip(rows, late, strict=True) if is_late]


@pytest.mark.parametrize("mode", MODES)
@with_found
@given(case=cases())
@campaign(60)
def test_a_compiled_program_is_proved_and_does_what_the_graph_says(mode: str, case: Case) -> None:
    program = compiled(case.graph, mode)
    assert check(program).status == PROVED
    for timing in timings(program):
        assert_faithful(case.graph, program, run(program, timing=timing))
    if case.machine.memory.bandwidth == "per_channel":  # where it is shared, a transfer held back can speed up others
        assert ideal(case.graph).makespan <= run(program).makespan


@pytest.mark.parametrize("mode", MODES)
@with_found
@given(case=cases())
@campaign(30)
def test_a_compiled_program_survives_the_ir(mode: str, case: Case) -> None:
    program = compiled(case.graph, mode)
    module = encode_module(program)
    module.verify()
    (back,) = decode_module(module)
    assert_same(program, back)
    assert str(encode_module(back)) == str(module)


@pytest.mark.parametrize("mode", MODES)
@given(case=cases())
@campaign(20)
def test_compiling_twice_gives_the_same_text(mode: str, case: Case) -> None:
    program = compiled(case.graph, mode)
    again = compile_program(case.graph, mode).program
    assert str(encode_module(again)) == str(encode_module(program))


@given(case=cases(), delta=st.sampled_from([1, 2, 5, 20, 60]))
@campaign(20)
def test_full_mode_leaves_barriers_time_to_re_arm(case: Case, delta: int) -> None:
    slow = (("barriers.rearm", "bounded"), ("barriers.rearm_delta", delta))
    changes = tuple(row for row in case.changes if row[0] != "barriers.rearm")
    case = replace(case, changes=(*changes, *slow))
    program = compiled(case.graph, "full")
    assert check(program).status == PROVED
    for timing in (*timings(program), Timing(rearm=dict.fromkeys(range(len(program.barriers)), delta))):
        assert_faithful(case.graph, program, run(program, timing=timing))
