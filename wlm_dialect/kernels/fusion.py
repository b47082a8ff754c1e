"""Fewest barriers for a set of waits: one sweep in time that lets waits share a barrier where nobody starts later.

A wait of task c on the end of p may be kept by any barrier that lifts between the end of p and the start of c, and, on
an engine that takes its tasks in order, by any earlier task of the engine that starts after the end of p. So each wait
is an interval of time, a barrier is a point, and the fewest barriers are the fewest points that stab all intervals: the
earliest right end that has no point yet gets one. The sweep is a simulation with unlimited barriers; with a tolerance,
a task may wait so much longer for others to share its barrier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.compiling import Budget, kept
from wlm_dialect.kernels.csr import I32, I64, Csr

COMPILE_FROM = 4_000  # tasks, of all calls together; below, compiling costs more than it saves
_BUDGET = Budget()
NEVER = 1 << 62

START, SHARE, OPEN = 0, 1, 2  # what an engine can do next: start its task, share the last barrier, open a new one


class Engines(NamedTuple):
    """Shape (engines,) but for the lists."""

    start: I32  # (engines + 1,) into `tasks`
    tasks: I32  # the lists, one after the other
    servers: I64  # (engines, servers): when each is free; NEVER where there is none
    in_order: NDArray[np.bool_]  # ends are in order: a lane of clocks
    inherits: NDArray[np.bool_]  # a task starts after its predecessor has started: it may wait in its place
    floor: I64  # earliest start of the next task that its predecessor's start allows


class Needs(NamedTuple):
    """Waits: a task names groups of producers, those whose ends are in order by the last on each engine."""

    start: I32  # (tasks + 1,) into `group`
    group: I32
    last_start: I32  # (groups + 1,) into `lane`, `position`
    lane: I32  # engines of the group whose ends are in order
    position: I32  # of the last producer on each
    loose_start: I32  # (groups + 1,) into `loose`
    loose: I32  # producers on engines whose ends are not in order
    quiet_start: I32  # (tasks + 1,) into `quiet`
    quiet: I32  # tasks whose end comes first by other means than a barrier


class Tasks(NamedTuple):
    """Shape (tasks,)."""

    engine: I32
    position: I32
    cycles: I64
    slots: I32


class Rules(NamedTuple):
    """What a barrier may be. `window`: how many tasks ahead an early wait may serve, 0 = none."""

    tolerance: int
    window: int
    max_producers: int
    max_consumers: int
    max_sum: int


class State(NamedTuple):
    """The sweep's own tables."""

    begin: I64  # (tasks,) start of each task, -1 before
    end: I64
    clock: I32  # (tasks, engines): positions known to have ended when the task ends, its own included
    known: I32  # (engines, engines): the same for the next task of each engine, before its waits
    next: I32  # (engines,) index into `Engines.tasks`
    barrier: I32  # (tasks,) the barrier that the task waits on, or -1
    point: I64  # (barriers,) when it lifts at the latest
    members: I32  # (barriers, engines): position of the last producer, or -1
    loose: I32  # (barriers, room): producers without order
    loose_count: I32  # (barriers,)
    consumers: I32  # (barriers,) slots
    counts: I64  # tasks started, barriers


@dataclass(frozen=True, eq=False)
class Fused:
    """`barrier` of each task (-1: waits for none), the tasks that update each barrier, and when tasks begin and end."""

    barrier: I32
    producers: Csr
    begin: I64
    end: I64


def fuse(engines: Engines, tasks: Tasks, needs: Needs, rules: Rules, *, compile: bool | None = None) -> Fused:
    """Barriers for `needs`, at most one wait per task. With a tolerance of 0 ticks no task starts later than it must.

    Limits of a barrier hold unless one wait alone exceeds them. Where the needs are cyclic, what never starts has -1 as
    its begin.
    """
    n, width = len(tasks.engine), len(engines.floor)
    room = 1 + int(np.diff(needs.loose_start).max(initial=0)) * width
    state = State(
        np.full(n, -1, np.int64),
        np.full(n, -1, np.int64),
        np.full((n, width), -1, np.int32),
        np.full((width, width), -1, np.int32),
        engines.start[:-1].copy(),
        np.full(n, -1, np.int32),
        np.zeros(n, np.int64),
        np.full((n, width), -1, np.int32),
        np.zeros((n, room), np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(2, np.int64),
    )
    engines = engines._replace(servers=engines.servers.copy(), floor=engines.floor.copy())
    run = compiled_sweep() if (_BUDGET.exceeded(n, COMPILE_FROM) if compile is None else compile) else None
    (run or sweep)(engines, tasks, needs, rules, state)
    return Fused(state.barrier, _producers(engines, state), state.begin, state.end)


def _producers(engines: Engines, state: State) -> Csr:
    """Rows of tasks, without those that another producer of the row implies."""
    count = int(state.counts[1])
    members = state.members[:count]
    barrier, lane = np.nonzero(members >= 0)
    task = engines.tasks[engines.start[lane] + members[barrier, lane]]
    implied = np.zeros(len(task), bool)
    bounds = np.searchsorted(barrier, np.arange(count + 1))
    longest = int(np.diff(bounds).max(initial=0))
    for other in range(longest):  # compare each producer with the `other`-th of its row
        at = bounds[barrier] + other
        there = (at < bounds[barrier + 1]) & (at != np.arange(len(task)))
        row, to = np.nonzero(there)[0], at[there]
        implied[row] |= state.clock[task[to], lane[row]] >= members[barrier[row], lane[row]]
    barrier, task = barrier[~implied], task[~implied]
    loose = np.arange(state.loose.shape[1])[None, :] < state.loose_count[:count, None]
    extra = np.nonzero(loose)[0]
    barrier, task = np.concatenate([barrier, extra]), np.concatenate([task, state.loose[:count][loose]])
    order = np.lexsort((task, barrier))
    barrier, task = barrier[order], task[order]
    keep = np.ones(len(task), bool)
    keep[1:] = (barrier[1:] != barrier[:-1]) | (task[1:] != task[:-1])
    start = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(barrier[keep], minlength=count), out=start[1:])
    return Csr(start, task[keep].astype(np.int32))


def head(engines: Engines, state: State, e: int) -> int:
    """The task that engine `e` takes next, or -1."""
    at = state.next[e]
    return int(engines.tasks[at]) if at < engines.start[e + 1] else -1


def server(engines: Engines, e: int) -> int:
    """The server of engine `e` that is free first."""
    return int(np.argmin(engines.servers[e]))


def open_needs(engines: Engines, needs: Needs, state: State, e: int, task: int, out: I32) -> int:
    """Put what `task` still has to wait for into the row `out`; when that has ended.

    -1: nothing to wait for. -2: some of it has not started.
    """
    out[:] = -1
    ready = -1
    for i in range(needs.start[task], needs.start[task + 1]):
        group = needs.group[i]
        for k in range(needs.last_start[group], needs.last_start[group + 1]):
            lane, position = needs.lane[k], needs.position[k]
            if position > state.known[e, lane]:
                end = state.end[engines.tasks[engines.start[lane] + position]]
                if end < 0:
                    return -2
                ready = max(ready, end)
                out[lane] = max(out[lane], position)
        for j in range(needs.loose_start[group], needs.loose_start[group + 1]):
            end = state.end[needs.loose[j]]
            if end < 0:
                return -2
            ready = max(ready, end)
    return int(ready)


def quiet_end(needs: Needs, state: State, task: int) -> int:
    """When the tasks have ended that come before `task` without a barrier; -2: some of them have not started."""
    latest = 0
    for i in range(needs.quiet_start[task], needs.quiet_start[task + 1]):
        end = state.end[needs.quiet[i]]
        if end < 0:
            return -2
        latest = max(latest, end)
    return int(latest)


def has_loose(needs: Needs, task: int) -> bool:
    """Whether `task` waits for producers without order."""
    for i in range(needs.start[task], needs.start[task + 1]):
        if needs.loose_start[needs.group[i]] < needs.loose_start[needs.group[i] + 1]:
            return True
    return False


def fits(engines: Engines, tasks: Tasks, rules: Rules, state: State, barrier: int, row: I32, task: int) -> bool:
    """Whether `barrier` has slots for the producers of `row` and for `task` as a consumer. Loose ones count twice."""
    producers = 0
    for lane in range(len(row)):
        position = max(row[lane], state.members[barrier, lane])
        if position >= 0:
            producers += tasks.slots[engines.tasks[engines.start[lane] + position]]
    for i in range(state.loose_count[barrier]):
        producers += tasks.slots[state.loose[barrier, i]]
    consumers = state.consumers[barrier]
    if state.barrier[task] != barrier:
        consumers += tasks.slots[task]
    room = producers <= rules.max_producers and consumers <= rules.max_consumers
    return bool(room and producers + consumers <= rules.max_sum)


def join(engines: Engines, tasks: Tasks, state: State, barrier: int, row: I32, task: int) -> None:
    """Let `task` wait on `barrier`, with the producers of `row` among those of the barrier."""
    for lane in range(len(row)):
        state.members[barrier, lane] = max(state.members[barrier, lane], row[lane])
    if state.barrier[task] != barrier:
        state.barrier[task] = barrier
        state.consumers[barrier] += tasks.slots[task]


def join_loose(needs: Needs, state: State, barrier: int, task: int) -> None:
    """The producers without order that `task` waits for."""
    for i in range(needs.start[task], needs.start[task + 1]):
        group = needs.group[i]
        for j in range(needs.loose_start[group], needs.loose_start[group + 1]):
            producer = needs.loose[j]
            known = False
            for k in range(state.loose_count[barrier]):
                known = known or state.loose[barrier, k] == producer
            if not known and state.loose_count[barrier] < state.loose.shape[1]:
                state.loose[barrier, state.loose_count[barrier]] = producer
                state.loose_count[barrier] += 1


def learn(engines: Engines, state: State, e: int, barrier: int) -> None:
    """The next task of engine `e` knows what the producers of `barrier` know."""
    for lane in range(state.known.shape[0]):
        position = state.members[barrier, lane]
        if position > state.known[e, lane]:
            row = state.clock[engines.tasks[engines.start[lane] + position]]
            state.known[e] = np.maximum(state.known[e], row)
    for i in range(state.loose_count[barrier]):
        state.known[e] = np.maximum(state.known[e], state.clock[state.loose[barrier, i]])


def look_ahead(
    engines: Engines, tasks: Tasks, needs: Needs, rules: Rules, state: State, e: int, barrier: int, row: I32
) -> None:
    """Let the next task of engine `e` wait on `barrier` for what later tasks of the engine need and has ended by then.

    So the barriers of work done far ahead are over soon.
    """
    at = state.next[e]
    task = int(engines.tasks[at])
    found = False
    row[:] = -1
    for i in range(at + 1, min(at + 1 + rules.window, engines.start[e + 1])):
        later = engines.tasks[i]
        for j in range(needs.start[later], needs.start[later + 1]):
            group = needs.group[j]
            for k in range(needs.last_start[group], needs.last_start[group + 1]):
                lane, position = needs.lane[k], needs.position[k]
                if position > state.known[e, lane] and position > row[lane]:
                    end = state.end[engines.tasks[engines.start[lane] + position]]
                    if 0 <= end <= state.point[barrier]:
                        row[lane] = position
                        found = True
    if found and fits(engines, tasks, rules, state, barrier, row, task):
        join(engines, tasks, state, barrier, row, task)
        learn(engines, state, e, barrier)


def launch(engines: Engines, tasks: Tasks, state: State, e: int, begin: int) -> None:
    """Start the next task of engine `e`."""
    task = int(engines.tasks[state.next[e]])
    state.begin[task] = begin
    state.end[task] = begin + tasks.cycles[task]
    state.next[e] += 1
    engines.servers[e, server(engines, e)] = state.end[task]
    state.clock[task] = state.known[e]
    if engines.in_order[e]:
        state.clock[task, e] = tasks.position[task]
        state.known[e, e] = tasks.position[task]
    else:  # begins ascend along every list, so that their order is an order of execution
        engines.floor[e] = begin
        if not engines.inherits[e]:
            state.known[e] = -1
    state.counts[0] += 1


def choose(engines: Engines, needs: Needs, rules: Rules, state: State, plan: I64, row: I32) -> int:
    """The engine whose turn it is, or -1. `plan` holds per engine what to do, when, and when its wait is over."""
    best, chosen = NEVER, -1
    last = state.counts[1] - 1
    for e in range(plan.shape[0]):
        if plan[e, 0] < 0:  # not known yet
            task = head(engines, state, e)
            if task < 0:
                continue
            quiet = quiet_end(needs, state, task)
            ready = open_needs(engines, needs, state, e, task, row)
            if ready == -2 or quiet == -2:
                continue
            if ready == -1 and not has_loose(needs, task):
                plan[e, 0] = START
            else:
                plan[e, 0] = OPEN
            plan[e, 1] = max(engines.servers[e, server(engines, e)], engines.floor[e], quiet)
            plan[e, 2] = ready
        when = plan[e, 1]
        if plan[e, 0] != START:
            plan[e, 0] = SHARE if last >= 0 and plan[e, 2] <= state.point[last] and plan[e, 3] != last else OPEN
            when = max(when, state.point[last]) if plan[e, 0] == SHARE else max(when, plan[e, 2]) + rules.tolerance
        if when < best:
            best, chosen = when, e
    return chosen


def sweep(engines: Engines, tasks: Tasks, needs: Needs, rules: Rules, state: State) -> None:
    """Simulate; where a task has to wait and no barrier serves it, open one for all that are ready by then."""
    width = len(engines.floor)
    plan = np.full((width, 4), -1, np.int64)  # what, free, ready, the barrier that had no slots
    row = np.full(width, -1, np.int32)
    while True:
        e = choose(engines, needs, rules, state, plan, row)
        if e < 0:
            return
        last = int(state.counts[1] - 1)
        task = head(engines, state, e)
        if plan[e, 0] == OPEN:
            open_barrier(engines, tasks, needs, rules, state, plan, row, e)
            continue
        begin = int(plan[e, 1])
        if plan[e, 0] == SHARE:
            open_needs(engines, needs, state, e, task, row)
            if not fits(engines, tasks, rules, state, last, row, task):
                plan[e, 3] = last
                continue
            begin = int(max(begin, state.point[last]))
            join(engines, tasks, state, last, row, task)
            join_loose(needs, state, last, task)
            learn(engines, state, e, last)
        if rules.window > 0 and engines.inherits[e] and last >= 0 and state.point[last] <= begin:
            look_ahead(engines, tasks, needs, rules, state, e, last, row)
        launch(engines, tasks, state, e, begin)
        plan[e, 0] = -1
        plan[e, 3] = -1


def open_barrier(
    engines: Engines, tasks: Tasks, needs: Needs, rules: Rules, state: State, plan: I64, row: I32, first: int
) -> None:
    """A new barrier for engine `first` and all others that would otherwise open one by the time it must."""
    barrier = int(state.counts[1])
    state.counts[1] += 1
    deadline = max(plan[first, 1], plan[first, 2]) + rules.tolerance
    lifted = 0
    width = plan.shape[0]
    joined = np.zeros(width, np.bool_)
    for step in range(-1, width):  # the engine whose turn it is comes first: it gets its slots
        e = first if step < 0 else step
        if joined[e] or plan[e, 0] < 0 or plan[e, 0] == START or max(plan[e, 1], plan[e, 2]) > deadline:
            continue
        task = head(engines, state, e)
        open_needs(engines, needs, state, e, task, row)
        if e != first and not fits(engines, tasks, rules, state, barrier, row, task):
            continue
        join(engines, tasks, state, barrier, row, task)
        join_loose(needs, state, barrier, task)
        joined[e] = True
        lifted = max(lifted, plan[e, 2])
    point = NEVER
    for e in range(width):
        if joined[e]:
            point = min(point, max(plan[e, 1], lifted))
    state.point[barrier] = point
    for e in range(width):
        if joined[e]:
            learn(engines, state, e, barrier)
            if rules.window > 0 and engines.inherits[e]:
                look_ahead(engines, tasks, needs, rules, state, e, barrier, row)
            launch(engines, tasks, state, e, int(max(plan[e, 1], lifted)))
            plan[e, 0] = -1
            plan[e, 3] = -1


@cache
def compiled_sweep() -> Callable[..., None] | None:
    """The sweep compiled by numba (extra `fast`), or None where numba is not installed. Same code, same result."""
    try:
        from numba import njit
        from numba.extending import register_jitable
    except ImportError:
        return None
    helpers: tuple[Callable[..., Any], ...] = (
        head,
        server,
        open_needs,
        quiet_end,
        has_loose,
        fits,
        join,
        join_loose,
        learn,
        look_ahead,
        launch,
        choose,
        open_barrier,
    )
    for helper in helpers:
        register_jitable(helper)
    compiled: Callable[..., None] = kept(njit, sweep)
    return compiled
