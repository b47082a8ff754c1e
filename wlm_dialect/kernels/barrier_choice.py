"""Which physical barrier each virtual one is put on: the inner loop of the policy `chains`, on flat arrays.

Plain Python that numba compiles unchanged.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from wlm_dialect.kernels.compiling import Budget, kept
from wlm_dialect.kernels.csr import I32, I64

COMPILE_FROM = 2_000  # barriers, of all calls together; below, compiling costs more than it saves
_BUDGET = Budget()

FREE, PUSHED, NO_WINDOW, UNKNOWN = 0, 1, 2, 3  # how good a physical barrier is for a virtual one


class Uses(NamedTuple):
    """Per barrier, in order of first use. Shape (barriers,)."""

    first: I64  # first task that updates it
    last: I64  # last task that uses it, in program order
    over: I64  # tick at which it is over, by estimate


class Knowledge(NamedTuple):
    """What is known from clocks; codes of kernels.happens_before. Shape (barriers, lanes) or (barriers, queues)."""

    users: I32  # once the barrier is over, this is past; -1 = nothing
    at_head: I32  # past when its users need it armed, by order of engines alone
    pushed: I32  # the same if its consumers are enqueued as late as possible
    over_from: I32  # first place on each DMA queue that knows it is over
    refill_by: I32  # last place on each DMA queue from which a refill is in time; -1 = none
    refill_pushed: I32  # the same if its consumers are enqueued as late as possible


class Barriers(NamedTuple):
    """The physical ones. Shape (count,) but for `history`."""

    released: I64  # last use of the instance now on it, -1 = never used
    since: I64  # when that is over, -1 = never used
    history: I64  # (count, depth + 1) the last instances, in a ring; -1 = none
    used: I64  # how many instances so far
    queues: I64  # bits of the DMA queues that can still carry all its refills


def lacking(row: I32, users: I32) -> int:
    """On how many lanes the clock `row` knows less than `users`."""
    count = 0
    for lane in range(len(row)):
        if users[lane] > row[lane]:
            count += 1
    return count


def refill_queues(known: Knowledge, barriers: Barriers, pid: int, barrier: int, late: bool) -> int:
    """Bits of the queues that can carry the refills of `pid` if `barrier` is its next instance."""
    room = barriers.history.shape[1]
    bits = barriers.queues[pid]
    if barriers.used[pid] < room:  # loaded at bootstrap
        return int(bits)
    former = barriers.history[pid, barriers.used[pid] % room]
    by = known.refill_pushed if late else known.refill_by
    for q in range(known.over_from.shape[1]):
        if known.over_from[former, q] > by[barrier, q]:
            bits &= ~(1 << q)
    return int(bits)


def judge(known: Knowledge, barriers: Barriers, pid: int, barrier: int) -> int:
    """How good physical barrier `pid` is for `barrier`; of those that are UNKNOWN, more where more is to be known."""
    used = barriers.used[pid]
    room = barriers.history.shape[1]
    if used:
        users = known.users[barriers.history[pid, (used - 1) % room]]
        late = lacking(known.at_head[barrier], users) > 0
        if late:
            missing = lacking(known.pushed[barrier], users)
            if missing:
                return UNKNOWN + missing - 1
        if not late and refill_queues(known, barriers, pid, barrier, False):
            return FREE
        return PUSHED if refill_queues(known, barriers, pid, barrier, True) else NO_WINDOW
    return FREE


def take(uses: Uses, known: Knowledge, barriers: Barriers, pid: int, barrier: int, quality: int) -> None:
    """Put `barrier` on `pid`."""
    if quality < NO_WINDOW:
        barriers.queues[pid] = refill_queues(known, barriers, pid, barrier, quality == PUSHED)
    barriers.history[pid, barriers.used[pid] % barriers.history.shape[1]] = barrier
    barriers.used[pid] += 1
    barriers.released[pid] = uses.last[barrier]
    barriers.since[pid] = uses.over[barrier]


def choose(uses: Uses, known: Knowledge, barriers: Barriers, reserve: int, pids: I32, quality: I32) -> int:
    """Fill `pids` and `quality`; the number of barriers that found a place: fewer than all if all are in use.

    The best one is taken, and of equals the one idle longest, so that refills spread; but the `reserve` longest idle
    only if there is no other: a task that knows little needs one of them.
    """
    count = len(barriers.since)
    for v in range(len(uses.first)):
        order = np.argsort(barriers.since, kind="mergesort")  # stable, here and in numba
        best, chosen = 1 << 30, -1
        for step in range(count):
            # of those kept back the one used last is least missed
            pid = order[reserve + step] if step < count - reserve else order[count - 1 - step]
            if barriers.released[pid] >= uses.first[v]:
                continue
            found = judge(known, barriers, pid, v)
            if found < best:
                best, chosen = found, pid
                if found == FREE:
                    break
        if chosen < 0:
            return v
        best = min(best, UNKNOWN)
        pids[v], quality[v] = chosen, best
        take(uses, known, barriers, chosen, v, best)
    return len(uses.first)


@cache
def compiled_choose() -> Callable[[Uses, Knowledge, Barriers, int, I32, I32], int] | None:
    """The loop compiled by numba (extra `fast`), or None where numba is not installed. Same code, same result."""
    try:
        from numba import njit
        from numba.extending import register_jitable
    except ImportError:
        return None
    for helper in (lacking, refill_queues, judge, take):
        register_jitable(helper)
    compiled: Callable[[Uses, Knowledge, Barriers, int, I32, I32], int] = kept(njit, choose)
    return compiled


def chosen(uses: Uses, known: Knowledge, count: int, depth: int, reserve: int) -> tuple[I32, I32] | None:
    """Physical barrier and quality of each virtual one, or None where at some point all `count` are in use.

    `depth` is the number of instances that wait behind the current one: instance depth + 1 is the first to be refilled.
    """
    total = len(uses.first)
    queues = known.over_from.shape[1]
    barriers = Barriers(
        np.full(count, -1, np.int64),
        np.full(count, -1, np.int64),
        np.full((count, depth + 1), -1, np.int64),
        np.zeros(count, np.int64),
        np.full(count, (1 << queues) - 1, np.int64),
    )
    pids, quality = np.zeros(total, np.int32), np.zeros(total, np.int32)
    run = compiled_choose() if _BUDGET.exceeded(total, COMPILE_FROM) else None
    placed = (run or choose)(uses, known, barriers, reserve, pids, quality)
    return (pids, quality) if placed == total else None
