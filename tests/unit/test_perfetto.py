"""The trace: structure, names and times of a small program, worked out by hand."""

import json
from typing import Any

import numpy as np
import pytest

from wlm_dialect.machine import preset
from wlm_dialect.program import Barriers, Kind, Program, WorkItems
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.perfetto import BARRIERS, ENGINES, FIRMWARE, make_trace
from wlm_dialect.runtime.result import DEADLOCK, FINISHED, Handler, RunResult

MACHINE = preset("tiny").with_(clock_mhz=1700)
DMA0, DMA1, DPU0 = (MACHINE.engine_index[name] for name in ("dma0", "dma1", "dpu0"))


def times(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def program() -> Program:
    """dma0: fetch, enqueue of conv;  dma1: load -> b0 -> conv on dpu0 -> b1, the tail."""
    d = Draft("net", MACHINE, "managed", "full")
    d.add(DMA0, "fetch", 10, kind=Kind.FETCH, target=DPU0, low=0, high=1)
    d.add(DMA1, "load", 30, updates=[0], bytes=64)
    d.add(DMA0, "enqueue", 10, kind=Kind.ENQUEUE, target=DPU0, low=0, high=1)
    d.add(DPU0, "conv", 40, waits=[0], updates=[1], slots=2)
    i32 = np.int32
    barriers = Barriers(np.array([7, 2], i32), np.array([1, 2], i32), np.array([2, 0], i32), np.array([0, 2], i32), 1)
    return d.finish(barriers=barriers, bootstrap=[0, 1], items=WorkItems.none())


def result(**fields: Any) -> RunResult:
    columns = np.array([(0, 0, 0, 10), (0, 0, 0, 30), (0, 10, 10, 20), (20, 25, 30, 70)], np.int64).T
    names = ("enqueued", "head", "start", "end")
    values: dict[str, Any] = dict(zip(names, columns, strict=True))
    values.update(
        armed=times(0, 0), lifted=times(30, 70), over=times(30, 70), outcome=FINISHED, makespan=70, bootstrap=9
    )
    values.update(handlers=(Handler(0, -1, 30, 35, 50, 1),))
    values.update(fields)
    return RunResult(program(), **values)


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(json.dumps(make_trace(result())))["traceEvents"]
    return found


def named(events: list[dict[str, Any]], ph: str, name: str) -> list[dict[str, Any]]:
    return [e for e in events if e["ph"] == ph and e["name"] == name]


def test_every_event_has_what_its_phase_needs(events: list[dict[str, Any]]) -> None:
    needs = {"M": {"args"}, "X": {"ts", "dur", "tid", "cat", "args"}, "C": {"ts", "args"}, "b": {"ts", "id", "cat"}}
    needs.update({"e": {"ts", "id", "cat"}, "s": {"ts", "id", "cat", "tid"}, "f": {"ts", "id", "cat", "tid", "bp"}})
    assert {e["ph"] for e in events} == set(needs)
    for e in events:
        assert needs[e["ph"]] | {"name", "pid"} <= set(e)
        assert e.get("ts", 0) >= 0
        assert e.get("dur", 0) >= 0


def test_the_clock_is_in_the_metadata() -> None:
    data = make_trace(result())["otherData"]
    assert data["clock_mhz"] == 1700
    assert data["makespan_ticks"] == 70
    assert data["bootstrap_ticks"] == 9
    assert data["clock"] == "args count ticks of 1700 MHz; ts and dur are microseconds"


def test_a_task_runs_on_the_lane_of_its_engine(events: list[dict[str, Any]]) -> None:
    [conv] = named(events, "X", "conv")
    assert conv["cat"] == "task"
    assert conv["args"] == {
        "start": 30,
        "end": 70,
        "ticks": 40,
        "task": 3,
        "slots": 2,
        "waits": ["b7#0"],
        "updates": ["b2#0"],
    }
    assert conv["ts"] == pytest.approx(30 / 1700, abs=1e-3)
    lanes = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert lanes[ENGINES, conv["tid"]] == "dpu0"
    assert [e["cat"] for e in named(events, "X", "fetch") + named(events, "X", "enqueue")] == ["management"] * 2


def test_the_head_is_blocked_on_its_barrier(events: list[dict[str, Any]]) -> None:
    [blocked] = named(events, "X", "blocked on b7#0")
    assert (blocked["args"]["start"], blocked["args"]["end"], blocked["args"]["task"]) == (25, 30, "conv")


def test_the_way_to_the_head_is_fetched_then_queued(events: list[dict[str, Any]]) -> None:
    spans = [(e["name"], e["args"]["start"], e["args"]["end"]) for e in events if e["ph"] == "b" and e["id"] == 3]
    assert spans == [("dpu0 fetched", 10, 20), ("dpu0 queued", 20, 25)]


def test_barriers_are_counters(events: list[dict[str, Any]]) -> None:
    values = [e["args"] for e in named(events, "C", "b7")]
    assert values == [{"producers": 1, "consumers": 2}, {"producers": 0, "consumers": 0}]
    assert [e["args"]["barriers"] for e in named(events, "C", "barriers in use")] == [2, 1, 0]
    assert {e["pid"] for e in events if e["ph"] == "C"} == {BARRIERS}


def test_handlers_and_pending_interrupts_are_shown(events: list[dict[str, Any]]) -> None:
    [handler] = named(events, "X", "interrupt of b7#0")
    assert handler["pid"] == FIRMWARE
    assert handler["args"] == {"start": 35, "end": 50, "ticks": 15, "raised": 30, "work_items": 1}
    [pending] = named(events, "b", "pending interrupts")
    assert pending["args"]["raised"] == 30


def test_an_arrow_leads_from_the_producer_to_who_waited(events: list[dict[str, Any]]) -> None:
    [begin] = [e for e in events if e["ph"] == "s"]
    [end] = [e for e in events if e["ph"] == "f"]
    [load], [conv] = named(events, "X", "load"), named(events, "X", "conv")
    assert begin["id"] == end["id"]
    assert (begin["tid"], end["tid"]) == (load["tid"], conv["tid"])
    assert load["ts"] <= begin["ts"] <= load["ts"] + load["dur"]
    assert end["ts"] == conv["ts"]


def test_a_task_that_never_ended_runs_to_the_edge() -> None:
    cut = result(outcome=DEADLOCK, end=times(10, 30, 20, -1), lifted=times(30, -1), over=times(30, -1), makespan=30)
    [conv] = named(make_trace(cut)["traceEvents"], "X", "conv")
    assert conv["args"]["unfinished"] is True
    assert conv["args"]["end"] == 30


def test_times_survive_an_importer_that_truncates_to_nanoseconds() -> None:
    """Perfetto multiplies by 1000 and cuts: the end of a task and the start of the next must still meet."""
    d = Draft("net", MACHINE)
    for n in range(300):
        d.add(DPU0, f"t{n}", 7 + n)
    bounds = np.cumsum([0] + [7 + n for n in range(300)])
    columns = {"enqueued": bounds[:-1] * 0, "head": bounds[:-1], "start": bounds[:-1], "end": bounds[1:]}
    none = np.zeros(0, np.int64)
    run = RunResult(d.finish(), FINISHED, int(bounds[-1]), 0, **columns, armed=none, lifted=none, over=none)
    slices = [e for e in make_trace(run)["traceEvents"] if e["ph"] == "X"]
    assert len(slices) == 300
    for e, start in zip(slices, bounds.tolist(), strict=False):
        assert int(e["ts"] * 1000) == round(start * 1000 / 1700)
