"""The event graph: every order that the machine guarantees, each barrier instance a barrier of its own.

Events of task t: its push (ENQ), head, start, end; of an ENQUEUE also the end of its transfer (TRANSFER). Of instance
v: lifted, over. Of firmware: one per work item it pushes (ITEM), one per handler (HANDLER: what it programs is pushed).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wlm_dialect.kernels.clocks import WINDOW, Clocks, EventNetwork, Handlers, clocks_of
from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.checker.ranges import Ranges, expand
from wlm_dialect.program import Kind, Program


class Event(IntEnum):
    """Kinds of events, in the order of their nodes."""

    ENQ = 0
    HEAD = 1
    START = 2
    END = 3
    LIFTED = 4
    OVER = 5
    TRANSFER = 6
    ITEM = 7
    HANDLER = 8


Edges = list[tuple[I32, I32]]


@dataclass(frozen=True, eq=False)
class EventGraph:
    """Events and guaranteed orders of a managed program.

    `optimistic` takes every pool for a serial engine and service by id for service by arrival: more order than the
    machine guarantees, in a schedule that it may well run. What fails even there is certainly wrong. Of a program that
    is not managed yet the graph holds what engines and barriers guarantee, and `given` orders (before, after) of tasks.
    """

    program: Program
    ranges: Ranges
    optimistic: bool = False
    given: tuple[I32, I32] | None = None

    @cached_property
    def first(self) -> tuple[int, ...]:
        """The first node of each kind of event, and the number of nodes."""
        n, b, r = len(self.program), len(self.program.barriers), self.ranges
        sizes = (n, n, n, n, b, b, len(r.enqueues), len(self.program.items), len(self.handler_source))
        return (0, *np.cumsum(sizes).tolist())

    def node(self, kind: Event, index: ArrayLike) -> I32:
        """Nodes of events."""
        return np.asarray(np.asarray(index, np.int32) + np.int32(self.first[kind]), np.int32)

    def kind_of(self, node: int) -> tuple[Event, int]:
        """The event of a node: kind and index of its task, barrier, ENQUEUE, item or handler."""
        kind = int(np.searchsorted(self.first, node, side="right")) - 1
        while self.first[kind] == self.first[kind + 1]:
            kind -= 1
        return Event(kind), node - self.first[kind]

    @cached_property
    def handler_source(self) -> tuple[tuple[int, int], ...]:
        """Per handler (barrier, -1) or (-1, fetch)."""
        p, done = self.program, self.program.items.done.index
        fetches = np.unique(done[p.kind[done] == Kind.FETCH]).tolist() if p.mode != "full" else []
        return (*((v, -1) for v in self.ranges.interrupting.tolist()), *((-1, f) for f in fetches))

    @cached_property
    def handler_of_barrier(self) -> I32:
        """Handler of an instance, or -1. Shape (barriers,)."""
        out = np.full(len(self.program.barriers), -1, np.int32)
        out[self.ranges.interrupting] = np.arange(len(self.ranges.interrupting))
        return out

    def order_of(self, engine: int) -> str:
        """Order that the graph gives an engine."""
        order = self.program.machine.engines[engine].order
        return "serial" if self.optimistic and order == "pool" else order

    @cached_property
    def relaxed(self) -> bool:
        """Whether the machine may keep more order than the graph: pools with more tasks than servers, service by id."""
        p = self.program
        pools = (
            e.order == "pool" and len(tasks) > e.servers for e, tasks in zip(p.machine.engines, p.lists, strict=True)
        )
        by_id = p.machine.firmware.service_order == "id" and len(self.handler_source) > 1
        return not self.optimistic and (any(pools) or by_id)

    @cached_property
    def inexact(self) -> bool:
        """Whether a clock may know less than the graph: windows that can overflow."""
        machine = self.program.machine
        return any(
            self.order_of(i) == "pool" or (e.order == "outstanding" and e.servers > WINDOW)
            for i, e in enumerate(machine.engines)
            if len(self.program.lists[i])
        )

    @cached_property
    def predecessors(self) -> Csr:
        """Event -> events that always come before it (direct ones)."""
        edges = [*self._engine_edges(), *self._barrier_edges(), *self._push_edges(), *self._firmware_edges()]
        edges.append((self.impossible, self.impossible))
        if self.given is not None:
            edges.append((self.node(Event.END, self.given[0]), self.node(Event.START, self.given[1])))
        before = np.concatenate([e[0] for e in edges]) if edges else np.zeros(0, np.int32)
        after = np.concatenate([e[1] for e in edges]) if edges else np.zeros(0, np.int32)
        by_target = np.argsort(after, kind="stable")
        start = np.zeros(self.first[-1] + 1, np.int32)
        np.cumsum(np.bincount(after, minlength=self.first[-1]), out=start[1:])
        return Csr(start, before[by_target].astype(np.int32))

    @cached_property
    def impossible(self) -> I32:
        """Events that nothing ever causes: each waits for itself in the graph, and so never happens there either."""
        p, r = self.program, self.ranges
        if p.phase != "managed":
            return np.zeros(0, np.int32)
        unpushed = np.nonzero((r.item_of < 0) & (r.enqueue_of < 0))[0]
        lonely = np.diff(p.producers.start)[p.waits.index] == 0
        unraised = self.handler_of_barrier[p.items.at.index] < 0
        silent = p.kind[p.items.done.index] != Kind.FETCH  # no other task interrupts when it ends
        items = np.unique(np.concatenate([p.items.at.rows()[unraised], p.items.done.rows()[silent]]))
        if p.mode == "full":
            items = np.nonzero(~r.boot_item)[0].astype(np.int32)
        starts = np.unique(p.waits.rows()[lonely])
        return np.concatenate(
            [self.node(Event.ENQ, unpushed), self.node(Event.START, starts), self.node(Event.ITEM, items)]
        )

    def never(self, nodes: I32) -> NDArray[np.bool_]:
        """Elementwise: whether an event happens in no run, because it waits for itself or for one that does."""
        return np.asarray(self._happens_never[nodes], np.bool_)

    @cached_property
    def _happens_never(self) -> NDArray[np.bool_]:
        out = np.zeros(len(self.clocks.network), bool)
        if self.clocks.cyclic:
            out[self.clocks.stuck] = True
        return out

    def _engine_edges(self) -> Edges:
        p, everything = self.program, np.arange(len(self.program), dtype=np.int32)
        head, start, end = (self.node(k, everything) for k in (Event.HEAD, Event.START, Event.END))
        edges = [(self.node(Event.ENQ, everything), head), (head, start), (start, end)]
        for e, tasks in enumerate(p.lists):
            before, after = tasks[:-1], tasks[1:]
            match self.order_of(e):
                case "serial":
                    edges.append((end[before], head[after]))
                case "prefetching":
                    edges += [(start[before], head[after]), (end[before], start[after])]
                case "outstanding":
                    k = p.machine.engines[e].servers
                    edges += [(start[before], head[after]), (end[tasks[:-k]], start[tasks[k:]])]
                case _:
                    edges.append((head[before], head[after]))
        if p.machine.management.linked_enqueue:
            linked = np.nonzero(~self.ranges.first_of_entry & (self.ranges.enqueue_of >= 0))[0]
            edges.append((end[p.predecessor[linked]], head[linked]))
        return edges

    def _barrier_edges(self) -> Edges:
        """end(producer) -> start(consumer), through the event `lifted` where that takes fewer edges."""
        p = self.program
        producers, consumers = np.diff(p.producers.start), np.diff(p.consumers.start)
        hub = (producers > 1) & (consumers > 1)
        if p.barriers.tail >= 0:
            hub[p.barriers.tail] = True
        ended, v = p.updates.rows(), p.updates.index
        started, w = p.waits.rows(), p.waits.index
        edges = [
            (self.node(Event.END, ended[hub[v]]), self.node(Event.LIFTED, v[hub[v]])),
            (self.node(Event.LIFTED, w[hub[w]]), self.node(Event.START, started[hub[w]])),
        ]
        one = ~hub[w] & (producers[w] == 1)
        edges.append(
            (self.node(Event.END, p.producers.index[p.producers.start[w[one]]]), self.node(Event.START, started[one]))
        )
        one = ~hub[v] & (producers[v] > 1) & (consumers[v] == 1)
        edges.append(
            (self.node(Event.END, ended[one]), self.node(Event.START, p.consumers.index[p.consumers.start[v[one]]]))
        )
        return edges

    def _push_edges(self) -> Edges:
        """What ENQUEUE tasks push. With `block`, a push follows the head of the entry that makes room for it."""
        r = self.ranges
        tasks = np.nonzero(r.enqueue_of >= 0)[0].astype(np.int32)
        owner = r.enqueue_of[tasks]
        if self.program.machine.full_fifo != "block":
            return [(self.node(Event.END, owner), self.node(Event.ENQ, tasks))]
        number = np.searchsorted(r.enqueues, owner)
        before = self.program.predecessor[tasks]
        follows = (before >= 0) & (r.enqueue_of[before] == owner)
        opens = tasks[r.first_of_entry[tasks]]
        room = r.depth_before(opens)
        every = np.arange(len(r.enqueues), dtype=np.int32)
        last = np.full(len(r.enqueues), -1, np.int32)
        last[number] = tasks
        pushed = np.nonzero(last >= 0)[0]
        return [
            (self.node(Event.START, r.enqueues), self.node(Event.TRANSFER, every)),
            (self.node(Event.TRANSFER, number[~follows]), self.node(Event.ENQ, tasks[~follows])),
            (self.node(Event.ENQ, before[follows]), self.node(Event.ENQ, tasks[follows])),
            (self.node(Event.HEAD, room[room >= 0]), self.node(Event.ENQ, opens[room >= 0])),
            (self.node(Event.ENQ, last[pushed]), self.node(Event.END, r.enqueues[pushed])),
            (self.node(Event.END, r.landing[0]), self.node(Event.HEAD, r.landing[1])),
        ]

    def _firmware_edges(self) -> Edges:
        """Raise -> handler -> work items, these in order per engine, -> pushes."""
        p, r = self.program, self.ranges
        late = ~r.boot_item
        owned = np.nonzero((r.item_of >= 0) & late[r.item_of])[0] if len(p.items) else np.zeros(0, np.int64)
        edges = [(self.node(Event.ITEM, r.item_of[owned]), self.node(Event.ENQ, owned))] if len(owned) else []
        for e in range(len(p.machine.engines)):
            mine = np.nonzero(late & (p.items.engine == e))[0]
            edges.append((self.node(Event.ITEM, mine[:-1]), self.node(Event.ITEM, mine[1:])))
        for h, (barrier, fetch) in enumerate(self.handler_source):
            if fetch >= 0:
                edges.append((self.node(Event.END, [fetch]), self.node(Event.HANDLER, [h])))
            else:
                edges.append((self.node(Event.OVER, [barrier]), self.node(Event.HANDLER, [h])))
        if len(r.interrupting):
            rows, nodes = self.rows_of(self.over_causes, r.interrupting)
            edges.append((nodes, self.node(Event.OVER, r.interrupting[rows])))
        return [*edges, *self._item_edges()]

    def _item_edges(self) -> Edges:
        p = self.program
        at, done = p.items.at, p.items.done
        handler = self.handler_of_barrier[at.index]
        known = handler >= 0
        edges = [(self.node(Event.HANDLER, handler[known]), self.node(Event.ITEM, at.rows()[known]))]
        of_fetch = {f: h for h, (_, f) in enumerate(self.handler_source) if f >= 0}
        if of_fetch:
            handler = np.array([of_fetch.get(f, -1) for f in done.index.tolist()], np.int32)
            known = handler >= 0
            edges.append((self.node(Event.HANDLER, handler[known]), self.node(Event.ITEM, done.rows()[known])))
        return edges

    @staticmethod
    def rows_of(table: Csr, rows: I32) -> tuple[I32, I32]:
        """(index into `rows`, entry) for the entries of some rows of a table."""
        at, value = expand(table.start[rows], table.start[rows + 1])
        return at, table.index[value]

    @cached_property
    def places(self) -> tuple[I32, I32, I32, I32, int, int]:
        """Per event column and code, window and position; number of columns and of windows."""
        p = self.program
        column, code, window, position = (np.full(self.first[-1], -1, np.int32) for _ in range(4))
        columns = windows = 0
        for e, tasks in enumerate(p.lists):
            if not len(tasks):
                continue
            start, end = self.node(Event.START, tasks), self.node(Event.END, tasks)
            at = np.arange(len(tasks), dtype=np.int32)
            enqueues = np.nonzero(p.engine[self.ranges.enqueues] == e)[0]
            through = self.node(Event.TRANSFER, enqueues)
            order = self.order_of(e)
            if order != "pool":
                column[start], code[start] = columns, 4 * at
                if order != "outstanding":
                    column[end], code[end] = columns, 4 * at + 2
                    column[through], code[through] = columns, 4 * p.position[self.ranges.enqueues[enqueues]] + 1
                columns += 1
            else:
                window[start], position[start] = windows, at
                windows += 1
            if order in ("pool", "outstanding"):
                window[end], position[end] = windows, at
                window[through], position[through] = windows + 1, np.arange(len(through))
                windows += 2 if len(through) else 1
        return column, code, window, position, columns, windows

    @cached_property
    def over_causes(self) -> Csr:
        """Instance -> events whose latest is its being over; of several on one line only the last."""
        p = self.program
        lonely = np.diff(p.consumers.start) == 0
        kind = Event.START if p.machine.barriers.consume_at == "start" else Event.END
        used, made = ~lonely[p.waits.index], lonely[p.updates.index]
        row = np.concatenate([p.waits.index[used], p.updates.index[made]])
        node = np.concatenate([self.node(kind, p.waits.rows()[used]), self.node(Event.END, p.updates.rows()[made])])
        return self._latest(row, node, len(p.barriers))

    def _latest(self, row: I32, node: I32, rows: int) -> Csr:
        column, code = self.places[0][node], self.places[1][node]
        order = np.lexsort((node, code, column, row))
        row, node, column = row[order], node[order], column[order]
        last = np.ones(len(row), bool)
        if len(row):
            last[:-1] = (row[1:] != row[:-1]) | (column[1:] != column[:-1]) | (column[:-1] < 0)
        start = np.zeros(rows + 1, np.int32)
        np.cumsum(np.bincount(row[last], minlength=rows), out=start[1:])
        return Csr(start, node[last].astype(np.int32))

    @cached_property
    def push_node(self) -> I32:
        """The event that pushes an instance: end of its PROGRAM, or handler; -1 = bootstrap, -2 = nothing."""
        r, barriers = self.ranges, self.program.barriers
        out = np.full(len(barriers), -2, np.int32)
        by_dma = r.program_of >= 0
        out[by_dma] = self.node(Event.END, r.program_of[by_dma])
        armed = r.armed_by_firmware & ~by_dma
        out[armed] = self.node(Event.HANDLER, self.handler_of_barrier[self.program.programmer[armed]])
        out[r.loaded] = -1
        return out

    @cached_property
    def arm_causes(self) -> Csr:
        """Instance -> events whose latest is its being armed. Empty where nothing is needed or nothing pushes it."""
        barriers, push = self.program.barriers, self.push_node
        before = barriers.previous
        follows = self.ranges.armed_by_firmware & (self.ranges.program_of < 0) & (self.program.programmer == before)
        waits = np.nonzero((before >= 0) & ~follows & (push >= -1))[0].astype(np.int32)
        rows, nodes = self.rows_of(self.over_causes, before[waits])
        pushed = np.nonzero(push >= 0)[0].astype(np.int32)
        row = np.concatenate([waits[rows], pushed])
        node = np.concatenate([nodes, push[pushed]])
        order = np.argsort(row, kind="stable")
        start = np.zeros(len(barriers) + 1, np.int32)
        np.cumsum(np.bincount(row, minlength=len(barriers)), out=start[1:])
        return Csr(start, node[order].astype(np.int32))

    @cached_property
    def clocks(self) -> Clocks:
        """The clocks of all events."""
        column, code, window, position, columns, windows = self.places
        network = EventNetwork(self.predecessors, column, code, window, position, columns, windows, self._handlers())
        return clocks_of(network)

    def _handlers(self) -> Handlers:
        # barriers by their number, of one barrier in order; interrupts of fetches come before them
        barriers, n = self.program.barriers, len(self.program)
        rank = np.argsort(np.lexsort((barriers.instance, barriers.pid))).tolist()
        ids = [rank[v] if v >= 0 else f - n for v, f in self.handler_source]
        over = self.over_causes
        causes: list[Iterable[int]] = [
            over[v].tolist() if v >= 0 else self.node(Event.END, [f]).tolist() for v, f in self.handler_source
        ]
        by_id = self.program.machine.firmware.service_order == "id" and not self.optimistic
        nodes = self.node(Event.HANDLER, np.arange(len(ids), dtype=np.int32))
        return Handlers(nodes, np.asarray(ids, np.int32), Csr.of(causes), by_id)

    def precedes(self, first: I32, then: I32) -> NDArray[np.bool_]:
        """Elementwise: an event with a place (start, end, handler) comes before another in every run."""
        return self.clocks.precedes(first, then)
