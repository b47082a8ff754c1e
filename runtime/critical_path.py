"""The critical path by name: from completion back to bootstrap, each time through whatever happened last."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I64, Csr
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.causes import Causes, HandlerIndex, find_causes, last_producer
from wlm_dialect.runtime.conflicts import dependences
from wlm_dialect.runtime.result import RunResult

RUN, MANAGEMENT, FIRMWARE, DISPATCH = "run", "management", "firmware", "dispatch"


@dataclass(frozen=True)
class Step:
    """A stretch [start, end) of ticks of the path, and why its end was waited for."""

    kind: str  # RUN, MANAGEMENT (a DMA), FIRMWARE (a handler), DISPATCH (nothing recorded explains it)
    task: int  # -1 for firmware and unexplained stretches
    name: str
    where: str  # engine, or "firmware"
    start: int
    end: int
    why: str

    @property
    def ticks(self) -> int:
        """Length of the stretch."""
        return self.end - self.start


@dataclass(frozen=True)
class _Point:
    """An event whose cause is wanted: `what` is end, start, head, lifted, over, armed or handler; `n` its task etc."""

    what: str
    n: int
    tick: int
    why: str


def critical_path(result: RunResult) -> tuple[Step, ...]:
    """The stretches in order of time; they join without a gap and cover [0, completion] of a run that finished.

    In a run that stopped early the path leads to the last end that was seen.
    """
    walk = _Walk(result)
    steps = walk.back(_completion(result))
    return tuple(reversed(steps))


def path_by_kind(path: tuple[Step, ...]) -> dict[str, int]:
    """Ticks of the path per kind of stretch."""
    totals = dict.fromkeys((RUN, MANAGEMENT, FIRMWARE, DISPATCH), 0)
    for step in path:
        totals[step.kind] += step.ticks
    return totals


def _completion(result: RunResult) -> _Point | None:
    tail = result.program.barriers.tail
    if tail >= 0 and result.lifted[tail] >= 0:
        name = result.program.barrier_name(tail)
        return _Point("lifted", tail, int(result.lifted[tail]), f"lifts tail barrier {name}")
    if not len(result.end) or int(result.end.max()) < 0:
        return None
    last = int(result.end.argmax())
    return _Point("end", last, int(result.end[last]), "ends last")


class _Walk:
    def __init__(self, result: RunResult) -> None:
        self.result = result
        self.program: Program = result.program
        self.causes: Causes = find_causes(self.program)
        self.handlers = HandlerIndex(result.handlers)
        self.before: Csr = dependences(self.program) if self.program.phase == "graph" else self.program.after
        self.steps: list[Step] = []

    def back(self, point: _Point | None) -> list[Step]:
        """Follow causes until tick 0 or an event without one; the rest of the way is one unexplained stretch."""
        seen: set[tuple[str, int]] = set()
        while point is not None and point.tick > 0:
            seen.add((point.what, point.n))
            cause = self._cause(point)
            if cause is None or (cause.what, cause.n) in seen:
                self._step(DISPATCH, -1, "unexplained", "", 0, point.tick, point.why)
                break
            self._fill(cause, point)
            point = cause
        return self.steps

    def _fill(self, point: _Point, later: _Point) -> None:
        """What happened between a cause and its effect: the body of a task or handler, else nothing we know of."""
        if later.what == "end":
            t = later.n
            kind = RUN if self.program.kind[t] == Kind.RUN else MANAGEMENT
            self._step(kind, t, self.program.names[t], self.program.engine_name(t), point.tick, later.tick, later.why)
        elif later.what == "handler":
            self._step(FIRMWARE, -1, self._handler_name(later.n), "firmware", point.tick, later.tick, later.why)
        else:
            self._step(DISPATCH, later.n, "dispatch", "", point.tick, later.tick, later.why)

    def _step(self, kind: str, task: int, name: str, where: str, start: int, end: int, why: str) -> None:
        if end > start:
            self.steps.append(Step(kind, task, name, where, start, end, why))

    def _handler_name(self, n: int) -> str:
        handler = self.handlers.handlers[n]
        if handler.barrier >= 0:
            return f"interrupt of {self.program.barrier_name(handler.barrier)}"
        return f"interrupt of {self.program.names[handler.fetch]}"

    def _cause(self, point: _Point) -> _Point | None:
        match point.what:
            case "end":
                return _Point("start", point.n, int(self.result.start[point.n]), point.why)
            case "start":
                return self._latest(point, self._start_causes(point.n))
            case "head":
                return self._latest(point, self._head_causes(point.n))
            case "enqueued":
                return self._enqueue_cause(point)
            case "lifted":
                return self._latest(point, self._lifted_causes(point.n))
            case "over":
                return self._latest(point, self._over_causes(point.n))
            case "armed":
                return self._armed_cause(point)
            case "handler":
                return self._handler_cause(point)
            case _:
                raise AssertionError(point.what)

    @staticmethod
    def _latest(point: _Point, causes: list[_Point]) -> _Point | None:
        """The cause that came last, the first listed of several; what lies later than the effect is none."""
        best: _Point | None = None
        for cause in causes:
            if 0 <= cause.tick <= point.tick and (best is None or cause.tick > best.tick):
                best = cause
        return best

    def _point(self, what: str, ticks: I64, n: int, why: str) -> _Point:
        return _Point(what, n, int(ticks[n]), why)

    def _start_causes(self, t: int) -> list[_Point]:
        p, r = self.program, self.result
        name = p.names[t]
        causes = [
            self._point("lifted", r.lifted, v, f"lifts {p.barrier_name(v)}, which {name} waits for")
            for v in p.waits[t].tolist()
        ]
        causes += [self._point("end", r.end, a, f"{name} depends on it") for a in self.before[t].tolist()]
        engine = p.machine.engines[int(p.engine[t])]
        before = int(p.position[t]) - (engine.servers if engine.order == "outstanding" else 1)
        if before >= 0 and engine.order != "pool":
            u = int(p.lists[int(p.engine[t])][before])
            causes.append(self._point("end", r.end, u, f"{name} comes next on {engine.name}"))
        causes.append(self._point("head", r.head, t, f"{name} is at the head of {engine.name}"))
        return causes

    def _head_causes(self, t: int) -> list[_Point]:
        p, r = self.program, self.result
        causes = [self._point("enqueued", r.enqueued, t, f"pushes {p.names[t]}")]
        engine = p.machine.engines[int(p.engine[t])]
        pred = int(p.predecessor[t])
        if pred >= 0:
            what, ticks = {"serial": ("end", r.end), "pool": ("head", r.head)}.get(engine.order, ("start", r.start))
            causes.append(self._point(what, ticks, pred, f"{p.names[t]} comes next on {engine.name}"))
            if engine.order == "pool":  # a server has to come free: whichever task of the pool ended last before
                tasks = p.lists[int(p.engine[t])]
                ends = np.where(r.end[tasks] <= r.head[t], r.end[tasks], -1)
                causes.append(
                    self._point("end", r.end, int(tasks[int(ends.argmax())]), f"frees a server of {engine.name}")
                )
        return causes

    def _enqueue_cause(self, point: _Point) -> _Point | None:
        """A push by DMA or by a handler; a push that found the FIFO full waited for the item `depth` before."""
        t, c = point.n, self.causes
        p, r = self.program, self.result
        dma = int(c.enqueue[t])
        if dma >= 0:
            through = int(r.start[dma]) + int(p.cycles[dma])
            ahead = int(p.position[t]) - p.machine.engines[int(p.engine[t])].fifo_depth
            if point.tick > through and ahead >= 0:
                u = int(p.lists[int(p.engine[t])][ahead])
                return self._point("head", r.head, u, f"makes room in the FIFO for {p.names[t]}")
            return _Point("end", dma, min(point.tick, int(r.end[dma])), point.why)
        if int(c.item[t]) >= 0:
            n = self.handlers.at(point.tick)
            if n >= 0:
                return _Point("handler", n, point.tick, point.why)
        return None

    def _lifted_causes(self, v: int) -> list[_Point]:
        causes = []
        u = last_producer(self.result, v)
        name = self.program.barrier_name(v)
        if u >= 0:
            causes.append(self._point("end", self.result.end, u, f"last to update {name}"))
        causes.append(self._point("armed", self.result.armed, v, f"arms {name}"))
        return causes

    def _over_causes(self, v: int) -> list[_Point]:
        r, name = self.result, self.program.barrier_name(v)
        at_end = self.program.machine.barriers.consume_at == "end"
        what, ticks = ("end", r.end) if at_end else ("start", r.start)
        causes = [self._point("lifted", r.lifted, v, f"lifts {name}")]
        causes += [self._point(what, ticks, t, f"last to consume {name}") for t in self.program.consumers[v].tolist()]
        return [c for c in causes if c.tick >= 0]

    def _armed_cause(self, point: _Point) -> _Point | None:
        r, v = self.result, point.n
        dma = int(self.causes.program[v])
        before = int(self.program.barriers.previous[v])
        causes = []
        if dma >= 0:
            causes.append(self._point("end", r.end, dma, point.why))
        elif (n := self.handlers.at(point.tick)) >= 0:
            return _Point("handler", n, point.tick, point.why)
        if before >= 0:
            causes.append(self._point("over", r.over, before, f"frees {self.program.barrier_name(v)}"))
        return self._latest(point, causes)

    def _handler_cause(self, point: _Point) -> _Point:
        handler = self.handlers.handlers[point.n]
        if handler.start > handler.raised and point.n > 0:
            before = self.handlers.handlers[point.n - 1]
            if before.end == handler.start:
                return _Point("handler", point.n - 1, before.end, "firmware was busy with it")
        if handler.barrier >= 0:
            return _Point("over", handler.barrier, handler.start, f"{self._handler_name(point.n)} follows")
        return _Point("end", handler.fetch, handler.start, f"{self._handler_name(point.n)} follows")
