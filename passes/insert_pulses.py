"""Pass `wlm-insert-pulses`."""

import sys
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.analysis.estimate import estimate, over_times
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, add_to_rows, insert_tasks, sync_insertion
from wlm_dialect.program import Barriers, Kind, Program


@dataclass(frozen=True)
class InsertPulsesPass(ProgramPass):
    """Declare barriers without consumers whose only use is to tell firmware that something has happened.

    In partial mode the last of neighbouring fetches updates a barrier, so that firmware knows when to enqueue their
    groups: one that is over in time and delays nobody, else a pulse, shared by fetches that end within the time of an
    interrupt. The burst at the head of a queue that ends its tasks in order touches no barrier; a SYNC behind it does.
    In both firmware modes a DMA updates a pulse where no other barrier tells that the work FIFO has room for the task
    `fifo_depth` places later.

    Precondition: phase virtual. Postcondition: wlm-link-work-items finds evidence for every push (H4, H6).
    """

    name = "wlm-insert-pulses"
    phases = ("virtual",)
    mode: Literal["firmware", "partial"] = "partial"

    def transform(self, program: Program) -> Program:
        if self.mode == "partial":
            program = _with_syncs(program)
            program = _with_evidence(program, _last_fetches(program))
        return with_credits(program)


def with_credits(program: Program) -> Program:
    """The program with a pulse wherever no barrier tells that a DMA FIFO has room (H6)."""
    return with_pulses(program, missing_credits(program))


def _with_evidence(program: Program, fetches: list[tuple[int, int]]) -> Program:
    """Each of these fetches updates a barrier that is over before the first task that needs it."""
    times = estimate(program)
    over, last = over_times(program, times), last_use(program)
    consumers = program.consumers.lists()
    firmware = program.machine.firmware
    margin = firmware.interrupt + firmware.program + firmware.push
    opens = [(c[0], min(times.start[t] for t in c)) if c else (-1, -1) for c in consumers]
    by_time = sorted((v for v in range(len(consumers)) if consumers[v]), key=lambda v: (over[v], v))
    overs = [over[v] for v in by_time]
    shared: list[tuple[int, int]] = []
    alone: list[tuple[int, int]] = []
    for fetch, needed in fetches:
        ready = times.end[fetch] + margin
        due = times.start[needed] - margin
        for v in by_time[bisect_left(overs, ready) :]:
            if over[v] > due:
                alone.append((fetch, needed))
                break
            first, start = opens[v]
            if fetch < first and last[v] < needed and start >= ready:
                shared.append((fetch, v))
                break
        else:
            alone.append((fetch, needed))
    limits = program.machine.barriers
    groups = coalesced(alone, times.end, firmware.interrupt, min(limits.max_producers, limits.max_sum))
    return with_shared_pulses(program.with_(updates=add_to_rows(program.updates, shared)), groups)


def coalesced(
    tasks: list[tuple[int, int]], end: Sequence[int], patience: int, most: int = sys.maxsize
) -> list[list[int]]:
    """Tasks, each with the first that needs to hear of its end, in groups of `most` that share an interrupt.

    Those of a group end within `patience` ticks by estimate, and all come before any task that needs one of them in
    program order: else it could wait for itself.
    """
    out: list[list[int]] = []
    first = last = due = -1  # of the latest group: ends, and the first task that needs one
    for task, needed in sorted(tasks):
        at = end[task]
        if out and len(out[-1]) < most and task < min(due, needed) and max(last, at) - min(first, at) <= patience:
            out[-1].append(task)
            first, last, due = min(first, at), max(last, at), min(due, needed)
        else:
            out.append([task])
            first, last, due = at, at, needed
    return out


def with_pulses(program: Program, tasks: list[int]) -> Program:
    """A barrier without consumers for each of these tasks."""
    return with_shared_pulses(program, [[t] for t in tasks])


def with_shared_pulses(program: Program, groups: list[list[int]]) -> Program:
    """A barrier without consumers for each group of tasks."""
    if not groups:
        return program
    first = len(program.barriers)
    pairs = [(t, first + i) for i, tasks in enumerate(groups) for t in tasks]
    updates = add_to_rows(program.updates, pairs)
    return program.with_(updates=updates, barriers=Barriers.virtual(first + len(groups), program.barriers.tail))


def head_burst(program: Program, queue: int) -> list[int]:
    """The fetches with which a DMA queue begins, up to the first that has to wait for its slots (H5)."""
    out: list[int] = []
    for t in program.lists[queue].tolist():
        if program.kind[t] != Kind.FETCH or len(program.waits[t]):
            break
        out.append(t)
    return out


def _with_syncs(program: Program) -> Program:
    """The program with a SYNC behind each burst, to touch the barrier in its place."""
    tasks: list[Insertion] = []
    for queue, model in enumerate(program.machine.engines):
        burst = head_burst(program, queue) if model.ends_in_order else []
        if burst:
            tasks.append(sync_insertion(program.machine, burst[-1] + 1, queue))
    return insert_tasks(program, tasks).program if tasks else program


def _last_fetches(program: Program) -> list[tuple[int, int]]:
    """Tasks whose end stands for that of the fetches right before them on the same queue, and who first needs those.

    A fetch itself, or the SYNC behind a burst. The fetches must end in order and wait for nothing, and all come before
    any task of their groups in program order: a task that waits for a later fetch could wait for itself.
    """
    out: list[tuple[int, int]] = []
    for tasks, model in zip(program.lists, program.machine.engines, strict=True):
        listed = tasks.tolist()
        needed = len(program)  # first task of the groups fetched since the last pulse
        for i in np.nonzero(program.kind[tasks] == Kind.FETCH)[0].tolist():
            t = listed[i]
            needed = min(needed, int(program.lists[int(program.target[t])][int(program.low[t])]))
            after = listed[i + 1] if i + 1 < len(listed) else -1
            follows = 0 <= after < needed and model.ends_in_order and not len(program.waits[after])
            if follows and program.kind[after] == Kind.FETCH:
                continue
            out.append((after if follows and program.kind[after] == Kind.SYNC else t, needed))
            needed = len(program)
    return out


class Credits:
    """Per item of a list the barrier that tells that the FIFO of its engine has room: over only after that, and before
    the item in program order. To be asked for ascending items."""

    def __init__(self, program: Program, tasks: list[int], last: list[int], over: list[int]) -> None:
        self._program, self._tasks, self._last, self._over = program, tasks, last, over
        self._depth = program.machine.engines[int(program.engine[tasks[0]])].fifo_depth if tasks else 0
        self._newest: dict[int, int] = {}  # barrier -> the last place in the list, of those so far, that uses it
        self._fed = 0
        self._listed: set[int] = set()  # in one of the heaps
        self._waiting: list[tuple[int, int]] = []  # by last use: not yet before the item
        self._ready: list[tuple[int, int]] = []  # by time

    def soonest(self, index: int, rather: Collection[int]) -> int:
        """The barrier that is over first, of `rather` if there is one among them; -1 = none."""
        self._feed(index)
        item, first = self._tasks[index], index - self._depth
        while self._waiting and self._waiting[0][0] < item:
            barrier = heappop(self._waiting)[1]
            heappush(self._ready, (self._over[barrier], barrier))
        while self._ready and self._newest[self._ready[0][1]] < first:
            self._listed.discard(heappop(self._ready)[1])
        known = [v for v in rather if self._newest.get(v, -1) >= first and self._last[v] < item]
        if known:
            return min(known, key=lambda v: (self._over[v], v))
        return self._ready[0][1] if self._ready else -1

    def _feed(self, index: int) -> None:
        """Take notice of the barriers that items before this one use."""
        program, tail = self._program, self._program.barriers.tail
        for place in range(self._fed, index):
            t = self._tasks[place]
            for v in (*program.updates[t].tolist(), *program.waits[t].tolist()):
                if v != tail:
                    self._newest[v] = place
                    if v not in self._listed:
                        self._listed.add(v)
                        heappush(self._waiting, (self._last[v], v))
        self._fed = index


def missing_credits(program: Program) -> list[int]:
    """DMA tasks that need a pulse, so that each task too far back for bootstrap has a credit."""
    soonest = _soonest_over(program)
    out: list[int] = []
    for e, model in enumerate(program.machine.engines):
        tasks, depth = program.lists[e], model.fifo_depth
        if model.kind != "dma" or len(tasks) <= depth:
            continue
        told = sliding_window_view(soonest[tasks], depth)[:-1].min(axis=1) < tasks[depth:]
        newest = -1  # position of the newest pulse
        for i in (np.nonzero(~told)[0] + depth).tolist():
            if newest < i - depth:
                # half a FIFO ahead serves the next half as well, and does not let the FIFO run empty
                newest = i - max(1, depth // 2)
                out.append(int(tasks[newest]))
    return out


def _soonest_over(program: Program) -> I32:
    """Per task the earliest last use of the barriers it waits on or updates, the tail aside; beyond all tasks if none.

    A task has one of `Credits` if one of those that the FIFO held before it has a barrier last used before it.
    """
    last = np.asarray(last_use(program), np.int32)
    if program.barriers.tail >= 0:
        last[program.barriers.tail] = len(program)
    out = np.full(len(program), len(program), np.int32)
    for table in (program.waits, program.updates):
        np.minimum.at(out, table.rows(), last[table.index])
    return out
