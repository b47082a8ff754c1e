"""Why a run took as long as it did: every tick of its trail by cause, and what of them an ideal run would not have had.

Two accounts of the same trail (docs/why.md). *Path*: each tick of the makespan belongs to the one thing that the trail
says was going on; the causes add up to the makespan. *Delay*: each tick by which the run is late against the ideal one
belongs to what made it late; the causes add up to makespan - ideal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wlm_dialect.kernels.csr import I64
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.law import Law, find_law
from wlm_dialect.runtime.result import FINISHED, RunResult
from wlm_dialect.runtime.trail import Point, Trail

WORK = "work"
CAUSES = (
    "interrupt",  # handlers that did what came next
    "firmware_queue",  # handlers that the next handler had to wait for
    "fetch",
    "enqueue",
    "refill",  # program DMAs
    "reuse",  # management that had to wait for tasks: for an instance to be over
    "dma_queue",  # management DMAs in front of a data DMA on its queue
    "bandwidth",  # transfers slower than without management
    "dispatch",  # delays of dispatch and re-arming; nothing recorded explains it
    "order",  # tasks that wait for tasks they do not depend on: shared barriers, joins, another order of tasks
)
"""What a tick is charged to other than `WORK`, the tasks of the network themselves."""

_OF_KIND = {Kind.RUN: WORK, Kind.FETCH: "fetch", Kind.ENQUEUE: "enqueue", Kind.PROGRAM: "refill", Kind.SYNC: "order"}


@dataclass(frozen=True)
class Share:
    """What one cause comes to: stretches of the trail, their ticks, and ticks of the delay (None: ideal unknown)."""

    cause: str  # WORK or one of CAUSES
    count: int
    path: int
    delay: int | None


@dataclass(frozen=True)
class Why:
    """The accounts of one run. `path` of all shares is `ticks`; `delay` of all shares is `ticks - ideal`."""

    ticks: int  # the makespan, or the last end of a run that stopped
    ideal: int | None
    shares: tuple[Share, ...]  # WORK, then CAUSES in their order
    interrupts: int  # handlers on the trail
    law: Law | None

    @property
    def delay(self) -> int | None:
        """Ticks later than ideal."""
        return None if self.ideal is None else self.ticks - self.ideal

    @property
    def management(self) -> int:
        """Ticks of the trail that are not the work of tasks."""
        return sum(share.path for share in self.shares if share.cause != WORK)

    @property
    def to_law(self) -> float | None:
        """Ticks as a multiple of the law; None where it bounds nothing."""
        return self.ticks / self.law.ticks if self.law is not None and self.law.ticks else None

    def largest(self, most: int = 3) -> list[Share]:
        """The causes of the delay, largest first; where the ideal is unknown, those of the path."""
        size = {s.cause: s.path if s.delay is None else s.delay for s in self.shares if s.cause != WORK}
        ranked = sorted((s for s in self.shares if size.get(s.cause, 0) > 0), key=lambda s: -size[s.cause])
        return ranked[:most]


def explain(trail: Trail, ideal: RunResult | None = None) -> Why:
    """Both accounts of a run; `ideal` is the run of the graph that the program was made from."""
    program = trail.result.program
    pieces = _pieces(trail)
    path, count = dict.fromkeys((WORK, *CAUSES), 0), dict.fromkeys((WORK, *CAUSES), 0)
    for cause, ticks in pieces:
        path[cause] += ticks
        count[cause] += ticks > 0
    delay: dict[str, int] | None = None
    if ideal is not None and trail.result.outcome == FINISHED and ideal.outcome == FINISHED:
        delay = _delays(trail, pieces, ideal)
    shares = tuple(Share(c, count[c], path[c], None if delay is None else delay.get(c, 0)) for c in (WORK, *CAUSES))
    ticks = trail.points[-1].tick if trail.points else 0
    interrupts = sum(point.what == "handler" for point in trail.points)
    return Why(ticks, None if delay is None or ideal is None else ideal.makespan, shares, interrupts, find_law(program))


def _pieces(trail: Trail) -> list[tuple[str, int]]:
    """Per point of the trail the stretch that leads to it: cause and ticks. The first one begins at tick 0."""
    points = trail.points
    if not points:
        return []
    queued = _queued(trail)
    out = [("dispatch", points[0].tick)]
    for n, (a, b) in enumerate(pairwise(points), 1):
        out.append(("dma_queue" if n in queued else _cause(trail.result.program, b), b.tick - a.tick))
    return out


def _queued(trail: Trail) -> set[int]:
    """Points where a management DMA ends that only stood in front of a data DMA, or in front of one that did."""
    kind = trail.result.program.kind
    tasks: set[int] = set()
    out: set[int] = set()
    for n in range(len(trail.points) - 1, -1, -1):
        point = trail.points[n]
        if point.what == "end" and point.how == "next" and kind[point.n] != Kind.RUN:
            if kind[point.to] == Kind.RUN or point.to in tasks:
                tasks.add(point.n)
                out.add(n)
    return out


def _cause(program: Program, point: Point) -> str:
    """What went on before `point`."""
    match point.what:
        case "end":
            return _OF_KIND[Kind(int(program.kind[point.n]))]
        case "handler":
            return "firmware_queue" if point.how == "busy" else "interrupt"
        case "armed":
            return "reuse"
        case _:
            return "dispatch"


class _Ledger:
    """The delay so far, by what caused it, in order of time. Slack takes back what was added last."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, int]] = []
        self._early = 0

    def add(self, cause: str, ticks: int) -> None:
        if ticks > 0:
            self._entries.append((cause, ticks))

    def take_back(self, ticks: int) -> None:
        while ticks > 0 and self._entries:
            cause, last = self._entries.pop()
            self.add(cause, last - ticks)
            ticks -= last
        self._early += max(0, ticks)

    def totals(self) -> dict[str, int]:
        """Ticks per cause. What is earlier than ideal can only come from another order of tasks."""
        out = {"order": -self._early}
        for cause, ticks in self._entries:
            out[cause] = out.get(cause, 0) + ticks
        return out


def _delays(trail: Trail, pieces: Sequence[tuple[str, int]], ideal: RunResult) -> dict[str, int]:
    """How the delay against `ideal` grew and shrank along the trail, by cause.

    At every start and end of a task of the network both runs have a time. Between two such events the run took some
    ticks, the ideal one others: what would have passed anyway covers the beginning of the stretch, the rest is delay;
    if more would have passed, delay from before is made up for. Where the ideal run has the two the other way round
    (ticks below zero), that wait is delay as well, and its cause is whatever waited.
    """
    starts, ends = _ideal_times(trail.result.program, ideal)
    kind = trail.result.program.kind
    ledger = _Ledger()
    before, first = 0, 0  # time of the last event in the ideal run, and the first piece after it
    points = trail.points
    for n, point in enumerate(points):
        known = point.what in ("start", "end") and kind[point.n] == Kind.RUN
        now = int((starts if point.what == "start" else ends)[point.n]) if known else -1
        if n == len(points) - 1:
            now = ideal.makespan
        if now < 0:
            continue
        body = first == n and pieces[n][0] == WORK
        if now < before:
            ledger.add(_waiter(trail, points[max(0, first - 1) : n + 1]), before - now)
        stretch = [("bandwidth", pieces[n][1])] if body else pieces[first : n + 1]
        _settle(ledger, stretch, max(0, now - before))
        before, first = now, n + 1
    return ledger.totals()


def _settle(ledger: _Ledger, stretch: Sequence[tuple[str, int]], anyway: int) -> None:
    """Book a stretch of which `anyway` ticks would have passed in the ideal run, too."""
    for cause, ticks in stretch:
        hidden = min(ticks, anyway)
        anyway -= hidden
        ledger.add(cause, ticks - hidden)
    ledger.take_back(anyway)


def _waiter(trail: Trail, points: Sequence[Point]) -> str:
    """Who waited for the task at the first of these points: the first management after it, else another task."""
    kind = trail.result.program.kind
    for a, b in pairwise(points):
        if b.what in ("handler", "armed"):
            return "reuse"
        if a.how == "room":
            return "enqueue"
        if b.what == "start" and kind[b.n] != Kind.RUN:
            own = _OF_KIND[Kind(int(kind[b.n]))]
            return "reuse" if a.what == "lifted" and own in ("enqueue", "refill") else own
    return "order"


def _ideal_times(program: Program, ideal: RunResult) -> tuple[I64, I64]:
    """Start and end in the ideal run per task of `program`, -1 for what is not in the graph.

    Tasks are told by engine, name and, of several of one name, by place on the engine.
    """
    graph = ideal.program
    place = {key: t for t, key in zip(*_keys(graph), strict=True)}
    start, end = np.full(len(program), -1, np.int64), np.full(len(program), -1, np.int64)
    for t, key in zip(*_keys(program), strict=True):
        other = place.get(key, -1)
        if other >= 0:
            start[t], end[t] = ideal.start[other], ideal.end[other]
    return start, end


def _keys(program: Program) -> tuple[list[int], list[tuple[int, str, int]]]:
    tasks = np.nonzero(program.kind == Kind.RUN)[0].tolist()
    engine = program.engine.tolist()
    seen: dict[tuple[int, str], int] = {}
    keys = []
    for t in tasks:
        name = engine[t], program.names[t]
        seen[name] = place = seen.get(name, -1) + 1
        keys.append((*name, place))
    return tasks, keys
