"""Waits and updates of barriers that engine order and other barriers imply: loops that numba compiles unchanged.

Clocks of tasks never change while implied waits and updates go, because nothing is lost; only what a barrier itself
tells shrinks with its producers.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from wlm_dialect.kernels.compiling import kept
from wlm_dialect.kernels.csr import I32
from wlm_dialect.kernels.happens_before import ROOM, Graph, compiled, happens_before, wants_compiled
from wlm_dialect.kernels.happens_before_loops import FORGOTTEN, Flags, join, join_start, reach_start


class Clocks(NamedTuple):
    """`HappensBefore` as numba takes it."""

    lane: I32
    at: I32
    ends: I32
    heads: I32


class Users(NamedTuple):
    """Entries of `Graph.wait` or `Graph.update` by barrier, and the task of each entry."""

    start: I32  # (barriers + 1,)
    entry: I32
    task: I32  # (entries,) of the graph's own order


class Left(NamedTuple):
    """What is left, and what it tells."""

    waits: Flags  # per entry of `Graph.wait`: kept
    updates: Flags  # per entry of `Graph.update`: kept
    fixed: Flags  # (barriers,) not to be touched
    tells: I32  # (barriers, lanes) known when the kept producers have ended
    causes: I32  # (barriers, lanes) code of the last kept producer on each lane, -1 = none
    rows: I32  # (most waits of a task + 3, lanes) scratch
    place: I32  # (lanes,) scratch, all -1 in between
    chosen: I32  # (most producers of a barrier,) scratch


def know_otherwise(g: Graph, o: Clocks, left: Left, t: int, but: int, i: int) -> None:
    """Into scratch row i: what is known when task t starts without its wait on barrier `but`."""
    left.rows[i] = -1
    reach_start(left.rows, i, o.heads, o.ends, t, g.order[g.engine[t]], g.predecessor[t], g.freed[t])
    for j in range(g.after_start[t], g.after_start[t + 1]):
        join(left.rows, i, o.ends, g.after[j])
    for j in range(g.wait_start[t], g.wait_start[t + 1]):
        if left.waits[j] and g.wait[j] != but:
            join(left.rows, i, left.tells, g.wait[j])


def drop_waits(g: Graph, o: Clocks, left: Left, t: int) -> int:
    """Drop the waits of task t that all else it knows implies; how many."""
    first, end = g.wait_start[t], g.wait_start[t + 1]
    if first == end:
        return 0
    rows, many, dropped = left.rows, end - first, 0
    rows[many + 1] = -1
    reach_start(rows, many + 1, o.heads, o.ends, t, g.order[g.engine[t]], g.predecessor[t], g.freed[t])
    for j in range(g.after_start[t], g.after_start[t + 1]):
        join(rows, many + 1, o.ends, g.after[j])
    rows[many] = -1  # row i: what the waits from the i-th on tell; the one after: all else
    for i in range(many - 1, -1, -1):
        rows[i] = rows[i + 1]
        if left.waits[first + i]:
            join(rows, i, left.tells, g.wait[first + i])
    for i in range(many):
        v = g.wait[first + i]
        if left.waits[first + i]:
            join(rows, i + 1, rows, many + 1)
            if not left.fixed[v] and (left.causes[v] <= rows[i + 1]).all():
                left.waits[first + i] = False
                dropped += 1
            else:
                join(rows, many + 1, left.tells, v)
    return dropped


def newest(o: Clocks, left: Left, producers: Users, v: int) -> int:
    """Drop the updates of barrier v by tasks that come before another producer on their lane.

    How many are left; they are in `left.chosen`.
    """
    found = 0
    for k in range(producers.start[v], producers.start[v + 1]):
        j = producers.entry[k]
        if not left.updates[j]:
            continue
        p = producers.task[j]
        i = -1 if o.at[p] == FORGOTTEN else left.place[o.lane[p]]
        if i < 0:
            if o.at[p] != FORGOTTEN:
                left.place[o.lane[p]] = found
            left.chosen[found] = j
            found += 1
        elif o.at[p] > o.at[producers.task[left.chosen[i]]]:
            left.updates[left.chosen[i]] = False
            left.chosen[i] = j
        else:
            left.updates[j] = False
    for i in range(found):
        left.place[o.lane[producers.task[left.chosen[i]]]] = -1
    return found


def known_to_all(g: Graph, o: Clocks, left: Left, users: tuple[Users, Users], v: int, found: int) -> None:
    """Into scratch row 0: what all consumers of barrier v know without it; nothing if that spares no producer."""
    producers, consumers = users
    left.rows[0] = FORGOTTEN - 1
    for k in range(consumers.start[v], consumers.start[v + 1]):
        if not left.waits[consumers.entry[k]]:
            continue
        know_otherwise(g, o, left, consumers.task[consumers.entry[k]], v, 1)
        left.rows[0] = np.minimum(left.rows[0], left.rows[1])
        spared = False
        for i in range(found):
            p = producers.task[left.chosen[i]]
            spared |= left.rows[0, o.lane[p]] >= o.at[p]
        if not spared:
            left.rows[0] = -1
            return


def drop_updates(g: Graph, o: Clocks, left: Left, users: tuple[Users, Users], v: int) -> int:
    """Drop the updates of barrier v that another producer implies, or that its consumers need not be told; how many."""
    producers, consumers = users
    before = 0
    for k in range(producers.start[v], producers.start[v + 1]):
        before += left.updates[producers.entry[k]]
    waited = False
    for k in range(consumers.start[v], consumers.start[v + 1]):
        waited |= left.waits[consumers.entry[k]]
    if left.fixed[v] or before == 0:
        return 0
    found = newest(o, left, producers, v)
    known_to_all(g, o, left, users, v, found)
    kept = 0
    for i in range(found):  # and what the starts of the others tell
        p = producers.task[left.chosen[i]]
        join_start(left.rows, 0, o.ends, p, o.lane[p], o.at[p])
    for i in range(found):
        p = producers.task[left.chosen[i]]
        needed = waited and left.rows[0, o.lane[p]] < o.at[p]
        left.updates[left.chosen[i]] = needed
        kept += needed
    if kept < before:
        left.tells[v], left.causes[v] = -1, -1
        for i in range(found):
            if left.updates[left.chosen[i]]:
                add_producer(o, left, v, producers.task[left.chosen[i]])
    return before - kept


def add_producer(o: Clocks, left: Left, v: int, p: int) -> None:
    """Count task p among the kept producers of barrier v."""
    join(left.tells, v, o.ends, p)
    left.causes[v, o.lane[p]] = max(left.causes[v, o.lane[p]], o.at[p])


def drop_all(g: Graph, o: Clocks, left: Left, users: tuple[Users, Users]) -> None:
    """Drop what is implied until nothing is."""
    producers = users[0]
    for j in range(len(g.update)):
        add_producer(o, left, g.update[j], producers.task[j])
    dropped = 1
    while dropped > 0:
        dropped = 0
        for t in range(len(g.engine)):
            dropped += drop_waits(g, o, left, t)
        for v in range(len(left.fixed)):
            dropped += drop_updates(g, o, left, users, v)


def needed_links(graph: Graph, fixed: Flags, *, compile: bool | None = None, room: int = ROOM) -> tuple[Flags, Flags]:
    """Which entries of `graph.wait` and `graph.update` are needed, so that no order between tasks is lost.

    None of those that are left could go as well. `fixed` has shape (barriers,): barriers that stay as they are.
    """
    barriers = len(fixed)
    order = happens_before(graph, barriers, compile=compile, room=room)
    lanes = order.ends.shape[1]
    producers, consumers = (
        _users(graph.update_start, graph.update, barriers),
        _users(graph.wait_start, graph.wait, barriers),
    )
    most = int(np.diff(graph.wait_start).max(initial=0))
    left = Left(
        np.ones(len(graph.wait), np.bool_),
        np.ones(len(graph.update), np.bool_),
        np.ascontiguousarray(fixed, np.bool_),
        np.full((barriers, lanes), -1, np.int32),
        np.full((barriers, lanes), -1, np.int32),
        np.zeros((most + 3, lanes), np.int32),
        np.full(lanes, -1, np.int32),
        np.zeros(int(np.diff(producers.start).max(initial=0)), np.int32),
    )
    run = _compiled() if wants_compiled(len(graph.engine), compile) else None
    (run or drop_all)(graph, Clocks(order.lane, order.at, order.ends, order.heads), left, (producers, consumers))
    return left.waits, left.updates


def _users(start: I32, barrier: I32, barriers: int) -> Users:
    entry = np.argsort(barrier, kind="stable").astype(np.int32)
    by_barrier = np.zeros(barriers + 1, np.int32)
    np.cumsum(np.bincount(barrier, minlength=barriers), out=by_barrier[1:])
    return Users(by_barrier, entry, np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start)))


@cache
def _compiled() -> Callable[..., None] | None:
    if compiled() is None:
        return None
    from numba import njit
    from numba.extending import register_jitable

    for helper in (know_otherwise, drop_waits, newest, known_to_all, drop_updates, add_producer):
        register_jitable(helper)
    run: Callable[..., None] = kept(njit, drop_all)
    return run
