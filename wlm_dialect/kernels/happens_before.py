"""What is known to happen before what, between tasks: one clock per task over the chains of the engines, no IR.

*Orders that hold in every run*, whatever tasks take, go in: dependences, barriers (nodes with edges from producers and
to consumers, never producers x consumers), pushes by enqueue DMAs, and what each kind of engine guarantees:

- ``SERIAL`` end(pred) -> head;
- ``PREFETCHING`` start(pred) -> head, end(pred) -> start;
- ``OUTSTANDING`` (k descriptors in flight) start(pred) -> head, end(the k-th before) -> start, ends in any order;
- ``POOL`` (m servers on one FIFO) head(pred) -> head, nothing about starts and ends.

*Assumed about completion*: on serial and prefetching engines tasks complete in list order; on the others only a
dependence, a barrier or k descriptors in between say that one task completes before another starts. Program order is a
valid order of execution: everything points forward in it.

A *lane* is a chain of tasks, each of which ends before the next starts: an engine that completes in order, or, on other
engines, tasks that happen to be ordered. So one number per lane is all a clock has to hold, and a question is one
comparison. Exact: a comparison holds if and only if a path of such orders exists. The one exception: a pool whose tasks
nothing orders needs a lane for each of them; past `room` entries in a table further tasks get none and count as
unordered, which is sound.

Building costs O((tasks + barriers + edges) x lanes), a table 4 bytes per task and lane.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels import happens_before_loops as plain
from wlm_dialect.kernels.compiling import Budget, kept
from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.kernels.happens_before_loops import (
    CLOSED,
    FORGOTTEN,
    OUTSTANDING,
    POOL,
    PREFETCHING,
    SERIAL,
    Flags,
    Graph,
    Pick,
    Rows,
)

__all__ = [
    "FORGOTTEN",
    "OUTSTANDING",
    "POOL",
    "PREFETCHING",
    "SERIAL",
    "Graph",
    "HappensBefore",
    "compiled",
    "graph_of",
    "happens_before",
    "needed_edges",
]

COMPILE_FROM = 30_000  # tasks, of all calls together; below, loading numba costs more than it saves
ROOM = 1 << 23  # entries of a table that grows because ends are unordered
_BUDGET = Budget()


def graph_of(
    engine: I32, order: I32, servers: I32, after: Csr, waits: Csr, updates: Csr, pusher: I32 | None = None
) -> Graph:
    """The input of the sweep. `order` and `servers` have shape (engines,); all else is per task.

    `pusher` names the task after whose end a task is enqueued, -1 = none.
    """
    n = len(engine)
    predecessor, freed = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    by_engine = np.argsort(engine, kind="stable").astype(np.int32)
    bounds = np.searchsorted(engine[by_engine], np.arange(len(order) + 1))
    for e in range(len(order)):
        tasks = by_engine[bounds[e] : bounds[e + 1]]
        predecessor[tasks[1:]] = tasks[:-1]
        if order[e] == OUTSTANDING:
            k = int(servers[e])
            freed[tasks[k:]] = tasks[:-k]
    pushed_by = np.full(n, -1, np.int32) if pusher is None else pusher
    tables = (after.start, after.index, waits.start, waits.index, updates.start, updates.index)
    arrays = (engine, order, predecessor, freed, pushed_by, *tables)
    return Graph(*(np.ascontiguousarray(a, np.int32) for a in arrays))


@dataclass(frozen=True, eq=False)
class HappensBefore:
    """Clocks: `at[a]` is the code of the end of task a on its lane, `at[a] - 1` that of its start; a table holds, per
    lane, the code of the last event known to come before, -1 = none. So ``ends[b, lane[a]] >= at[a]`` asks for end(a),
    ``>= at[a] - 1`` for start(a); ``code >> 1`` is a place on the lane.
    """

    lane: I32  # (tasks,)
    at: I32  # (tasks,)
    ends: I32  # (tasks, lanes): known at the end of the task, its own end included
    heads: I32  # (tasks, lanes): known when it is at head
    lifted: I32  # (barriers, lanes): known when its producers have ended

    def before_start(self, a: int, b: int) -> bool:
        """end(a) -> start(b) is known."""
        return a != b and bool(self.ends[b, self.lane[a]] >= self.at[a])

    def before_head(self, a: int, b: int) -> bool:
        """end(a) -> head(b) is known."""
        return bool(self.heads[b, self.lane[a]] >= self.at[a])

    def start_before_end(self, a: int, b: int) -> bool:
        """start(a) -> end(b) is known; for two tasks also: start(a) -> start(b)."""
        return a == b or bool(self.ends[b, self.lane[a]] >= self.at[a] - 1)

    def start_before_head(self, a: int, b: int) -> bool:
        """start(a) -> head(b) is known."""
        return bool(self.heads[b, self.lane[a]] >= self.at[a] - 1)

    def pairs_before_start(self, a: I32, b: I32) -> NDArray[np.bool_]:
        """`before_start`, elementwise."""
        return np.asarray((self.ends[b, self.lane[a]] >= self.at[a]) & (a != b), np.bool_)

    def pairs_before_head(self, a: I32, b: I32) -> NDArray[np.bool_]:
        """`before_head`, elementwise."""
        return np.asarray(self.heads[b, self.lane[a]] >= self.at[a], np.bool_)

    def started(self, task: int) -> I32:
        """What is known once the task has started, itself included: shape (lanes,)."""
        row: I32 = self.ends[task].copy()
        if self.at[task] != FORGOTTEN:
            row[self.lane[task]] = self.at[task] - 1
        return row


def happens_before(graph: Graph, barriers: int, *, compile: bool | None = None, room: int = ROOM) -> HappensBefore:
    """Clocks of all tasks and barriers. `compile` forces numba on or off; by default large graphs use it if it is
    installed. Same code, same result."""
    rows, _ = swept(graph, barriers, False, compile, room)
    return HappensBefore(rows.lane, rows.at, rows.ends, rows.heads, rows.lifted)


def needed_edges(
    graph: Graph, barriers: int = 0, *, compile: bool | None = None, room: int = ROOM
) -> tuple[HappensBefore, Flags]:
    """Clocks, and which entries of `graph.after` belong to the exact transitive reduction, engines included."""
    rows, keep = swept(graph, barriers, True, compile, room)
    return HappensBefore(rows.lane, rows.at, rows.ends, rows.heads, rows.lifted), keep


def swept(graph: Graph, barriers: int, reduce: bool, compile: bool | None, room: int) -> tuple[Rows, Flags]:
    """The tables of the sweep, as wide as needed, and marks of the needed dependences if `reduce`."""
    n = len(graph.engine)
    loops = loops_for(n, compile)
    present = np.bincount(graph.engine, minlength=len(graph.order)) > 0
    in_order = (graph.order == SERIAL) | (graph.order == PREFETCHING)
    fixed = np.where(in_order & present, np.cumsum(in_order & present) - 1, -1).astype(np.int32)
    first = int(fixed.max(initial=-1)) + 1
    widest = max(first + 64, room // max(1, n))
    longest = int(np.diff(graph.after_start).max(initial=0)) if reduce else 0
    width = first if bool(in_order[present].all()) else first + 4
    while True:
        rows = _rows(n, barriers, fixed, width, width >= widest)
        lanes = len(rows.last)
        keep = np.zeros(len(graph.after) if reduce else 0, np.bool_)
        seen = np.full(n if reduce else 0, -1, np.int32)
        pick = Pick(keep, seen, np.full(lanes, -1, np.int32), np.zeros(lanes + longest, np.int32))
        used = int(loops.sweep(graph, rows, pick, reduce, first))
        if used >= 0:
            # a forgotten task stands on the closed lane, the last one
            kept = lanes if used < lanes and rows.owner[used] == CLOSED else used
            tables = {name: _narrowed(getattr(rows, name), kept) for name in ("ends", "heads", "lifted")}
            return rows._replace(row=_narrowed(rows.row, kept), **tables), keep
        width = min(2 * width, widest)


def _narrowed(table: I32, lanes: int) -> I32:
    return table if table.shape[1] == lanes else np.ascontiguousarray(table[:, :lanes])


def _rows(n: int, barriers: int, fixed: I32, width: int, closed: bool) -> Rows:
    """Empty clocks with `width` lanes; with one more that no task may take if the tables must not grow further."""
    lanes = width + closed
    owner = np.full(lanes, -1, np.int32)
    if closed:
        owner[-1] = CLOSED
    return Rows(
        np.full((n, lanes), -1, np.int32),
        np.full((n, lanes), -1, np.int32),
        np.full((barriers, lanes), -1, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        fixed,
        owner,
        np.full(lanes, -1, np.int32),
        np.zeros((1, lanes), np.int32),
    )


def loops_for(tasks: int, compile: bool | None) -> Any:
    """The loops, compiled if asked for, or if it pays for so many tasks and numba is there."""
    fast = compiled() if wants_compiled(tasks, compile) else None
    return plain if fast is None else fast


def wants_compiled(tasks: int, compile: bool | None) -> bool:
    """`compile` if given, else whether compiled loops pay for so many tasks, on top of those before."""
    return _BUDGET.exceeded(tasks, COMPILE_FROM) if compile is None else compile


@cache
def compiled() -> SimpleNamespace | None:
    """The loops compiled by numba (extra `fast`), or None where numba is not installed."""
    try:
        from numba import njit
        from numba.extending import overload, register_jitable
    except ImportError:
        return None
    helpers: tuple[Callable[..., Any], ...] = (
        plain.join_start,
        plain.reach_head,
        plain.reach_start,
        plain.find_lane,
        plain.choose,
        plain.keep_needed,
        plain.news,
        plain.news_of_start,
        plain.tell_next,
        plain.tell_consumers,
        plain.note,
    )
    for helper in helpers:
        register_jitable(helper)

    def join(into: I32, i: int, source: I32, j: int) -> Callable[..., None]:
        return plain.join_loop

    overload(plain.join)(join)
    return SimpleNamespace(**{f.__name__: kept(njit, f) for f in (plain.sweep, plain.spread)})
