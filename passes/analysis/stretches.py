"""The last resort of full mode: one DMA queue dispatches the program in stretches. Legal with one physical barrier."""

from dataclasses import dataclass, field

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.analysis.known_orders import KnownOrders
from wlm_dialect.passes.analysis.managers import dedicated_queue
from wlm_dialect.passes.analysis.order import enqueuers, fetchers, task_order
from wlm_dialect.passes.editing import Insertion, enqueue_insertion, insert_tasks, sync_insertion
from wlm_dialect.program import Barriers, Kind, Program

_PAUSES = 20_000  # SYNCs that only let time pass


@dataclass
class Stretch:
    """Tasks [low, high) in program order, all of which end before anything after them is pushed."""

    low: int
    high: int
    pids: dict[int, int] = field(default_factory=dict)  # barriers with producers and consumers among the tasks
    places: list[tuple[int, int]] = field(default_factory=list)  # (task to push, task before which it is pushed)
    join: list[int] = field(default_factory=list)  # tasks whose ends the dispatching queue waits for, if any
    joined: int = -1  # the physical barrier of that wait


def in_stretches(program: Program) -> tuple[Program, list[int]]:
    """The program with ENQUEUE tasks and joins, and the physical barrier of each virtual one (phase virtual, fetched).

    One queue, whose tasks end in order, pushes the tasks of all other engines, a stretch at a time, and a SYNC on it
    waits for all of them before it goes on. So at its begin all barriers and FIFOs are known to be free, whatever was
    known before. A stretch ends where that is used up and neither engines nor barriers tell the queue in time that
    there is room again; one task always fits. Orders across a join need no barrier.

    The queue itself is linked from the start and waits for nothing but joins and its own tasks' barriers, all of them
    forward in program order, so nothing deadlocks. An ENQUEUE that is there already becomes a SYNC: what it held back
    is pushed after it. ScheduleError if a task has more slots than a barrier can count.
    """
    held = enqueuers(program)
    program = _without_pushes(program)
    queue = _dispatcher(program)
    cutter = _Cutter(program, queue, held)
    stretches = cutter.stretches()
    waits: list[list[int]] = [[] for _ in range(len(program))]
    updates: list[list[int]] = [[] for _ in range(len(program))]
    pids: list[int] = []
    tasks: list[Insertion] = []
    for s in stretches:
        for v, pid in s.pids.items():
            for table, rows in ((program.producers, updates), (program.consumers, waits)):
                for t in table[v].tolist():
                    if s.low <= t < s.high:
                        rows[t].append(len(pids))
            pids.append(pid)
        tasks += _enqueues(program, queue, s, cutter.fetch)
        for t in s.join:
            updates[t].append(len(pids))
        if s.join:
            tasks.append(sync_insertion(program.machine, s.high, queue, (len(pids),)))
            tasks += _pause(program, queue, s.high, len(stretches))
            pids.append(s.joined)
    tail = len(pids) if program.barriers.tail >= 0 else -1
    if tail >= 0:
        pids.append(cutter.idle[0])
        last = stretches[-1]
        if pids[-1] in (last.joined, *last.pids.values()):  # its refill stands between the join and one more task
            tasks.append(sync_insertion(program.machine, len(program), queue))
    changed = program.with_(waits=Csr.of(waits), updates=Csr.of(updates), barriers=Barriers.virtual(len(pids), tail))
    changed = insert_tasks(changed, tasks).program if tasks else changed
    return _lifting(changed, queue), pids


def _without_pushes(program: Program) -> Program:
    pushes = program.kind == Kind.ENQUEUE
    if not pushes.any():
        return program
    names = tuple("sync" if pushes[t] else name for t, name in enumerate(program.names))
    none = np.where(pushes, -1, program.target).astype(np.int32)
    low, high = (np.where(pushes, 0, column).astype(np.int32) for column in (program.low, program.high))
    kind = np.where(pushes, int(Kind.SYNC), program.kind).astype(program.kind.dtype)
    return program.with_(kind=kind, target=none, low=low, high=high, names=names)


def _dispatcher(program: Program) -> int:
    """The queue for all management, else one that ends tasks in order: with most fetches, as its own need no push."""
    machine = program.machine
    dedicated = dedicated_queue(machine)
    if dedicated >= 0:
        return dedicated
    own = np.bincount(program.engine, 1 + 1000 * (program.kind == Kind.FETCH), len(machine.engines))
    queues = [machine.engine_index[e.name] for e in machine.engines_of("dma") if e.ends_in_order]
    return max(queues, key=lambda q: (own[q], -q))


def _pause(program: Program, queue: int, before: int, stretches: int) -> list[Insertion]:
    """SYNCs for as many ticks as barriers may take to re-arm (bounded), one each, and one more for a refill."""
    delta = program.machine.barriers.rearm_delta
    if not delta:
        return []
    if stretches * (delta + 1) > _PAUSES:
        raise ScheduleError(
            f"@{program.name}: no barrier is idle for as long as it may take to re-arm: machine "
            f"'{program.machine.name}' has barriers.rearm_delta = {delta} ticks, and each task counts for one; use a "
            "smaller rearm_delta, rearm = 'acknowledged', more barriers, or mode partial or firmware [H1, H2]"
        )
    return [sync_insertion(program.machine, before, queue) for _ in range(delta + 1)]


def _lifting(program: Program, queue: int) -> Program:
    """The program whose tail barrier the last task of the dispatching queue lifts: it knows that all others ended."""
    if program.barriers.tail < 0:
        return program
    updates = program.updates.lists()
    updates[int(program.lists[queue][-1])].append(program.barriers.tail)
    return program.with_(updates=Csr.of(updates))


class _Cutter:
    """One pass over the tasks in program order that ends a stretch wherever the next task does not fit."""

    def __init__(self, program: Program, queue: int, held: I32) -> None:
        self.program, self.queue, self.held = program, queue, held.tolist()
        self.engines = program.machine.engines
        limits = program.machine.barriers
        self.room = min(limits.max_producers, limits.max_sum - 1)
        self.depth = limits.fifo_depth
        self.fetch: list[int] = fetchers(program).tolist()
        self.engine, self.slots = program.engine.tolist(), program.slots.tolist()
        self.waits, self.producers = program.waits.lists(), program.producers.lists()
        self.order = task_order(program)
        self.known = KnownOrders(program, self.order)
        self.own = program.lists[queue]  # and what the end of each of these tasks knows, per lane
        self.ends = np.ascontiguousarray(self.order.ends[self.own].T)
        self.idle = list(range(limits.count))  # physical barriers, the one idle longest first

    def stretches(self) -> list[Stretch]:
        out: list[Stretch] = []
        low = 0
        while low < len(self.program):
            out.append(self._from(low))
            low = out[-1].high
        return out

    def _from(self, low: int) -> Stretch:
        """The longest stretch from task `low` on."""
        found = Stretch(low, low)
        room = [low] * len(self.engines)  # per engine the task before which the latest one was pushed
        last: dict[int, list[int]] = {}  # per engine the tasks whose ends stand for those of all its tasks
        used: dict[int, list[int]] = {}  # physical barrier -> its instances in this stretch
        for t in range(low, len(self.program)):
            e = self.engine[t]
            if e != self.queue:
                kept = [] if self.engines[e].ends_in_order else last.get(e, [])
                last = {**last, e: [*kept, t]}
            room[e] = max(room[e], self._place(t, low))
            join = sorted(u for tasks in last.values() for u in tasks)
            fits = e == self.queue or (room[e] <= t and self._counts(join, t, alone=t == low))
            if not (fits and self._bound(found, used, t)):
                break
            if e != self.queue:
                found.places.append((t, room[e]))
            found.join, found.high = join, t + 1
        self._released(list(used))
        if found.join:
            found.joined = self.idle[0]
            self._released([found.joined])
        return found

    def _counts(self, join: list[int], task: int, alone: bool) -> bool:
        """Whether one barrier can count these producers; ScheduleError where not even one task can be counted."""
        slots: int = sum(self.slots[u] for u in join)
        if slots > self.room and alone:
            machine = self.program.machine.name
            raise ScheduleError(
                f"task '{self.program.names[task]}' takes {slots} producer slots of a barrier but machine '{machine}' "
                f"leaves {self.room}; give it fewer slots (variants) [H9]"
            )
        return slots <= self.room

    def _bound(self, stretch: Stretch, used: dict[int, list[int]], task: int) -> bool:
        """Bind the barriers that the task makes part of the stretch; nothing changes unless all of them fit.

        A physical barrier takes one more instance where engines and barriers alone tell that the one before is over,
        and its FIFO takes it at the begin of the stretch or later, in time. One is left for the join.
        """
        new: dict[int, int] = {}
        for v in self.waits[task]:
            if v in stretch.pids or not any(stretch.low <= p < task for p in self.producers[v]):
                continue
            taken = {**used, **{pid: [*used.get(pid, []), w] for w, pid in new.items()}}
            pid = self._reusable(taken, v)
            if pid < 0:
                pid = next((p for p in self.idle if p not in taken), -1)
                if pid < 0 or len(taken) + 2 > len(self.idle):
                    return False
            new[v] = pid
        for v, pid in new.items():
            used.setdefault(pid, []).append(v)
        stretch.pids.update(new)
        return True

    def _reusable(self, used: dict[int, list[int]], barrier: int) -> int:
        """A physical barrier of this stretch that is known to be over before this one is used, or -1."""
        rows = self.known.rows
        for pid, instances in used.items():
            former = instances[-1]
            is_over = bool((rows.users[former] <= rows.at_head[barrier]).all()) and not self._at_once(former, barrier)
            if is_over and (len(instances) <= self.depth or self._refills(instances[-1 - self.depth], barrier)):
                return pid
        return -1

    def _at_once(self, former: int, barrier: int) -> bool:
        """Whether one event consumes the former instance and updates the new one: a task does both at its end."""
        program = self.program
        at_end = program.machine.barriers.consume_at == "end"
        return at_end and bool(set(program.consumers[former].tolist()) & set(self.producers[barrier]))

    def _refills(self, former: int, barrier: int) -> bool:
        """Whether the dispatching queue has a place for the refill of an instance that follows `former` in the FIFO."""
        if self.queue not in self.known.queues:
            return False
        on, rows = self.known.queues.index(self.queue), self.known.rows
        return bool(rows.over_from[former, on] <= rows.refill_by[barrier, on])

    def _released(self, pids: list[int]) -> None:
        self.idle = [p for p in self.idle if p not in pids] + pids

    def _place(self, task: int, low: int) -> int:
        """The first task before which this one may be pushed: fetched, with room in its FIFO, no longer held back."""
        engine, position = self.engine[task], int(self.program.position[task])
        place = low
        for first in (self.fetch[task], self.held[task]):
            if first >= low:
                place = max(place, first + 1 if self.engine[first] == self.queue else len(self.engine))
        ahead = position - self.engines[engine].fifo_depth
        leaves = int(self.program.lists[engine][ahead]) if ahead >= 0 else -1
        if engine != self.queue and leaves >= low:
            knows = int(np.searchsorted(self.ends[self.order.lane[leaves]], self.order.at[leaves]))
            place = max(place, int(self.own[knows]) + 1 if knows < len(self.own) else len(self.engine))
        return place


def _enqueues(program: Program, queue: int, stretch: Stretch, fetch: list[int]) -> list[Insertion]:
    """The pushes of a stretch: one per run of tasks of an engine that have the same place."""
    runs: dict[tuple[int, int, int], list[int]] = {}  # (place, engine, group) -> positions in the list of the engine
    for t, place in stretch.places:
        group = fetch[t] if program.machine.management.linked_enqueue else -1
        runs.setdefault((place, int(program.engine[t]), group), []).append(int(program.position[t]))
    return [
        enqueue_insertion(program.machine, place, queue, e, (positions[0], positions[-1] + 1))
        for (place, e, _), positions in sorted(runs.items())
    ]
