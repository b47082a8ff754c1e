"""What full mode must know before a physical barrier is reused, and how to add it where it is missing."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32, I64, Csr
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.analysis.order import Order
from wlm_dialect.passes.editing import Insertion, insert_tasks
from wlm_dialect.program import Barriers, Kind, Program


@dataclass(frozen=True)
class MissingOrder:
    """end(`first`) must come before the start of `then`; or, with `queue` >= 0, be known on that queue before it."""

    first: int
    then: int
    queue: int = -1


class KnownOrders:
    """Clock rows per barrier, shape (barriers, lanes): who must be past (`users`), and who is known to be when the
    barrier is used: by order of engines alone (`at_head`), or with enqueues placed as late as possible (`enqueued`)."""

    def __init__(self, program: Program, order: Order) -> None:
        count, lanes = len(program.barriers), order.ends.shape[1]
        self.program, self.order = program, order
        self.users: I32 = np.full((count, lanes), -1, np.int32)
        self.at_head: I32 = np.full((count, lanes), -1, np.int32)
        self.enqueued: I32 = np.full((count, lanes), -1, np.int32)
        self.manager = managers(program)
        self.latest = self._latest_enqueue()
        self.producers, self.consumers = program.producers.lists(), program.consumers.lists()
        for v in range(count):
            for t in self.consumers[v] or self.producers[v]:
                lane = order.lane[t]
                self.users[v, lane] = max(self.users[v, lane], order.at[t])
            self.at_head[v] = self.enqueued[v] = order.ends[self.producers[v]].min(axis=0)
            for t in self.consumers[v]:
                np.minimum(self.at_head[v], order.heads[t], out=self.at_head[v])
                np.minimum(self.enqueued[v], self._pushed(t), out=self.enqueued[v])

    def _pushed(self, task: int) -> I32:
        """Ends known at the head of a task that is enqueued as late as possible."""
        heads: I32 = self.order.heads[task]
        enqueuer = self.latest[task]
        return heads if enqueuer < 0 else np.asarray(np.maximum(heads, self.order.ends[enqueuer]), np.int32)

    def _latest_enqueue(self) -> list[int]:
        """Per task the last task of its manager's queue that comes before it in program order, or -1."""
        last = [-1] * len(self.manager)
        out: list[int] = []
        for t, e in enumerate(self.program.engine.tolist()):
            out.append(last[self.manager[e]] if self.manager[e] >= 0 else -1)
            last[e] = t
        return out

    def candidates(self, barrier: int, free: I64, current: I64) -> I64:
        """Those of the `free` physical barriers whose `current` instance is known to be over in time for `barrier`.

        Barriers that need no late enqueue come first: if there is one, only those are given.
        """
        before = current[free]
        users = np.where((before >= 0)[:, None], self.users[before], -1)
        strict = (users <= self.at_head[barrier]).all(axis=1)
        chosen: I64 = free[strict if strict.any() else (users <= self.enqueued[barrier]).all(axis=1)]
        return chosen

    def missing(self, barrier: int, before: int) -> list[MissingOrder]:
        """Orders that would make it legal to put `barrier` behind instance `before`."""
        out: list[MissingOrder] = []
        for c in self.consumers[before] or self.producers[before]:
            lane, at = self.order.lane[c], self.order.at[c]
            out += [MissingOrder(c, t) for t in self.producers[barrier] if self.order.ends[t, lane] < at]
            for t in self.consumers[barrier]:
                if self._pushed(t)[lane] < at:
                    queue = self.manager[int(self.program.engine[t])]
                    out.append(MissingOrder(c, t, queue if queue >= 0 else int(self.program.engine[t])))
        return out


def with_orders(program: Program, missing: Iterable[MissingOrder]) -> Program:
    """The program with these orders: as producers of the barrier a task waits on, or of a SYNC put before it.

    Barriers that lose their last user disappear; the rest is numbered anew.
    """
    direct: dict[int, set[int]] = defaultdict(set)
    joins: dict[tuple[int, int], set[int]] = defaultdict(set)
    for order in missing:
        if order.queue < 0:
            direct[order.then].add(order.first)
        else:
            joins[order.then, order.queue].add(order.first)
    waits, updates = program.waits.lists(), program.updates.lists()
    producers = program.producers.lists()
    count = len(program.barriers)
    for then, firsts in sorted(direct.items()):
        feeding = sorted(firsts.union(*(producers[v] for v in waits[then])))
        waits[then] = [count]
        for t in feeding:
            updates[t].append(count)
        count += 1
    tasks: list[Insertion] = []
    for (then, queue), firsts in sorted(joins.items()):
        for t in sorted(firsts):
            updates[t].append(count)
        cycles = program.machine.transfer_ticks(program.machine.engines[queue], 0)
        tasks.append(Insertion(then, queue, "sync", Kind.SYNC, cycles, waits=(count,)))
        count += 1
    waited = {v for row in waits for v in row}
    had_consumers = [len(row) > 0 for row in program.consumers.lists()]
    gone = {v for v in range(len(program.barriers)) if had_consumers[v] and v not in waited}
    updates = [[v for v in row if v not in gone] for row in updates]
    changed = program.with_(
        waits=Csr.of(waits), updates=Csr.of(updates), barriers=Barriers.virtual(count, program.barriers.tail)
    )
    return _without_gaps(insert_tasks(changed, tasks).program if tasks else changed)


def _without_gaps(program: Program) -> Program:
    """Number the barriers that have users from 0, in order."""
    used = np.union1d(program.waits.index, program.updates.index)
    number = np.full(len(program.barriers), -1, np.int32)
    number[used] = np.arange(len(used), dtype=np.int32)
    tail = program.barriers.tail
    return program.with_(
        waits=Csr(program.waits.start, number[program.waits.index]),
        updates=Csr(program.updates.start, number[program.updates.index]),
        barriers=Barriers.virtual(len(used), int(number[tail]) if tail >= 0 else -1),
    )
