"""What full mode must know before a physical barrier is reused, and how to add it where it is missing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.barrier_choice import Knowledge
from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.analysis.managers import dedicated_queue, managers
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
    """Clock rows per barrier: who must be past once it is over, and who is known to be when the barrier is used; and
    the places on DMA queues between which a refill would have to stand."""

    def __init__(self, program: Program, order: Order) -> None:
        self.program, self.order = program, order
        self.manager = managers(program)
        self.latest = self._latest_enqueue()
        self.queues = refill_queues(program)
        self.past = past_codes(program, order)
        heads = order.heads
        # DMA lists stay whole: an enqueue that splits one could wait behind the other queue, and that one behind it
        late = (self.latest >= 0) & np.asarray([e.kind != "dma" for e in program.machine.engines])[program.engine]
        pushed = np.where(late[:, None], np.maximum(heads, order.ends[self.latest]), heads)
        self.pushed = pushed
        self.rows = Knowledge(
            self._users(),
            self._least(order.ends, heads),
            self._least(order.ends, pushed),
            self._over_from(),
            self._refill_by(heads),
            self._refill_by(pushed),
        )

    def _latest_enqueue(self) -> I32:
        """Per task the last task of its manager's queue that comes before it in program order, or -1."""
        program = self.program
        manager = np.asarray(self.manager, np.int32)[program.engine]
        out = np.full(len(program), -1, np.int32)
        for queue in sorted(set(self.manager) - {-1}):
            managed = np.nonzero(manager == queue)[0]
            listed = program.lists[queue]
            place = np.searchsorted(listed, managed) - 1
            out[managed[place >= 0]] = listed[place[place >= 0]]
        return out

    def _users(self) -> I32:
        program, order = self.program, self.order
        out = np.full((len(program.barriers), order.ends.shape[1]), -1, np.int32)
        for table, chosen in _over_tables(program):
            rows = table.rows()
            keep = chosen[rows]
            tasks = table.index[keep]
            np.maximum.at(out, (rows[keep], order.lane[tasks]), self.past[tasks, int(table is program.producers)])
        return out

    def _least(self, ends: I32, heads: I32) -> I32:
        """Per barrier what all of its producers know at their end and all of its consumers at head."""
        out = np.full((len(self.program.barriers), ends.shape[1]), np.iinfo(np.int32).max, np.int32)
        for table, rows in ((self.program.producers, ends), (self.program.consumers, heads)):
            used = np.nonzero(np.diff(table.start) > 0)[0]
            if len(used):
                least = np.minimum.reduceat(rows[table.index], table.start[used], axis=0)
                out[used] = np.minimum(out[used], least)
        return out

    def _over_from(self) -> I32:
        """Per barrier and queue the first place that knows that it is over."""
        users = self._users()
        out = np.zeros((len(users), len(self.queues)), np.int32)
        for i, queue in enumerate(self.queues):
            ends = self.order.ends[self.program.lists[queue]]
            for lane in np.nonzero(users.max(axis=0, initial=-1) >= 0)[0].tolist():
                place = np.searchsorted(ends[:, lane], users[:, lane]) + 1
                out[:, i] = np.maximum(out[:, i], np.where(users[:, lane] >= 0, place, 0))
        return out

    def _refill_by(self, heads: I32) -> I32:
        """Per barrier and queue the last place from which a refill is known to be in time."""
        program, order = self.program, self.order
        out = np.zeros((len(program.barriers), len(self.queues)), np.int32)
        for i, queue in enumerate(self.queues):
            listed = program.lists[queue]
            lane = int(order.lane[listed[0]])
            out[:, i] = len(listed) - 1
            # a prefetching queue takes the next task to its head before the refill ends
            early = int(program.machine.engines[queue].order == "prefetching")
            at_head = np.where(program.engine == queue, program.position - early, heads[:, lane] >> 1)
            for table, place in ((program.producers, order.ends[:, lane] >> 1), (program.consumers, at_head)):
                np.minimum.at(out[:, i], table.rows(), place[table.index].astype(np.int32))
        return out

    def missing(self, barrier: int, before: int) -> list[MissingOrder]:
        """Orders that would make it legal to put `barrier` behind instance `before`."""
        program, order = self.program, self.order
        out: list[MissingOrder] = []
        lonely = not len(program.consumers[before])
        for c in (program.producers if lonely else program.consumers)[before].tolist():
            lane, code = order.lane[c], self.past[c, int(lonely)]
            out += [MissingOrder(c, t) for t in program.producers[barrier].tolist() if order.ends[t, lane] < code]
            for t in program.consumers[barrier].tolist():
                if self.pushed[t, lane] < code:
                    own = int(program.engine[t])
                    queue = own if program.machine.engines[own].kind == "dma" else self.manager[own]
                    out.append(MissingOrder(c, t, queue if queue >= 0 else own))
        return out

    def missing_window(self, barrier: int, former: int, start: Sequence[int], over: int) -> list[MissingOrder]:
        """Orders that give the refill of `barrier` a place: on one queue, `former` is known to be over before it.

        `start`: estimated start of each task; `over`: when `former` is over. The queue is the one that has most time.
        """
        by = self.rows.refill_pushed[barrier]
        best: tuple[int, int, int] | None = None
        for i, queue in enumerate(self.queues):
            if by[i] >= 0:
                then = int(self.program.lists[queue][by[i]])
                best = max(best or (-1 << 62, 0, 0), (start[then] - over, then, queue))
        if best is None:
            return []
        lonely = not len(self.program.consumers[former])
        users = (self.program.producers if lonely else self.program.consumers)[former].tolist()
        return [MissingOrder(t, best[1], best[2]) for t in users if t < best[1]]


def refill_queues(program: Program) -> list[int]:
    """DMA queues that can carry refills: those with tasks, whose tasks end in order.

    The one that carries all management (`management.queue`) is the only one, unless it is empty.
    """
    index = program.machine.engine_index
    dedicated = dedicated_queue(program.machine)
    if dedicated >= 0 and len(program.lists[dedicated]):
        return [dedicated]
    dmas = [index[e.name] for e in program.machine.engines_of("dma") if e.ends_in_order]
    return [q for q in dmas if len(program.lists[q])]


def past_codes(program: Program, order: Order) -> I32:
    """Codes per task, shape (tasks, 2): past as a consumer of a barrier, and past as a producer of one without any."""
    started = order.at - (0 if program.machine.barriers.consume_at == "end" else 1)
    return np.stack([started, order.at], axis=1).astype(np.int32)


def _over_tables(program: Program) -> list[tuple[Csr, NDArray[np.bool_]]]:
    """Who has to be past when a barrier is over: its consumers, or its producers if it has none."""
    lonely = np.diff(program.consumers.start) == 0
    return [(program.consumers, ~lonely), (program.producers, lonely)]


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
