"""Clocks that follow when orders are added to a graph, without a new sweep."""

import numpy as np

from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.kernels.happens_before import ROOM, HappensBefore, loops_for, swept
from wlm_dialect.kernels.happens_before_loops import Follow, Graph


class AddedOrders:
    """Clocks that follow added orders: only clocks of later tasks that learn something are touched. Mutable.

    `known` is kept up to date in place.
    """

    def __init__(self, graph: Graph, barriers: int, *, compile: bool | None = None, room: int = ROOM) -> None:
        n = len(graph.engine)
        rows, _ = swept(graph, barriers, False, compile, room)
        self.known = HappensBefore(rows.lane, rows.at, rows.ends, rows.heads, rows.lifted)
        self._graph, self._rows = graph, rows
        self._loops = loops_for(n, compile)
        self._due = np.zeros(n, np.bool_)
        self._follow = _follow(graph, barriers)
        self._links = 0

    def add(self, a: int, b: int) -> int:
        """end(a) -> start(b) holds from now on; how many clocks were visited, 0 if it was known. a comes before b."""
        if a >= b:
            raise ValueError(f"an order points forward in program order, but {a} >= {b}")
        if self.known.before_start(a, b):
            return 0
        self._link(a, b)
        np.maximum(self._rows.ends[b], self._rows.ends[a], out=self._rows.ends[b])
        return self._spread(b)

    def feed(self, a: int, barrier: int) -> int:
        """Task a is a producer of the barrier from now on; how many clocks were visited, 0 if that changes nothing."""
        f = self._follow
        consumers = f.consumer[f.consumer_start[barrier] : f.consumer_start[barrier + 1]]
        if len(consumers) and a >= consumers.min():
            raise ValueError(f"an order points forward in program order, but {a} >= {consumers.min()}")
        self._link(a, -1 - barrier)
        if (self._rows.ends[a] <= self._rows.lifted[barrier]).all():
            return 0
        return self._spread(a)

    def _link(self, a: int, to: int) -> None:
        f = self._follow
        if self._links == len(f.link_to):
            grown = np.full(max(16, 2 * self._links), -1, np.int32)
            self._follow = f = f._replace(
                link_next=np.concatenate([f.link_next, grown]), link_to=np.concatenate([f.link_to, grown])
            )
        f.link_next[self._links], f.link_to[self._links], f.link[a] = f.link[a], to, self._links
        self._links += 1

    def _spread(self, first: int) -> int:
        return int(self._loops.spread(self._graph, self._follow, self._rows, self._due, first))


def _follow(g: Graph, barriers: int) -> Follow:
    n = len(g.engine)

    def turned(who: I32) -> I32:
        out = np.full(n, -1, np.int32)
        has = np.nonzero(who >= 0)[0].astype(np.int32)
        out[who[has]] = has
        return out

    successors = Csr(g.after_start, g.after).transposed(n)
    consumers = Csr(g.wait_start, g.wait).transposed(barriers)
    tasks = np.nonzero(g.pusher >= 0)[0].astype(np.int32)
    by_pusher = np.argsort(g.pusher[tasks], kind="stable")
    start = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(g.pusher[tasks], minlength=n), out=start[1:])
    none, empty = np.full(n, -1, np.int32), np.zeros(0, np.int32)
    return Follow(
        turned(g.predecessor),
        turned(g.freed),
        successors.start,
        successors.index,
        consumers.start,
        consumers.index,
        start,
        np.ascontiguousarray(tasks[by_pusher]),
        none,
        empty,
        empty,
    )
