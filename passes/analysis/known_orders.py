"""What full mode must know before a physical barrier is reused, and how to add it where it is missing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.barrier_choice import Knowledge
from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.analysis.fewest_joins import fewest_joins
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.analysis.order import Order, enqueuers
from wlm_dialect.passes.analysis.refills import first_places, last_places, refill_queues
from wlm_dialect.passes.analysis.reuse import over_codes, past_codes
from wlm_dialect.passes.analysis.spacing import spaced, tasks_on
from wlm_dialect.passes.editing import Insertion, insert_tasks, sync_insertion
from wlm_dialect.program import Barriers, Program

__all__ = ["KnownOrders", "MissingOrder", "past_codes", "with_orders"]


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
        self.spaced = spaced(program, order)  # what is known early enough for a barrier to re-arm
        self.lanes = [tasks_on(order, lane) for lane in range(order.ends.shape[1])] if self.spaced is not order else []
        heads, ends, over = self.spaced.heads, self.spaced.ends, over_codes(program, order)
        # DMA lists stay whole: an enqueue that splits one could wait behind the other queue, and that one behind it
        self.stalled = enqueuers(program)  # what wlm-stall-enqueues pushes is pushed there
        compute = np.asarray([e.kind != "dma" for e in program.machine.engines])[program.engine]
        late = (self.latest >= 0) & (self.stalled < 0) & compute
        pushed = np.where(late[:, None], np.maximum(heads, ends[self.latest]), heads)
        self.pushed = pushed
        self.rows = Knowledge(
            over,
            self._least(ends, heads),
            self._least(ends, pushed),
            first_places(program, order, self.queues, over),
            last_places(program, self.spaced, self.queues, heads),
            last_places(program, self.spaced, self.queues, pushed),
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

    def _least(self, ends: I32, heads: I32) -> I32:
        """Per barrier what all of its producers know at their end and all of its consumers at head."""
        out = np.full((len(self.program.barriers), ends.shape[1]), np.iinfo(np.int32).max, np.int32)
        for table, rows in ((self.program.producers, ends), (self.program.consumers, heads)):
            used = np.nonzero(np.diff(table.start) > 0)[0]
            if len(used):
                least = np.minimum.reduceat(rows[table.index], table.start[used], axis=0)
                out[used] = np.minimum(out[used], least)
        return out

    def missing(self, barrier: int, before: int) -> list[MissingOrder]:
        """Orders that would make it legal to put `barrier` behind instance `before`."""
        program, order = self.program, self.order
        out: list[MissingOrder] = []
        lonely = not len(program.consumers[before])
        for c in (program.producers if lonely else program.consumers)[before].tolist():
            lane, code = order.lane[c], self.past[c, int(lonely)]
            late = [t for t in program.producers[barrier].tolist() if self.spaced.ends[t, lane] < code]
            out += [self._early(MissingOrder(c, t), self.spaced.ends[t]) for t in late]
            for t in program.consumers[barrier].tolist():
                if self.pushed[t, lane] < code:
                    own = int(program.engine[t])
                    queue = own if program.machine.engines[own].kind == "dma" else self.manager[own]
                    then = int(self.stalled[t]) if c < self.stalled[t] else t
                    wanted = MissingOrder(c, then, queue if queue >= 0 else own)
                    out.append(self._early(wanted, self.spaced.heads[t]))
        return out

    def _early(self, order: MissingOrder, row: I32) -> MissingOrder:
        """The order, moved before a task that comes early enough for a barrier to re-arm (bounded): one of `row`."""
        if self.spaced is self.order:
            return order
        program, ordered = self.program, self.order
        last = ((row + 1) // 2 - 1).tolist()
        tasks = [int(on[i]) for on, i in zip(self.lanes, last, strict=True) if i >= 0]
        tasks = [t for t in tasks if t > order.first and not ordered.before_start(order.first, t)]
        if not tasks:
            return order
        then = max(tasks, key=lambda t: (program.machine.engines[int(program.engine[t])].kind == "dma", t))
        queue = int(program.engine[then])
        return MissingOrder(order.first, then, queue if program.machine.engines[queue].kind == "dma" else -1)

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


def with_orders(program: Program, missing: Iterable[MissingOrder], *, together: bool = False) -> Program:
    """The program with these orders: as producers of the barrier a task waits on, or of a SYNC put before it.

    With `together` a SYNC stands for as many orders of its queue as it can. Barriers that lose their last user
    disappear; the rest is numbered anew.
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
    for (then, queue), firsts in sorted((fewest_joins(program, joins) if together else joins).items()):
        for t in sorted(firsts):
            updates[t].append(count)
        tasks.append(sync_insertion(program.machine, then, queue, (count,)))
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
