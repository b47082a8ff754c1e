"""What a run cost, against figures worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from wlm_dialect.machine import preset
from wlm_dialect.program import Barriers, Kind, Program, WorkItems
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.causes import find_causes, ready_ticks
from wlm_dialect.runtime.critical_path import DISPATCH, FIRMWARE, MANAGEMENT, RUN, Step, critical_path, path_by_kind
from wlm_dialect.runtime.report import make_report, management_traffic, split_gap
from wlm_dialect.runtime.report_data import report_dict
from wlm_dialect.runtime.result import DEADLOCK, FINISHED, HAZARD, Handler, Hazard, RunResult, StuckRow
from wlm_dialect.runtime.run import run

TINY = preset("tiny")
DMA0, DMA1, DPU0 = (TINY.engine_index[name] for name in ("dma0", "dma1", "dpu0"))


def times(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def result_of(program: Program, table: list[tuple[int, int, int, int]], **fields: object) -> RunResult:
    """A run with (enqueued, head, start, end) per task."""
    columns = np.array(table, np.int64).T
    none = times(*[-1] * len(program.barriers))
    values = {"armed": none, "lifted": none, "over": none, "outcome": FINISHED, "makespan": int(columns[3].max())}
    values.update(fields)  # type: ignore[arg-type]
    return RunResult(
        program, bootstrap=0, enqueued=columns[0], head=columns[1], start=columns[2], end=columns[3], **values
    )  # type: ignore[arg-type]


def full_program() -> Program:
    """dma0: fetch, enqueue of conv;  dma1: load -> b0 -> conv on dpu0 -> b1, the tail."""
    d = Draft("net", TINY, "managed", "full")
    d.add(DMA0, "fetch", 10, kind=Kind.FETCH, target=DPU0, low=0, high=1)
    d.add(DMA1, "load", 5, updates=[0], bytes=64)
    d.add(DMA0, "enqueue", 10, kind=Kind.ENQUEUE, target=DPU0, low=0, high=1)
    d.add(DPU0, "conv", 33, waits=[0], updates=[1])
    i32 = np.int32
    barriers = Barriers(np.array([0, 1], i32), np.array([1, 1], i32), np.array([1, 0], i32), np.array([0, 2], i32), 1)
    return d.finish(barriers=barriers, bootstrap=[0, 1])


FULL_TIMES = [(0, 0, 0, 10), (0, 0, 0, 5), (0, 10, 10, 20), (20, 25, 27, 60)]


def full_result() -> RunResult:
    return result_of(full_program(), FULL_TIMES, armed=times(0, 0), lifted=times(5, 60), over=times(27, 60))


def test_a_gap_is_charged_to_dependences_first_and_to_management_after() -> None:
    result = full_result()
    causes = find_causes(result.program)
    ready = ready_ticks(result)
    assert ready == [0, 0, 0, 5]
    assert split_gap(result, causes, ready[3], 3, 0) == [
        ("barrier", 0, 5),
        ("fetch", 5, 10),
        ("enqueue", 10, 20),
        ("order", 20, 25),
        ("dispatch", 25, 27),
    ]
    assert split_gap(result, causes, ready[3], 3, 22) == [("order", 22, 25), ("dispatch", 25, 27)]
    assert split_gap(result, causes, 40, 3, 0) == [("barrier", 0, 27)]


def test_the_row_of_an_engine_adds_up() -> None:
    report = make_report(full_result())
    rows = {row.name: row for row in report.engines}
    assert (rows["dma0"].busy, rows["dma0"].management, rows["dma0"].rest) == (0, 20, 40)
    assert (rows["dma1"].busy, rows["dma1"].management, rows["dma1"].rest) == (5, 0, 55)
    assert (rows["dpu0"].busy, rows["dpu0"].rest) == (33, 0)
    assert rows["dpu0"].utilisation(report.horizon) == 33 / 60
    assert report.stalls == {"barrier": 5, "fetch": 5, "enqueue": 10, "firmware": 0, "order": 5, "dispatch": 2}


def test_ready_tasks_behind_others_count_as_queued() -> None:
    d = Draft("net", TINY)
    for n in range(3):
        d.add(DPU0, f"t{n}", 10)
    [row] = make_report(run(d.finish())).engines
    assert row.queued == 10 + 20
    assert row.busy == 30


def test_occupancy_counts_armed_instances_until_they_are_over() -> None:
    report = make_report(full_result())
    assert report.occupancy.ticks.tolist() == [0, 27, 60]
    assert report.occupancy.count.tolist() == [2, 1, 0]
    assert report.occupancy.peak == 2
    assert report.occupancy.mean(60) == pytest.approx((2 * 27 + 33) / 60)


def test_traffic_counts_bytes_the_ir_leaves_out() -> None:
    rows = {t.kind: (t.count, t.bytes, t.ticks) for t in management_traffic(full_program())}
    assert rows == {"fetch": (1, 16, 10), "enqueue": (1, 4, 10)}
    stated = full_program()
    stated = stated.with_(bytes=times(100, 64, 8, 0))
    assert [t.bytes for t in management_traffic(stated)] == [100, 8]


def test_high_water_marks_stand_beside_their_limits() -> None:
    marks = {m.what: (m.most, m.limit) for m in make_report(full_result()).marks}
    assert marks == {
        "FIFO of dma0": (1, 0),  # a list linked whole has no depth
        "FIFO of dma1": (0, 0),
        "FIFO of dpu0": (1, 4),
        "descriptors of dpu0": (1, 4),
        "barriers in use": (2, 8),
        "producers of a barrier": (1, 8),
        "consumers of a barrier": (1, 8),
        "slots of a barrier": (2, 12),
        "instances behind a barrier": (0, 1),
    }


def test_critical_path_goes_through_what_happened_last() -> None:
    path = critical_path(full_result())
    assert path == (
        Step(MANAGEMENT, 0, "fetch", "dma0", 0, 10, "enqueue comes next on dma0"),
        Step(MANAGEMENT, 2, "enqueue", "dma0", 10, 20, "pushes conv"),
        Step(DISPATCH, 3, "dispatch", "", 20, 25, "conv is at the head of dpu0"),
        Step(DISPATCH, 3, "dispatch", "", 25, 27, "last to update b1#0"),
        Step(RUN, 3, "conv", "dpu0", 27, 60, "last to update b1#0"),
    )
    assert path_by_kind(path) == {RUN: 33, MANAGEMENT: 20, FIRMWARE: 0, DISPATCH: 7}


def firmware_result() -> RunResult:
    """load (dma0) lifts b0 at 5, over at 5; its handler [5, 30) follows one of b1 [0, 15) and pushes conv at 40."""
    d = Draft("net", TINY, "managed", "partial")
    d.add(DMA0, "load", 5, updates=[0])
    d.add(DMA1, "other", 1, updates=[1])
    d.add(DPU0, "conv", 10, updates=[2])
    i32 = np.int32
    barriers = Barriers(np.arange(3, dtype=i32), np.ones(3, i32), np.zeros(3, i32), np.array([1, 1, 2], i32), 2)
    items = WorkItems(np.array([DPU0], i32), np.array([0], i32), np.array([1], i32), _csr([[0]]), _csr([[]]))
    program = d.finish(barriers=barriers, bootstrap=[0, 1, 2], items=items)
    handlers = (Handler(1, -1, 1, 1, 15, 0), Handler(0, -1, 5, 15, 40, 1))
    table = [(0, 0, 0, 5), (0, 0, 0, 1), (40, 40, 40, 50)]
    return result_of(
        program, table, armed=times(0, 0, 0), lifted=times(5, 1, 50), over=times(5, 1, 50), handlers=handlers
    )


def _csr(rows: list[list[int]]) -> object:
    from wlm_dialect.kernels.csr import Csr

    return Csr.of(rows)


def test_critical_path_waits_for_a_busy_firmware() -> None:
    assert [(s.kind, s.name, s.start, s.end, s.why) for s in critical_path(firmware_result())] == [
        (RUN, "other", 0, 1, "last to update b1#0"),
        (FIRMWARE, "interrupt of b1#0", 1, 15, "firmware was busy with it"),
        (FIRMWARE, "interrupt of b0#0", 15, 40, "pushes conv"),
        (RUN, "conv", 40, 50, "last to update b2#0"),
    ]
    report = make_report(firmware_result())
    assert report.stalls["firmware"] == 40
    assert report_dict(report)["firmware_busy"] == 14 + 25


def test_a_stretch_that_nothing_explains_is_said_so() -> None:
    result = full_result()
    late = replace(result, enqueued=times(0, 7, 0, 20), head=times(0, 7, 10, 25), start=times(0, 7, 10, 27))
    late = replace(late, lifted=times(27, 60), end=times(10, 27, 20, 60))
    first = critical_path(late)[0]
    assert (first.kind, first.name, first.start, first.end) == (DISPATCH, "unexplained", 0, 7)


def test_a_full_fifo_leads_to_what_makes_room() -> None:
    """Depth 4: the push of t4 waits until t0 is head, which waits for its own push."""
    d = Draft("net", TINY, "managed", "full")
    d.add(DMA0, "enqueue", 10, kind=Kind.ENQUEUE, target=DPU0, low=0, high=5)
    for n in range(5):
        d.add(DPU0, f"t{n}", 20)
    table = [(0, 0, 0, 30), *((10, 10 + 20 * n, 10 + 20 * n, 30 + 20 * n) for n in range(4)), (30, 90, 90, 110)]
    assert [s.name for s in critical_path(result_of(d.finish(), table))] == ["enqueue", "t0", "t1", "t2", "t3", "t4"]
    table[-1] = (30, 30, 30, 50)
    assert [(s.name, s.start, s.end) for s in critical_path(result_of(d.finish(), table, makespan=110))][:2] == [
        ("enqueue", 0, 10),
        ("t0", 10, 30),
    ]


def test_a_run_that_stopped_is_reported_to_where_it_got() -> None:
    result = full_result()
    cut = replace(
        result,
        outcome=HAZARD,
        hazard=Hazard("H1", 31, 3, 1, 0, "stale"),
        end=times(10, 5, 20, -1),
        lifted=times(5, -1),
        over=times(27, -1),
        makespan=20,
    )
    report = make_report(cut)
    assert report.horizon == 31
    assert next(row for row in report.engines if row.name == "dpu0").busy == 31 - 27
    assert report.path[-1].end == 20
    data = report_dict(report)
    assert data["hazard"] == {
        "rule": "H1",
        "tick": 31,
        "task": "conv",
        "barrier": "b1#0",
        "found": "b0#0",
        "text": "stale",
    }


def test_a_deadlock_is_told_by_name() -> None:
    result = replace(full_result(), outcome=DEADLOCK, stuck=(StuckRow("dpu0", 3, "waits", 0, (1,)),))
    assert report_dict(make_report(result))["stuck"] == [
        {"engine": "dpu0", "task": "conv", "state": "waits", "barrier": "b0#0", "missing": ["load on dma1"]}
    ]


def test_an_engine_that_is_stuck_is_charged_with_what_its_next_task_waits_for() -> None:
    """conv was pushed at 20 but load never ended: b0 holds it to the end of the run, at 100."""
    table = [*FULL_TIMES[:3], (20, 25, -1, -1)]
    table[1] = (0, 0, 0, -1)
    stuck = result_of(
        full_program(), table, outcome=DEADLOCK, makespan=20, armed=times(0, 0), lifted=times(-1, -1),
        over=times(-1, -1), hazard=Hazard("H7", 100, 3, 0, -1, "stuck"),
    )  # fmt: skip
    row = next(row for row in make_report(stuck).engines if row.name == "dpu0")
    assert (row.stalls["barrier"], row.busy, row.rest) == (100, 0, 0)


def test_an_empty_program_has_an_empty_report() -> None:
    report = make_report(run(Draft("none", TINY).finish()))
    assert (report.horizon, report.engines, report.path, report.occupancy.peak) == (0, (), (), 0)
    assert report.occupancy.mean(0) == 0.0
