"""From completion back to bootstrap, each time to what happened last: the events that made a run as long as it is."""

from bisect import bisect_left
from dataclasses import dataclass

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.causes import Causes, HandlerIndex, find_causes, last_producer
from wlm_dialect.runtime.conflicts import dependences
from wlm_dialect.runtime.result import RunResult


@dataclass(frozen=True, slots=True)
class Point:
    """An event and how it leads to the next one.

    `what` is end, start, head or enqueued (`n` is a task), lifted, over or armed (`n` is a barrier) or handler (`n` is
    a place in `Trail.handlers`). `how` says what happens to `to`, a task, barrier or handler; `critical_path` has the
    words. What only passes on what it was caused by (the start of a task to its end) has the `how` of that.
    """

    what: str
    n: int
    tick: int
    how: str
    to: int


@dataclass(frozen=True, eq=False)
class Trail:
    """The events in order of time. The first is at tick 0, unless nothing recorded explains it."""

    result: RunResult
    points: tuple[Point, ...]
    causes: Causes
    handlers: HandlerIndex


Cause = tuple[int, str, int, str]
"""Tick, what, n, how: a candidate."""


def find_trail(result: RunResult) -> Trail:
    """Follow causes back from completion; in a run that stopped early, from the last end that was seen.

    Of several causes in one tick the one listed first is taken, and those are listed first that no management would
    change: management is blamed only where it came last. Linear in the length of the trail.
    """
    walk = _Walk(result)
    points: list[Point] = []
    seen: set[tuple[str, int, int]] = set()
    point = _completion(result)
    while point is not None and (point.what, point.n, point.tick) not in seen:
        seen.add((point.what, point.n, point.tick))
        points.append(point)
        point = walk.cause(point) if point.tick > 0 else None
    return Trail(result, tuple(reversed(points)), walk.causes, walk.handlers)


def _completion(result: RunResult) -> Point | None:
    tail = result.program.barriers.tail
    if tail >= 0 and result.lifted[tail] >= 0:
        return Point("lifted", tail, int(result.lifted[tail]), "tail", tail)
    if not len(result.end) or int(result.end.max()) < 0:
        return None
    last = int(result.end.argmax())
    return Point("end", last, int(result.end[last]), "last", last)


def _latest(point: Point, to: int, causes: list[Cause]) -> Point | None:
    """The cause that came last, the first listed of several; what lies later than the effect is none."""
    best: Cause | None = None
    for cause in causes:
        if 0 <= cause[0] <= point.tick and (best is None or cause[0] > best[0]):
            best = cause
    return None if best is None else Point(best[1], best[2], best[0], best[3], to)


class _Walk:
    def __init__(self, result: RunResult) -> None:
        self.result = result
        self.program: Program = result.program
        self.causes: Causes = find_causes(self.program)
        self.handlers = HandlerIndex(result.handlers)
        self.before: Csr = dependences(self.program) if self.program.phase == "graph" else self.program.after
        self.start, self.end, self.head = result.start.tolist(), result.end.tolist(), result.head.tolist()
        self.lifted = result.lifted.tolist()
        self._servers: dict[int, list[tuple[int, int]]] = {}

    def cause(self, point: Point) -> Point | None:
        """What `point` waited for last; None if nothing recorded explains it."""
        match point.what:
            case "end":
                return self._end_cause(point)
            case "start":
                return _latest(point, point.n, self._start_causes(point.n))
            case "head":
                return _latest(point, point.n, self._head_causes(point.n))
            case "enqueued":
                return self._enqueue_cause(point)
            case "lifted":
                return _latest(point, point.n, self._lifted_causes(point.n))
            case "over":
                return _latest(point, point.n, self._over_causes(point.n))
            case "armed":
                return self._armed_cause(point)
            case "handler":
                return self._handler_cause(point)
            case _:
                raise AssertionError(point.what)

    def _end_cause(self, point: Point) -> Point:
        """Its start; an enqueue that found the FIFO full ends when there is room for its last item."""
        t, p = point.n, self.program
        if p.kind[t] == Kind.ENQUEUE:
            last = int(p.lists[int(p.target[t])][int(p.high[t]) - 1])
            room = self._room(last, t, point.tick)
            if room >= 0:
                return Point("head", room, point.tick, "room", last)
        return Point("start", t, self.start[t], point.how, point.to)

    def _room(self, task: int, dma: int, tick: int) -> int:
        """The task whose head at `tick` made room for the push of `task` by enqueue `dma`; -1 = it did not wait."""
        p = self.program
        e = int(p.engine[task])
        ahead = int(p.position[task]) - p.machine.engines[e].fifo_depth
        if ahead < 0 or self.start[dma] + int(p.cycles[dma]) >= tick:
            return -1
        u = int(p.lists[e][ahead])
        return u if self.head[u] == tick else -1

    def _start_causes(self, t: int) -> list[Cause]:
        p = self.program
        causes: list[Cause] = [(self.lifted[v], "lifted", v, "waits") for v in p.waits[t].tolist()]
        causes += [(self.end[a], "end", a, "depends") for a in self.before[t].tolist()]
        e = int(p.engine[t])
        engine = p.machine.engines[e]
        before = int(p.position[t]) - (engine.servers if engine.order == "outstanding" else 1)
        if before >= 0 and engine.order != "pool":
            u = int(p.lists[e][before])
            causes.append((self.end[u], "end", u, "next"))
        causes.append((self.head[t], "head", t, "head"))
        return causes

    def _head_causes(self, t: int) -> list[Cause]:
        p = self.program
        e = int(p.engine[t])
        order, pred = p.machine.engines[e].order, int(p.predecessor[t])
        causes: list[Cause] = []
        if pred >= 0:
            what, ticks = {"serial": ("end", self.end), "pool": ("head", self.head)}.get(order, ("start", self.start))
            causes.append((ticks[pred], what, pred, "next"))
        causes.append((int(self.result.enqueued[t]), "enqueued", t, "push"))
        if pred >= 0 and order == "pool":  # a server has to come free: whichever task of the pool ended last before
            free = self._freed(e, self.head[t])
            if free is not None:
                causes.append((free[0], "end", free[1], "server"))
        return causes

    def _freed(self, engine: int, tick: int) -> tuple[int, int] | None:
        """End and task of the last end on a pool up to `tick`."""
        ends = self._servers.get(engine)
        if ends is None:
            ends = self._servers[engine] = sorted((self.end[t], t) for t in self.program.lists[engine].tolist())
        n = bisect_left(ends, (tick + 1, -1))
        return ends[n - 1] if n and ends[n - 1][0] >= 0 else None

    def _enqueue_cause(self, point: Point) -> Point | None:
        """A push by DMA or by a handler; a push that found the FIFO full waited for the item `depth` before."""
        t, c = point.n, self.causes
        dma = int(c.enqueue[t])
        if dma >= 0:
            room = self._room(t, dma, point.tick)
            if room >= 0:
                return Point("head", room, point.tick, "room", t)
            return Point("end", dma, min(point.tick, self.end[dma]), point.how, point.to)
        if int(c.item[t]) >= 0:
            n = self.handlers.at(point.tick)
            if n >= 0:
                return Point("handler", n, point.tick, point.how, point.to)
        return None

    def _lifted_causes(self, v: int) -> list[Cause]:
        causes: list[Cause] = []
        u = last_producer(self.result, v)
        if u >= 0:
            causes.append((self.end[u], "end", u, "update"))
        causes.append((int(self.result.armed[v]), "armed", v, "arm"))
        return causes

    def _over_causes(self, v: int) -> list[Cause]:
        at_end = self.program.machine.barriers.consume_at == "end"
        what, ticks = ("end", self.end) if at_end else ("start", self.start)
        causes: list[Cause] = [(self.lifted[v], "lifted", v, "lift")]
        return causes + [(ticks[t], what, t, "consume") for t in self.program.consumers[v].tolist()]

    def _armed_cause(self, point: Point) -> Point | None:
        """The instance before was over, or the push came later: of a program DMA or of a handler."""
        v, dma = point.n, int(self.causes.program[point.n])
        before = int(self.program.barriers.previous[v])
        over = int(self.result.over[before]) if before >= 0 else -1
        n = self.handlers.at(point.tick) if dma < 0 and over != point.tick else -1
        if n >= 0 and self._programs(n, v):
            return Point("handler", n, point.tick, point.how, point.to)
        causes: list[Cause] = [(over, "over", before, "free")] if before >= 0 else []
        if dma >= 0:
            causes.append((self.end[dma], "end", dma, point.how))
        found = _latest(point, v, causes)
        return found if found is None or found.what == "over" else Point("end", dma, found.tick, point.how, point.to)

    def _programs(self, handler: int, barrier: int) -> bool:
        """Whether a handler programs that physical barrier."""
        by, pid = self.handlers.handlers[handler].barrier, self.program.barriers.pid
        return by >= 0 and bool(pid[by] == pid[barrier])

    def _handler_cause(self, point: Point) -> Point:
        handler = self.handlers.handlers[point.n]
        if handler.start > handler.raised and point.n > 0:
            before = self.handlers.handlers[point.n - 1]
            if before.end == handler.start:
                return Point("handler", point.n - 1, before.end, "busy", point.n)
        what, n = ("over", handler.barrier) if handler.barrier >= 0 else ("end", handler.fetch)
        return Point(what, n, handler.start, "serve", point.n)
