"""A timed run as the rest of the project shows runs: a task graph on three engines, with reports, page and trace.

Tasks stand in order of their start, so that every token leads forward; their names begin with the number of the
instruction. Queues are added to what a report knows: their fill over time, as counters of the trace and areas of the
page.
"""

from typing import Any

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.machine import MachineModel
from wlm_dialect.machine.model import EngineModel
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft
from wlm_dialect.program.vta import QUEUES, VtaProgram, token_moves
from wlm_dialect.program.vta.hardware import POPPER, PUSHER
from wlm_dialect.program.vta.names import MODULES, insn_name
from wlm_dialect.runtime.html import QueueArea, make_html
from wlm_dialect.runtime.perfetto import make_trace
from wlm_dialect.runtime.report import Report, make_report
from wlm_dialect.runtime.result import DEADLOCK as RUN_DEADLOCK
from wlm_dialect.runtime.result import FINISHED as RUN_FINISHED
from wlm_dialect.runtime.result import HAZARD as RUN_HAZARD
from wlm_dialect.runtime.result import Hazard, RunResult, StuckRow
from wlm_dialect.runtime.vta.timing import DEADLOCK, FINISHED, HAZARD, VtaTimes

_OUTCOMES = {FINISHED: RUN_FINISHED, DEADLOCK: RUN_DEADLOCK, HAZARD: RUN_HAZARD}
_QUEUES = 3  # the process of queue counters in a trace
WORDS = {"barrier": "token", "firmware": "instruction fetch", "mode": "program"}


def times_report(times: VtaTimes) -> Report:
    """The report of a run in time: utilisation of the modules, what they waited for, the critical path."""
    return make_report(_result(times))


def times_html(runs: list[VtaTimes]) -> str:
    """The page with load, compute and store side by side and the four queues below; several runs become tabs."""
    return make_html([times_report(t) for t in runs], queues=[_areas(t) for t in runs], words=WORDS)


def times_trace(times: VtaTimes) -> dict[str, Any]:
    """The trace for ui.perfetto.dev, with a counter per dependence queue; ticks count the costs' clock."""
    trace = make_trace(_result(times))
    events: list[dict[str, Any]] = trace["traceEvents"]
    events.append({"ph": "M", "pid": _QUEUES, "name": "process_name", "args": {"name": "queues"}})
    for q, name in enumerate(QUEUES):
        ticks, tokens = times.occupancy(q)
        for tick, count in zip(ticks.tolist(), tokens.tolist(), strict=True):
            ts = tick * 1000 // times.costs.clock_mhz / 1000
            events.append({"ph": "C", "pid": _QUEUES, "name": name, "ts": ts, "args": {"tokens": count}})
    # the barriers' process stays empty: queues take its place
    trace["traceEvents"] = [e for e in events if e.get("args", {}).get("name") != "barriers"]
    return trace


def _areas(times: VtaTimes) -> list[QueueArea]:
    limit = times.hardware.tokens or 0
    fills = [times.occupancy(q) for q in range(len(QUEUES))]
    return [QueueArea(name, t.tolist(), n.tolist(), limit) for name, (t, n) in zip(QUEUES, fills, strict=True)]


def _machine(times: VtaTimes) -> MachineModel:
    rate = times.costs.clock_mhz * times.costs.bus_bytes
    load, compute, store = MODULES
    engines = (
        EngineModel(load, "dma", bandwidth_mbps=rate),
        EngineModel(compute, "dpu", 0, descriptor_slots=1, descriptor_bytes=1),  # there are none, but it has to say
        EngineModel(store, "dma", bandwidth_mbps=rate),
    )
    return MachineModel("vta", times.costs.clock_mhz, 1, engines)


def _ranks(times: VtaTimes) -> tuple[I32, I32]:
    """(instruction of each task, task of each instruction): by start, unstarted last, then as the stream lists them."""
    start = np.where(times.start < 0, np.iinfo(np.int64).max, times.start)
    # of two that start at once the one that ends first may have pushed what the other popped
    end = np.where(times.end < 0, np.iinfo(np.int64).max, times.end)
    order = np.lexsort((np.arange(len(start)), end, start)).astype(np.int32)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return order, rank


def _result(times: VtaTimes) -> RunResult:
    order, rank = _ranks(times)
    program = _graph(times, order, rank)
    start, end = times.start[order], times.end[order]
    module = times.program.module[order]
    free = np.full(3, 0, np.int64)
    head = np.full(len(order), -1, np.int64)
    arrived = times.arrived[order]
    for t in np.flatnonzero(start >= 0).tolist():
        head[t] = max(int(free[module[t]]), int(arrived[t]))
        free[module[t]] = end[t] if end[t] >= 0 else free[module[t]]
    nothing = np.zeros(0, np.int64)
    hazard = None
    if times.hazard:
        hazard = Hazard("V12", times.makespan, int(rank[times.hazard_at]), -1, -1, times.hazard)
    stuck = tuple(StuckRow(MODULES[w.module], int(rank[w.instruction]), w.reason, -1, ()) for w in times.waiting)
    return RunResult(
        program=program,
        outcome=_OUTCOMES[times.outcome],
        makespan=times.makespan,
        bootstrap=0,
        enqueued=arrived,
        head=head,
        start=start,
        end=end,
        armed=nothing,
        lifted=nothing,
        over=nothing,
        hazard=hazard,
        stuck=stuck,
        events=len(order),
        engine_of_execution="vta",
    )


def _graph(times: VtaTimes, order: I32, rank: I32) -> Program:
    """The instructions as tasks; `after` are the instructions whose tokens they took."""
    p: VtaProgram = times.program
    draft = Draft(_symbol(p.name), _machine(times), mode=p.name)
    after = _sources(times)
    for i in order.tolist():
        before = sorted(int(rank[j]) for j in after.get(i, ()))
        draft.add(int(p.module[i]), insn_name(p, i), int(times.durations[i]), after=before)
    return draft.finish()


def _sources(times: VtaTimes) -> dict[int, list[int]]:
    """Per instruction those whose tokens it took."""
    pops, pushes = token_moves(times.program.insn)
    out: dict[int, list[int]] = {}
    for q in range(4):
        pushers, poppers = times.program.lists[PUSHER[q]], times.program.lists[POPPER[q]]
        push = pushers[pushes[pushers, q] != 0][: len(times.pushed[q])].tolist()
        pop = poppers[pops[poppers, q] != 0][: len(times.popped[q])].tolist()
        for n, i in enumerate(pop):
            if 0 <= n - times.initial[q] < len(push):
                out.setdefault(i, []).append(push[n - times.initial[q]])
    return out


def _symbol(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name) or "vta"
