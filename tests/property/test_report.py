"""Reports, paths and traces of random programs in every mode add up to the run they describe."""

from itertools import pairwise

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wlm_dialect.api import compile_program
from wlm_dialect.machine import preset
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.perfetto import make_trace, pack
from wlm_dialect.runtime.report import make_report
from wlm_dialect.runtime.result import FINISHED, RunResult
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing

MACHINES = ("tiny", "npu37xx", "npu40xx:1")


def random_graph(machine: str, tasks: int, seed: int) -> Program:
    """Tasks on random engines, each after up to two of the last six."""
    model, rng = preset(machine), np.random.default_rng(seed)
    engines = [n for n, e in enumerate(model.engines) if not e.firmware]
    draft = Draft("net", model)
    for n in range(tasks):
        after = sorted({int(rng.integers(max(0, n - 6), n)) for _ in range(rng.integers(0, 3))}) if n else []
        draft.add(int(rng.choice(engines)), f"t{n}", int(rng.integers(1, 500)), after=after)
    return draft.finish()


@st.composite
def results(draw: st.DrawFn) -> RunResult:
    graph = random_graph(draw(st.sampled_from(MACHINES)), draw(st.integers(1, 25)), draw(st.integers(0, 2**32)))
    mode = draw(st.sampled_from(("graph", "firmware", "partial", "full")))
    program = graph if mode == "graph" else compile_program(graph, mode).program
    timing = Timing.adversarial(program, draw(st.integers(0, 99))) if draw(st.booleans()) else None
    return run(program, timing=timing)


@settings(max_examples=60, deadline=None)
@given(results())
def test_engine_rows_partition_the_run(result: RunResult) -> None:
    report = make_report(result)
    assert report.engines
    for row in report.engines:
        assert row.busy + row.management + sum(row.stalls.values()) + row.rest == report.horizon
        assert min(row.busy, row.management, row.rest, row.queued, *row.stalls.values()) >= 0
    for mark in report.marks:
        assert mark.limit == 0 or mark.most <= mark.limit, mark


@settings(max_examples=60, deadline=None)
@given(results())
def test_the_path_covers_the_run_without_a_gap(result: RunResult) -> None:
    assume(result.outcome == FINISHED)
    path = make_report(result).path
    assert path[0].start == 0
    assert path[-1].end == result.makespan
    assert all(a.end == b.start and a.ticks > 0 for a, b in pairwise(path))
    assert "unexplained" not in {step.name for step in path}


@settings(max_examples=40, deadline=None)
@given(results())
def test_slices_of_a_trace_nest_and_cover_every_task(result: RunResult) -> None:
    events = make_trace(result)["traceEvents"]
    lanes: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for e in events:
        if e["ph"] == "X":
            lanes.setdefault((e["pid"], e["tid"]), []).append((e["ts"], e["ts"] + e["dur"]))
    for spans in lanes.values():
        spans.sort()
        assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(spans))
    shown = {e["args"]["task"]: e["args"]["start"] for e in events if e.get("cat") in ("task", "management")}
    assert shown == {t: start for t, start in enumerate(result.start.tolist()) if start >= 0}
    opened = [(e["cat"], e["id"]) for e in events if e["ph"] == "b"]
    assert sorted(opened) == sorted((e["cat"], e["id"]) for e in events if e["ph"] == "e")
    assert sorted(e["id"] for e in events if e["ph"] == "s") == sorted(e["id"] for e in events if e["ph"] == "f")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=30))
def test_lanes_do_not_overlap_and_are_as_few_as_possible(spans: list[tuple[int, int]]) -> None:
    intervals = [(low, low + length) for low, length in spans]
    lanes = pack(intervals)
    for n, (a, low) in enumerate(zip(lanes, intervals, strict=True)):
        for b, high in zip(lanes[:n], intervals[:n], strict=True):
            assert a != b or low[1] <= high[0] or high[1] <= low[0]
    busiest = max((sum(low <= t < high for low, high in intervals) for t in range(71)), default=0)
    empties = any(low == high for low, high in intervals)
    assert len(set(lanes)) <= max(busiest, 1) + empties
