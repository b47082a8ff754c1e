"""A run as a trace in Chrome's JSON format, which https://ui.perfetto.dev and chrome://tracing open.

Process "engines": per engine a lane of running tasks (several where tasks overlap) and one of heads blocked on a
barrier; per task the way to there, "fetched" and "queued", as asynchronous slices. Process "firmware": handlers.
Process "barriers": a counter per physical barrier. Arrows lead from the producer that lifted a barrier to who waited.
"""

import math
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Any

from wlm_dialect.program import Kind
from wlm_dialect.runtime.causes import find_causes, last_producer
from wlm_dialect.runtime.report import barrier_occupancy, horizon_of
from wlm_dialect.runtime.result import RunResult

Event = dict[str, Any]
ENGINES, FIRMWARE, BARRIERS = 1, 2, 3
_PROCESSES = {ENGINES: "engines", FIRMWARE: "firmware", BARRIERS: "barriers"}
_LANES = 64  # thread ids per engine: running lanes from 0, blocked heads at _LANES - 1


def make_trace(result: RunResult) -> dict[str, Any]:
    """The trace as one JSON value. `ts` and `dur` are microseconds, `args` hold the exact ticks."""
    machine = result.program.machine
    return {
        "displayTimeUnit": "ns",
        "otherData": {
            "program": result.program.name,
            "machine": machine.name,
            "mode": result.program.mode or result.program.phase,
            "outcome": result.outcome,
            "clock_mhz": machine.clock_mhz,
            "clock": f"args count ticks of {machine.clock_mhz} MHz; ts and dur are microseconds",
            "makespan_ticks": result.makespan,
            "bootstrap_ticks": result.bootstrap,
        },
        "traceEvents": list(_Trace(result).events()),
    }


class _Trace:
    def __init__(self, result: RunResult) -> None:
        self.result = result
        self.program = result.program
        self.mhz = result.program.machine.clock_mhz
        self.horizon = horizon_of(result)
        self.thread: dict[int, int] = {}  # task -> thread of its running slice
        self.names: dict[tuple[int, int], str] = {}

    def events(self) -> Iterator[Event]:
        body = [*self._tasks(), *self._journeys(), *self._firmware(), *self._counters(), *self._flows()]
        yield from self._metadata()
        yield from body

    def _ts(self, tick: int) -> float:
        """Microseconds, whole nanoseconds: slices that meet then meet for an importer that truncates, too."""
        nanoseconds = (tick * 1000 + self.mhz // 2) // self.mhz
        value = nanoseconds / 1000
        while int(value * 1000) < nanoseconds:
            value = math.nextafter(value, math.inf)
        return value

    def _slice(self, pid: int, tid: int, name: str, category: str, low: int, high: int, **args: Any) -> Event:
        ts = self._ts(low)
        return {
            "ph": "X",
            "pid": pid,
            "tid": tid,
            "ts": ts,
            "dur": max(0.0, round(self._ts(high) - ts, 6)),
            "name": name,
            "cat": category,
            "args": {"start": low, "end": high, "ticks": high - low, **args},
        }

    def _metadata(self) -> Iterator[Event]:
        for pid, name in _PROCESSES.items():
            yield {"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}}
            yield {"ph": "M", "pid": pid, "name": "process_sort_index", "args": {"sort_index": pid}}
        for (pid, tid), name in sorted(self.names.items()):
            yield {"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": {"name": name}}
            yield {"ph": "M", "pid": pid, "tid": tid, "name": "thread_sort_index", "args": {"sort_index": tid}}

    def _tasks(self) -> Iterator[Event]:
        r, p = self.result, self.program
        for engine, (model, tasks) in enumerate(zip(p.machine.engines, p.lists, strict=True)):
            shown = [t for t in tasks.tolist() if r.start[t] >= 0]
            ends = [int(r.end[t]) if r.end[t] >= 0 else self.horizon for t in shown]
            intervals = [(int(r.start[t]), end) for t, end in zip(shown, ends, strict=True)]
            for t, end, lane in zip(shown, ends, pack(intervals), strict=True):
                self.thread[t] = tid = engine * _LANES + min(lane, _LANES - 2)
                self.names[ENGINES, tid] = model.name if lane == 0 else f"{model.name} (lane {lane + 1})"
                category = "task" if p.kind[t] == Kind.RUN else "management"
                yield self._slice(
                    ENGINES, tid, p.names[t], category, int(r.start[t]), end, **self._details(t, bool(r.end[t] < 0))
                )
            blocked = engine * _LANES + _LANES - 1
            at = 0  # heads of an outstanding engine or a pool overlap: show each from where the one before left off
            for t in tasks.tolist():
                stop = int(r.start[t]) if r.start[t] >= 0 else self.horizon
                low = max(int(r.head[t]), at)
                if r.head[t] >= 0 and stop > low:
                    at = stop
                    self.names[ENGINES, blocked] = f"{model.name} blocked"
                    name = self._blocked_on(t)
                    yield self._slice(ENGINES, blocked, name, "blocked", low, stop, task=p.names[t])

    def _details(self, t: int, running: bool) -> dict[str, Any]:
        p = self.program
        details: dict[str, Any] = {"task": t, "slots": int(p.slots[t])}
        for key, table in (("waits", p.waits), ("updates", p.updates)):
            if len(table[t]):
                details[key] = [p.barrier_name(v) for v in table[t].tolist()]
        if p.bytes[t]:
            details["bytes"] = int(p.bytes[t])
        if running:
            details["unfinished"] = True
        return details

    def _blocked_on(self, t: int) -> str:
        """`blocked on b7#2, b9#0`: the waits that were not lifted yet when the task came to the head."""
        p, r = self.program, self.result
        head = r.head[t]
        late = [p.barrier_name(v) for v in p.waits[t].tolist() if r.lifted[v] < 0 or r.lifted[v] > head]
        return f"blocked on {', '.join(late)}" if late else "dispatch"

    def _journeys(self) -> Iterator[Event]:
        """Per task: from the end of its descriptor's fetch to its push, and from there to the head."""
        r, p = self.result, self.program
        if p.phase != "managed":
            return
        fetch = find_causes(p).fetch.tolist()
        for t, name in enumerate(p.names):
            queue = int(r.enqueued[t])
            if fetch[t] >= 0 and 0 <= r.end[fetch[t]] < (queue if queue >= 0 else self.horizon):
                stop = queue if queue >= 0 else self.horizon
                yield from self._span(t, name, "fetched", int(r.end[fetch[t]]), stop)
            if queue >= 0:
                stop = int(r.head[t]) if r.head[t] >= 0 else self.horizon
                if stop > queue:
                    yield from self._span(t, name, "queued", queue, stop)

    def _span(self, t: int, name: str, state: str, low: int, high: int) -> Iterator[Event]:
        shared = {"pid": ENGINES, "cat": state, "name": f"{self.program.engine_name(t)} {state}", "id": t}
        yield {"ph": "b", **shared, "ts": self._ts(low), "args": {"task": name, "start": low, "end": high}}
        yield {"ph": "e", **shared, "ts": self._ts(high)}

    def _firmware(self) -> Iterator[Event]:
        p = self.program
        for n, h in enumerate(self.result.handlers):
            self.names[FIRMWARE, 1] = "handlers"
            cause = p.barrier_name(h.barrier) if h.barrier >= 0 else p.names[h.fetch]
            name = f"interrupt of {cause}"
            yield self._slice(FIRMWARE, 1, name, "firmware", h.start, h.end, raised=h.raised, work_items=h.pushes)
            if h.start > h.raised:
                shared = {"pid": FIRMWARE, "cat": "pending", "name": "pending interrupts", "id": n}
                yield {"ph": "b", **shared, "ts": self._ts(h.raised), "args": {"cause": cause, "raised": h.raised}}
                yield {"ph": "e", **shared, "ts": self._ts(h.start)}

    def _counters(self) -> Iterator[Event]:
        r, p = self.result, self.program
        occupancy = barrier_occupancy(r, self.horizon)
        for tick, count in zip(occupancy.ticks.tolist(), occupancy.count.tolist(), strict=True):
            yield self._counter("barriers in use", tick, {"barriers": count})
        for pid in sorted({p for p in p.barriers.pid.tolist() if p >= 0}):
            for tick, producers, consumers in self._counter_values(pid):
                yield self._counter(f"b{pid}", tick, {"producers": producers, "consumers": consumers})

    def _counter(self, name: str, tick: int, values: dict[str, int]) -> Event:
        return {"ph": "C", "pid": BARRIERS, "name": name, "ts": self._ts(tick), "args": values}

    def _counter_values(self, pid: int) -> list[tuple[int, int, int]]:
        """(tick, producers left, consumers left) of one physical barrier, one entry per tick with a change."""
        r, p = self.result, self.program
        at_end = p.machine.barriers.consume_at == "end"
        changes: list[tuple[int, int, int, int]] = []
        for v in [v for v, q in enumerate(p.barriers.pid.tolist()) if q == pid and r.armed[v] >= 0]:
            changes.append((int(r.armed[v]), v, int(p.barriers.producers[v]), int(p.barriers.consumers[v])))
            changes += [(int(r.end[t]), v, -int(p.slots[t]), 0) for t in p.producers[v].tolist() if r.end[t] >= 0]
            consumed = r.end if at_end else r.start
            changes += [(int(consumed[t]), v, 0, -int(p.slots[t])) for t in p.consumers[v].tolist() if consumed[t] >= 0]
        out: dict[int, tuple[int, int]] = {}
        producers = consumers = 0
        for tick, _, up, down in sorted(changes):
            producers, consumers = producers + up, consumers + down
            out[tick] = (producers, consumers)
        return [(tick, *values) for tick, values in out.items()]

    def _flows(self) -> Iterator[Event]:
        """From the producer that lifted a barrier to each task that waited for it; of a graph, along `after`."""
        r, p = self.result, self.program
        flow = 0
        producer = [last_producer(r, v) for v in range(len(p.barriers))]
        for t in range(len(p)):
            if r.start[t] < 0:
                continue
            sources = [producer[v] for v in p.waits[t].tolist()] or p.after[t].tolist()
            for u in dict.fromkeys(sources):
                if u < 0 or u not in self.thread:
                    continue
                flow += 1
                shared = {"cat": "dependence", "name": "dependence", "id": flow, "pid": ENGINES}
                # bound to the slices that enclose them: the last instant of the producer, the first of the consumer
                last = max(int(r.start[u]), int(r.end[u]) - 1)
                yield {"ph": "s", **shared, "tid": self.thread[u], "ts": self._ts(last)}
                yield {"ph": "f", "bp": "e", **shared, "tid": self.thread[t], "ts": self._ts(int(r.start[t]))}


def pack(intervals: Iterable[tuple[int, int]]) -> list[int]:
    """A lane per half-open interval, such that no two in one lane overlap; as few lanes as possible, lowest first."""
    order = sorted(enumerate(intervals), key=lambda item: item[1])
    lanes = [0] * len(order)
    running: list[tuple[int, int]] = []
    free: list[int] = []
    count = 0
    for n, (low, high) in order:
        while running and running[0][0] <= low:
            heappush(free, heappop(running)[1])
        if not free:
            heappush(free, count)
            count += 1
        lanes[n] = heappop(free)
        heappush(running, (high, lanes[n]))
    return lanes
