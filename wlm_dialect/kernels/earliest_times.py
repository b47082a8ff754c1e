"""Earliest starts and ends of tasks in program order: one loop, on lists or, compiled by numba, on arrays."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from wlm_dialect.kernels.compiling import kept
from wlm_dialect.kernels.csr import I64, Csr
from wlm_dialect.kernels.happens_before import wants_compiled


class Work(NamedTuple):
    """What there is to do, as arrays or as lists. Shape (tasks,) unless said otherwise."""

    engine: Any
    cycles: Any
    in_flight: Any  # (engines,) whether tasks start in order though several run at once
    servers: Any  # (engines + 1,) where the servers of each engine begin
    after_start: Any  # (tasks + 1,)
    after: Any
    wait_start: Any
    wait: Any
    update_start: Any
    update: Any
    previous: Any  # (barriers,) the instance before on the same physical barrier, or -1
    waited: Any  # (barriers,) how many tasks wait on it


class Times(NamedTuple):
    """Ticks, as arrays or as lists; all 0 at first."""

    start: Any  # (tasks,)
    end: Any  # (tasks,)
    free: Any  # (servers,)
    head: Any  # (engines,) the last start
    lifted: Any  # (barriers,)
    over: Any  # (barriers,)


def sweep(work: Work, times: Times) -> None:
    """Start every task as soon as a server of its engine, its dependences and its barriers let it."""
    engine, cycles, in_flight, servers, after_start, after = work[:6]
    wait_start, wait, update_start, update, previous, waited = work[6:]
    start, end, free, head, lifted, over = times
    for t in range(len(engine)):
        e = engine[t]
        server = servers[e]
        for s in range(servers[e] + 1, servers[e + 1]):
            if free[s] < free[server]:
                server = s
        begin = max(free[server], head[e])
        for i in range(wait_start[t], wait_start[t + 1]):
            v = wait[i]
            begin = max(begin, lifted[v])
            if previous[v] >= 0:
                begin = max(begin, over[previous[v]])
        for i in range(update_start[t], update_start[t + 1]):
            if previous[update[i]] >= 0:
                begin = max(begin, over[previous[update[i]]])
        for i in range(after_start[t], after_start[t + 1]):
            begin = max(begin, end[after[i]])
        finish = begin + cycles[t]
        start[t], end[t], free[server] = begin, finish, finish
        if in_flight[e]:
            head[e] = begin
        for i in range(update_start[t], update_start[t + 1]):
            v = update[i]
            lifted[v] = max(lifted[v], finish)
            if not waited[v]:
                over[v] = max(over[v], finish)
        for i in range(wait_start[t], wait_start[t + 1]):
            over[wait[i]] = max(over[wait[i]], begin)


def earliest_times(
    engine: Any,
    cycles: I64,
    in_flight: Sequence[bool],
    servers: Sequence[int],
    after: Csr,
    waits: Csr,
    updates: Csr,
    previous: Any,
    *,
    compile: bool | None = None,
) -> tuple[list[int], list[int]]:
    """Starts and ends per task. `in_flight` and `servers` are per engine; the rest is as in `Work`."""
    offsets = np.concatenate([[0], np.cumsum(servers)])
    waited = np.bincount(waits.index, minlength=len(previous))
    tables = (after.start, after.index, waits.start, waits.index, updates.start, updates.index)
    work = Work(engine, cycles, np.asarray(in_flight, np.bool_), offsets, *tables, previous, waited)
    sizes = (len(engine), len(engine), offsets[-1], len(servers), len(previous), len(previous))
    times = Times(*(np.zeros(size, np.int64) for size in sizes))
    fast = _compiled() if wants_compiled(len(engine), compile) else None
    if fast is None:
        plain = Times(*(table.tolist() for table in times))
        sweep(Work(*(table.tolist() for table in work)), plain)
        return plain.start, plain.end
    fast(Work(*map(np.ascontiguousarray, work)), times)
    return times.start.tolist(), times.end.tolist()


@cache
def _compiled() -> Callable[[Work, Times], None] | None:
    try:
        from numba import njit
    except ImportError:
        return None
    run: Callable[[Work, Times], None] = kept(njit, sweep)
    return run
