"""When the max-plus sweep applies, what it needs, and whether what it found breaks a rule.

The sweep assumes that every task reads the instance it means. `broken` looks for any rule that does not hold under the
times found, strictly enough for ticks in which the order of phases decides; then the event loop runs and tells which.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32, I64
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime.tables import Prepared, bootstrap_items

_NO_TASKS = np.zeros(0, np.int32)


@dataclass(eq=False)
class Plan:
    """Who manages whom, by index; -1 = nobody (bootstrap). Task arrays (tasks,), barrier arrays (barriers,)."""

    pushed: I32  # the enqueue that pushes the task
    fetched: I32  # the fetch that brings its descriptor
    programmed: I32  # per barrier: the DMA that pushes the instance
    room: I32  # the task whose head makes room for this one in the FIFO
    serial: bool  # every engine with tasks is serial
    before_push: I32 = field(default_factory=lambda: _NO_TASKS)  # enqueues followed, on one engine, by ...
    after_push: I32 = field(default_factory=lambda: _NO_TASKS)  # ... these
    old_user: I32 = field(default_factory=lambda: _NO_TASKS)  # users of a slot, whose descriptor is overwritten by ...
    next_fetch: I32 = field(default_factory=lambda: _NO_TASKS)  # ... these fetches


class _NotApplicable(Exception):
    pass


def plan(ready: Prepared) -> Plan | str:
    """The plan of a program the sweep can run, else the reason why only the event loop can."""
    p = ready.program
    try:
        _need(not ready.registers[k.MANAGES], "firmware serves interrupts in the order in which they arrive")
        _need(not ready.registers[k.SHARED], "transfers share bandwidth")
        used = [e for e, tasks in zip(p.machine.engines, p.lists, strict=True) if len(tasks)]
        _need(all(e.order != "pool" for e in used), "a pool of servers takes tasks as servers become free")
        _need(_waits_point_forward(p), "a task waits for something later in program order")
        nobody = np.full(len(p), -1, np.int32)
        serial = all(e.order == "serial" for e in used)
        if p.phase != "managed":
            return Plan(nobody, nobody, np.full(len(p.barriers), -1, np.int32), nobody, serial)
        return _managed_plan(ready, serial)
    except _NotApplicable as reason:
        return str(reason)


def _need(condition: bool, reason: str) -> None:
    if not condition:
        raise _NotApplicable(reason)


def _waits_point_forward(p: Program) -> bool:
    first_wait = np.full(len(p.barriers), len(p), np.int64)
    np.minimum.at(first_wait, p.waits.index, p.waits.rows())
    last_update = np.full(len(p.barriers), -1, np.int64)
    np.maximum.at(last_update, p.updates.index, p.updates.rows())
    waited = first_wait < len(p)
    return bool(np.all(last_update < first_wait) and np.all(last_update[waited] >= 0))


def _managed_plan(ready: Prepared, serial: bool) -> Plan:
    p = ready.program
    pushed, first, second = _pushers(p)
    fetched = np.full(len(p), -1, np.int32)
    old_user, next_fetch = _slot_users(ready, fetched)
    programmed = _programmers(p)
    index = np.arange(len(p))
    _need(bool(np.all(pushed < index) and np.all(fetched < index)), "a task is managed by something later")
    compute = np.array([e.kind != "dma" for e in p.machine.engines])[p.engine]
    _need(bool(np.all(fetched[compute] >= 0)), "a descriptor is never fetched")
    _need(bool(np.all(p.barriers.producers > 0)), "an instance has no producers")
    room = _room(ready, pushed)
    return Plan(pushed, fetched, programmed, room, serial, first, second, old_user, next_fetch)


def _pushers(p: Program) -> tuple[I32, I32, I32]:
    """Per task its enqueue; and neighbouring enqueues of one engine. Every task has one, in list order."""
    pushed = np.full(len(p), -2, np.int32)
    ends = [0] * len(p.machine.engines)
    last = [-1] * len(ends)
    first: list[int] = []
    second: list[int] = []
    items = p.items
    ranges = [(-1, int(items.engine[n]), int(items.low[n]), int(items.high[n])) for n in bootstrap_items(p)]
    dmas = np.nonzero(p.kind == Kind.ENQUEUE)[0].tolist()
    ranges += [(t, int(p.target[t]), int(p.low[t]), int(p.high[t])) for t in dmas]
    for by, e, low, high in ranges:
        _need(low == ends[e], "tasks are not enqueued in list order")
        pushed[p.lists[e][low:high]] = by
        ends[e] = high
        if by >= 0 and last[e] >= 0:
            first.append(last[e])
            second.append(by)
        last[e] = by
    _need(bool(np.all(pushed > -2)), "a task is never enqueued")
    return pushed, np.array(first, np.int32), np.array(second, np.int32)


def _slot_users(ready: Prepared, fetched: I32) -> tuple[I32, I32]:
    """Fill `fetched`; who used a slot before a fetch writes it."""
    p = ready.program
    fetches = np.nonzero(p.kind == Kind.FETCH)[0].astype(np.int32)
    sizes = p.high[fetches] - p.low[fetches]
    offset = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    by = np.repeat(fetches, sizes)
    place = ready.engines[k.LIST][p.target[by]] + p.low[by] + offset
    tasks = np.asarray(ready.static["list_task"])[place]
    _need(len(np.unique(tasks)) == len(tasks), "a descriptor is fetched twice")
    fetched[tasks] = by
    slot = ready.engines[k.SLOT_BASE][p.target[by]] + p.slot[by] + offset
    order = np.lexsort((by, slot))
    again = np.nonzero(slot[order][1:] == slot[order][:-1])[0]
    return tasks[order][again].astype(np.int32), by[order][again + 1].astype(np.int32)


def _programmers(p: Program) -> I32:
    programmed = np.full(len(p.barriers), -2, np.int32)
    rows = np.concatenate([np.full(len(p.bootstrap), -1, np.int32), p.programs.rows()])
    index = np.concatenate([p.bootstrap, p.programs.index])
    programmed[index] = rows
    once = len(np.unique(index)) == len(index) == len(programmed)
    _need(once, "an instance is not pushed exactly once")
    # bootstrap loads the first 1 + B instances at most, in order
    booted = programmed == -1
    previous = p.barriers.previous
    has = previous >= 0
    _need(bool(np.all(booted[previous[has]] | ~booted[has])), "bootstrap skips an instance")
    _need(bool(np.all(p.barriers.instance[booted] <= p.machine.barriers.fifo_depth)), "bootstrap overflows a barrier")
    place = np.full(len(p.barriers), -1, np.int64)
    place[p.bootstrap] = np.arange(len(p.bootstrap))
    later = has & booted
    _need(bool(np.all(place[previous[later]] < place[later])), "bootstrap loads instances out of order")
    return programmed


def _room(ready: Prepared, pushed: I32) -> I32:
    """The task whose head frees the FIFO entry that each task pushed by a DMA takes; bootstrap has to fit."""
    p = ready.program
    link = np.asarray(ready.static["link"])
    room = np.full(len(p), -1, np.int32)
    for e, engine in enumerate(p.machine.engines):
        tasks = p.lists[e]
        own = np.nonzero(link[tasks] == 0)[0]
        booted = int(np.count_nonzero(pushed[tasks[own]] < 0))
        _need(booted <= engine.fifo_depth + 1, "bootstrap overflows a work FIFO")
        room[tasks[own[engine.fifo_depth :]]] = tasks[own[: max(0, len(own) - engine.fifo_depth)]]
    room[pushed < 0] = -1
    return room


def blocks_forward(ready: Prepared, made: Plan) -> bool:
    """Every head that an enqueue may have to await belongs to an earlier task: `sweep_any` can let it wait."""
    has = made.room >= 0
    return bool(np.all(made.room[has] < made.pushed[has]))


@dataclass(frozen=True, eq=False)
class Times:
    """What a sweep found, and what follows from it."""

    enqueued: I64
    head: I64
    start: I64
    end: I64
    lifted: I64
    armed: I64
    over: I64


def derive(ready: Prepared, made: Plan, enqueued: I64, head: I64, start: I64, end: I64, lifted: I64) -> Times:
    """Add when each instance is over and armed."""
    p, static = ready.program, ready.static
    used = end if ready.registers[k.CONSUME_END] else start
    over = lifted.copy()
    np.maximum.at(over, p.waits.index, used[p.waits.rows()])
    if p.phase == "virtual":
        return Times(enqueued, head, start, end, lifted, np.zeros(len(over), np.int64), over)
    push = np.where(made.programmed >= 0, end[made.programmed], 0) if len(end) else np.zeros(len(over), np.int64)
    previous = p.barriers.previous
    armed = np.where(previous >= 0, np.maximum(over[previous], push), push) if len(over) else over.copy()
    if ready.registers[k.DELTA]:
        armed = armed + np.where((previous >= 0) | (made.programmed >= 0), static["delta"], 0)
    return Times(enqueued, head, start, end, lifted, armed, over)


def broken(ready: Prepared, made: Plan, times: Times) -> bool:
    """Some rule does not hold, or a tick decides that only the event loop can judge."""
    p = ready.program
    if p.phase == "virtual":
        return False
    end_of_producer = times.end[p.updates.rows()]
    if np.any(times.armed[p.updates.index] >= end_of_producer):  # H2
        return True
    return p.phase == "managed" and (
        _reads_stale(ready, times)
        or _overflows_barriers(ready, made, times)
        or _misuses_descriptors(made, times)
        or _misuses_fifos(ready, made, times)
        or (p.barriers.tail >= 0 and int(times.lifted[p.barriers.tail]) < int(times.end.max(initial=0)))  # H10
    )


def _reads_stale(ready: Prepared, times: Times) -> bool:
    """H1; an instance armed by a start of the same tick may be armed before or after a head of that tick."""
    p = ready.program
    previous = p.barriers.previous
    by_start = (previous >= 0) & (times.over[previous] == times.armed) & (p.barriers.consumers[previous] > 0)
    earliest = times.armed + by_start
    return bool(np.any(earliest[p.waits.index] > times.head[p.waits.rows()]))


def _overflows_barriers(ready: Prepared, made: Plan, times: Times) -> bool:
    """H3: room in the barrier FIFO, and pushes in order."""
    p = ready.program
    order = np.asarray(ready.static["ranked"])
    push = np.where(made.programmed >= 0, times.end[made.programmed], 0)
    for back, limit in ((p.machine.barriers.fifo_depth + 1, times.over), (1, push)):
        old, new = order[:-back], order[back:]
        same = (p.barriers.pid[old] == p.barriers.pid[new]) & (made.programmed[new] >= 0)
        if back == 1:
            same &= made.programmed[old] != made.programmed[new]
            together = (p.barriers.pid[old] == p.barriers.pid[new]) & (made.programmed[new] == made.programmed[old])
            if np.any(together & (made.programmed[new] >= 0) & ~_in_order(p, old, new)):
                return True
        if np.any(limit[old[same]] >= push[new[same]]):
            return True
    return False


def _in_order(p: Program, old: I32, new: I32) -> NDArray[np.bool_]:
    """Where `old` comes before `new` in the list of the DMA that pushes both."""
    at = np.zeros(len(p.barriers), np.int64)
    at[p.programs.index] = np.arange(len(p.programs.index))
    return at[old] < at[new]


def _misuses_descriptors(made: Plan, times: Times) -> bool:
    """H4 and H5."""
    has = made.fetched >= 0
    if np.any(times.end[made.fetched[has]] > times.head[has]):
        return True
    return bool(np.any(times.end[made.old_user] > times.start[made.next_fetch]))


def _misuses_fifos(ready: Prepared, made: Plan, times: Times) -> bool:
    """H6: pushes of one engine strictly one after the other; room, where a full FIFO drops what is pushed."""
    through = times.start[made.after_push] + np.asarray(ready.static["cycles"])[made.after_push]
    if np.any(times.end[made.before_push] >= through):
        return True
    has = made.room >= 0
    late = times.head[made.room[has]] - times.enqueued[has]
    return bool(np.any(late >= 0)) if ready.registers[k.DROP] else bool(np.any(late > 0))
