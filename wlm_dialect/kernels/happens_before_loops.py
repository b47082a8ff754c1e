"""The inner loops of `happens_before`: plain Python that numba compiles unchanged.

A clock is one row of a table, one column per lane. The task at place p of a lane starts with code 2 p and ends with
code 2 p + 1; an entry is the code of the last event of that lane known to come before, -1 = none. Since the end of a
task comes before the start of the next one on its lane, codes ascend in time.
"""

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32

SERIAL, PREFETCHING, OUTSTANDING, POOL = 0, 1, 2, 3
FORGOTTEN = 1 << 30  # the code of a task without a lane: no clock ever reaches it
CLOSED = -2  # owner of a lane that may not be used

Flags = NDArray[np.bool_]


class Graph(NamedTuple):
    """Tasks and barriers as the loops want them. Shape (tasks,) unless said otherwise; -1 = none."""

    engine: I32
    order: I32  # (engines,) SERIAL ... POOL
    predecessor: I32  # the task before on the same engine
    freed: I32  # the task whose end makes room for this one on an engine with several in flight
    pusher: I32  # the task after whose end this one is enqueued
    after_start: I32  # (tasks + 1,)
    after: I32
    wait_start: I32
    wait: I32
    update_start: I32
    update: I32


class Rows(NamedTuple):
    """The clocks while they are made."""

    ends: I32  # (tasks, lanes) known at the end of a task, its own included
    heads: I32  # (tasks, lanes) known when it is at head
    lifted: I32  # (barriers, lanes) known when all producers have ended
    lane: I32  # (tasks,)
    at: I32  # (tasks,) code of the end
    fixed: I32  # (engines,) lane of an engine whose tasks end in order, else -1
    owner: I32  # (lanes,) engine, -1 while unused, or CLOSED
    last: I32  # (lanes,) code of the last end so far
    row: I32  # (1, lanes) scratch


class Pick(NamedTuple):
    """What the reduction needs: marks of the dependences that are needed, and scratch."""

    keep: Flags  # (dependences,)
    seen: I32  # (tasks,) the last task that depends on it; asked for forgotten ones
    place: I32  # (lanes,) all -1 between tasks: where the candidate of a lane is in `chosen`
    chosen: I32  # (lanes + longest row of dependences,)


def join(into: I32, i: int, source: I32, j: int) -> None:
    """Let row i of a table know what row j of another one knows. `join_loop` is its compiled form."""
    np.maximum(into[i], source[j], out=into[i])


def join_loop(into: I32, i: int, source: I32, j: int) -> None:
    """`join` as numba likes it."""
    for c in range(into.shape[1]):
        into[i, c] = max(into[i, c], source[j, c])


def join_start(into: I32, i: int, ends: I32, t: int, lane: int, code: int) -> None:
    """Let row i of a table know the start of task t, whose end has this code on this lane."""
    known = into[i, lane]
    join(into, i, ends, t)
    if code != FORGOTTEN:
        into[i, lane] = max(known, code - 1)


def reach_head(heads: I32, ends: I32, lane: I32, at: I32, t: int, order: int, before: int, pusher: int) -> None:
    """What is known when task t is at head: its push, and what its engine guarantees."""
    if pusher >= 0:
        join(heads, t, ends, pusher)
    if before >= 0:
        if order == SERIAL:
            join(heads, t, ends, before)
        elif order == POOL:
            join(heads, t, heads, before)
        else:
            join_start(heads, t, ends, before, lane[before], at[before])


def reach_start(into: I32, i: int, heads: I32, ends: I32, t: int, order: int, before: int, freed: int) -> None:
    """Row i of a table: what the engine guarantees when task t starts, on top of what is known at its head."""
    join(into, i, heads, t)
    if before >= 0 and order == PREFETCHING:
        join(into, i, ends, before)
    if freed >= 0:
        join(into, i, ends, freed)


def find_lane(r: Rows, t: int, e: int, used: int) -> int:
    """A lane for task t of engine e, which does not order ends: any of the engine whose last end the task knows, else
    lane `used`, a new one."""
    free = (r.owner[:used] == e) & (r.ends[t, :used] == r.last[:used])
    return int(np.argmax(free)) if free.any() else used


def choose(g: Graph, r: Rows, pick: Pick, t: int) -> int:
    """Which dependences of task t may be needed: of each lane the newest one that the row of t does not know yet.

    How many there are; they are in `pick.chosen`.
    """
    after, lane, at, place, chosen = g.after, r.lane, r.at, pick.place, pick.chosen
    found = 0
    for j in range(g.after_start[t], g.after_start[t + 1]):
        a = after[j]
        if at[a] == FORGOTTEN:
            if pick.seen[a] != t:
                pick.seen[a] = t
                chosen[found] = j
                found += 1
        elif at[a] > r.ends[t, lane[a]]:
            i = place[lane[a]]
            if i < 0:
                place[lane[a]] = found
                chosen[found] = j
                found += 1
            elif at[a] > at[after[chosen[i]]]:
                chosen[i] = j
    for i in range(found):
        place[lane[after[chosen[i]]]] = -1
    return found


def keep_needed(g: Graph, r: Rows, pick: Pick, found: int) -> None:
    """Mark those of the `found` dependences that no other one implies: no row but its own knows the end of its task."""
    after, lane, at, row = g.after, r.lane, r.at, r.row
    row[0] = -1
    for i in range(found):
        a = after[pick.chosen[i]]
        join_start(row, 0, r.ends, a, lane[a], at[a])
    for i in range(found):
        a = after[pick.chosen[i]]
        pick.keep[pick.chosen[i]] = row[0, lane[a]] < at[a]


def sweep(g: Graph, r: Rows, pick: Pick, reduce: bool, used: int) -> int:
    """Clocks of all tasks in program order; the number of lanes, or -1 if the tables are too narrow for them.

    `used` lanes belong to engines that end tasks in order. Everything points forward in program order.
    """
    engine, order, predecessor, freed, pusher, after_start, after, wait_start, wait, update_start, update = g
    ends, heads, lifted, lane, at, fixed, owner, last, _ = r
    for t in range(len(engine)):
        e, before = engine[t], predecessor[t]
        reach_head(heads, ends, lane, at, t, order[e], before, pusher[t])
        reach_start(ends, t, heads, ends, t, order[e], before, freed[t])
        for i in range(wait_start[t], wait_start[t + 1]):
            join(ends, t, lifted, wait[i])
        if reduce:
            found = choose(g, r, pick, t)
            keep_needed(g, r, pick, found)
            for i in range(found):
                if pick.keep[pick.chosen[i]]:
                    join(ends, t, ends, after[pick.chosen[i]])
        else:
            for j in range(after_start[t], after_start[t + 1]):
                if at[after[j]] > ends[t, lane[after[j]]]:
                    join(ends, t, ends, after[j])
        c = fixed[e]
        if c < 0:
            c = find_lane(r, t, e, used)
            if c == len(last):
                return -1
        if owner[c] == CLOSED:  # forgotten: nothing ever knows its end
            lane[t], at[t] = c, FORGOTTEN
        else:
            if c == used:
                owner[c] = e
                used += 1
            last[c] += 2
            lane[t], at[t], ends[t, c] = c, last[c], last[c]
        for i in range(update_start[t], update_start[t + 1]):
            join(lifted, update[i], ends, t)
    return used


class Follow(NamedTuple):
    """Who must be told when a clock is raised. Shape (tasks,) unless said otherwise; -1 = none."""

    next: I32  # the task after on the same engine
    frees: I32  # the task that this one makes room for
    successor_start: I32  # (tasks + 1,)
    successor: I32
    consumer_start: I32  # (barriers + 1,)
    consumer: I32
    pushed_start: I32  # (tasks + 1,)
    pushed: I32
    link: I32  # the first added edge of a task
    link_next: I32  # (added edges,) the one before of the same task
    link_to: I32  # (added edges,) the task that comes after, or -1 - the barrier that it feeds


def news(into: I32, i: int, source: I32, j: int) -> bool:
    """Whether row i of a table learns something from row j of another one; now it has."""
    if not (source[j] > into[i]).any():
        return False
    join(into, i, source, j)
    return True


def news_of_start(r: Rows, into: I32, i: int, t: int) -> bool:
    """`news` from the start of task t."""
    r.row[0] = into[i]
    join_start(into, i, r.ends, t, r.lane[t], r.at[t])
    return bool((into[i] > r.row[0]).any())


def tell_next(g: Graph, r: Rows, t: int, then: int) -> bool:
    """Whether the task after t on its engine learns something."""
    order = g.order[g.engine[t]]
    if order == SERIAL:
        learned = news(r.heads, then, r.ends, t)
    elif order == POOL:
        learned = news(r.heads, then, r.heads, t)
    else:
        learned = news_of_start(r, r.heads, then, t)
    if order == PREFETCHING:
        learned |= news(r.ends, then, r.ends, t)
    learned |= news(r.ends, then, r.heads, then)
    return learned


def tell_consumers(f: Follow, r: Rows, v: int, t: int, due: list[int], is_due: Flags) -> None:
    """Let the consumers of barrier v know the end of task t, through the barrier."""
    if news(r.lifted, v, r.ends, t):
        for i in range(f.consumer_start[v], f.consumer_start[v + 1]):
            note(news(r.ends, f.consumer[i], r.lifted, v), f.consumer[i], due, is_due)


def note(learned: bool, t: int, due: list[int], is_due: Flags) -> None:
    """If task t has learned something, it has to pass it on."""
    if learned and not is_due[t]:
        is_due[t] = True
        heappush(due, 0 + t)  # numba: of 64 bits, like the list


def spread(g: Graph, f: Follow, r: Rows, is_due: Flags, first: int) -> int:
    """The clock of task `first` has been raised: raise those of all later tasks that follow it.

    How many clocks were visited. Each at most once, in program order; whoever learns nothing passes nothing on.
    """
    due = [first]
    visited = 0
    while len(due) > 0:
        t = heappop(due)
        is_due[t] = False
        visited += 1
        if f.next[t] >= 0:
            note(tell_next(g, r, t, f.next[t]), f.next[t], due, is_due)
        if f.frees[t] >= 0:
            note(news(r.ends, f.frees[t], r.ends, t), f.frees[t], due, is_due)
        for i in range(f.successor_start[t], f.successor_start[t + 1]):
            note(news(r.ends, f.successor[i], r.ends, t), f.successor[i], due, is_due)
        for i in range(g.update_start[t], g.update_start[t + 1]):
            tell_consumers(f, r, g.update[i], t, due, is_due)
        for i in range(f.pushed_start[t], f.pushed_start[t + 1]):
            then = f.pushed[i]
            learned = news(r.heads, then, r.ends, t)
            learned |= news(r.ends, then, r.ends, t)
            note(learned, then, due, is_due)
        i = f.link[t]
        while i >= 0:
            to = f.link_to[i]
            if to >= 0:
                note(news(r.ends, to, r.ends, t), to, due, is_due)
            else:
                tell_consumers(f, r, -1 - to, t, due, is_due)
            i = f.link_next[i]
    return visited
