"""Exact answers where one look at a clock is not enough: several waits, windows that overflow, bounded re-arming."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.clocks import DownSet
from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.program import Kind

SEARCH_LIMIT = 2_000_000  # events that searches may visit in one check; beyond it an answer is "unknown"


@dataclass(frozen=True)
class StaleWait:
    """A state of the machine in which a task starts although one of its barriers is not the instance it waits for."""

    barrier: int  # the instance that was meant
    found: int  # the instance that reads zero instead; -1 = the barrier is idle and was never armed


def stale_wait(graph: EventGraph, task: int, *, atomic: bool) -> StaleWait | None:
    """Whether `task`, which has several waits, can start too early; decided exactly under atomic re-arming.

    Least fixed point: begin with what certainly happened before the task starts, its barriers aside; while some barrier
    does not read zero, whoever lifts its current instance must have ended. If all read zero only with the right
    instances, every start is right. Where re-arming is not `atomic` a barrier whose former instance is over may still
    read zero, so only what comes before the start itself counts. Precondition: the task comes to head.
    """
    p = graph.program
    known = _Known(graph)
    known.add(int(graph.node(Event.HEAD, task)), itself=False)
    former = _ended_first(graph, task)
    if former >= 0:
        end = graph.node(Event.END, [former])
        if graph.never(end).any():
            return None
        known.add(int(end[0]))
    waits = p.waits[task].tolist()
    while True:
        current = [known.current(v) for v in waits]
        blocked = [u for u in current if u >= 0 and not known.happened.holds(graph.node(Event.END, p.producers[u]))]
        stale = next((StaleWait(v, u) for v, u in zip(waits, current, strict=True) if u != v), None)
        started = known.happened.holds(graph.node(Event.START, np.array([task])))
        if stale is None or not blocked or not atomic or started:
            return stale
        ends = np.concatenate([graph.node(Event.END, p.producers[u]) for u in blocked])
        if graph.never(ends).any():
            return None  # a deadlock keeps that barrier from reading zero
        for node in ends.tolist():
            known.add(node)


def _ended_first(graph: EventGraph, task: int) -> int:
    """The task of the same engine that has to end before `task` starts, though not before it is at head; -1 = none."""
    p, engine = graph.program, int(graph.program.engine[task])
    behind = {"prefetching": 1, "outstanding": p.machine.engines[engine].servers}.get(graph.order_of(engine), 0)
    at = int(p.position[task]) - behind
    return int(p.lists[engine][at]) if behind and at >= 0 else -1


class _Known:
    """What certainly happened once some events have: all that comes before them."""

    def __init__(self, graph: EventGraph) -> None:
        self.graph = graph
        self.happened = DownSet(graph.clocks)
        self.events: list[int] = []

    def add(self, event: int, *, itself: bool = True) -> None:
        """One more event has happened, or is about to if `itself` is False."""
        self.happened.add(event, itself=itself)
        self.events.append(event)

    def current(self, barrier: int) -> int:
        """The last instance up to `barrier` that is armed; -1 = none."""
        previous = self.graph.program.barriers.previous
        while barrier >= 0 and not self._armed(barrier):
            barrier = int(previous[barrier])
        return barrier

    def _armed(self, barrier: int) -> bool:
        causes = self.graph.arm_causes[barrier]
        if self.graph.push_node[barrier] < -1 or self.happened.holds(causes):
            return bool(self.graph.push_node[barrier] >= -1)
        return all(self.happened.holds(causes[i : i + 1]) or self._ended(int(x)) for i, x in enumerate(causes))

    def _ended(self, node: int) -> bool:
        """Whether a node is the end of an ENQUEUE that waits for room, and comes before what has happened."""
        task = self.graph.kind_of(node)[1]
        return blocks(self.graph, node) and any(ended(self.graph, task, x) for x in self.events)


_TICKING = (Event.END, Event.TRANSFER, Event.ITEM, Event.HANDLER)


def blocks(graph: EventGraph, node: int) -> bool:
    """Whether a node is the end of an ENQUEUE that waits for room, and so may be as early as its transfer."""
    kind, task = graph.kind_of(node)
    p = graph.program
    return kind == Event.END and p.kind[task] == Kind.ENQUEUE and p.machine.full_fifo == "block"


class Search:
    """Backward searches over the event graph, with a budget for all of them together."""

    def __init__(self, graph: EventGraph, limit: int = SEARCH_LIMIT) -> None:
        self.graph = graph
        self.left = limit
        clocks = graph.clocks
        self.before = graph.predecessors
        self.derived = {
            int(node): [int(x) for x in row if x >= 0]
            for node, row in zip(clocks.network.handlers.node.tolist(), clocks.derived, strict=True)
        }

    def _predecessors(self, node: int) -> list[int]:
        return [*self.before[node].tolist(), *self.derived.get(node, [])]

    def precedes(self, first: int, then: int) -> bool | None:
        """Whether there is a path; None if the budget is spent."""
        seen, stack = {then}, [then]
        while stack:
            if self.left <= 0:
                return None
            self.left -= 1
            node = stack.pop()
            if node == first:
                return True
            new = [x for x in self._predecessors(node) if x not in seen]
            seen.update(new)
            stack += new
        return False

    def apart(self, first: int, then: int, ticks: int) -> bool:
        """Whether some path from `first` to `then` takes `ticks` at least: one per task, transfer and firmware step.

        The end of an ENQUEUE that may wait for room takes no time of its own: its transfer has.
        """
        clocks = self.graph.clocks
        best, stack = {then: 0}, [then]
        while stack and self.left > 0:
            self.left -= 1
            node = stack.pop()
            passed = best[node] + (self.graph.kind_of(node)[0] in _TICKING and not blocks(self.graph, node))
            for x in self._predecessors(node):
                if best.get(x, -1) < passed and clocks.before(first, x):
                    if passed >= ticks:
                        return True
                    best[x] = passed
                    stack.append(x)
        return False


def servers_suffice(graph: EventGraph, then: int) -> bool:
    """Whether no pool can hold up what comes before `then`: some server is free whenever a task comes to head.

    Then the graph has all the order there is, and an obligation on `then` that fails is a hazard. Looks at the tasks up
    to the one whose head `then` is, and at all tasks of other pools.
    """
    kind, own = graph.kind_of(then)
    p = graph.program
    for e, tasks in enumerate(p.lists):
        if graph.order_of(e) != "pool":
            continue
        seen = tasks[: int(p.position[own]) + 1] if kind == Event.HEAD and p.engine[own] == e else tasks
        heads = graph.node(Event.HEAD, seen)
        if graph.never(heads).any():
            return False
        row = graph.clocks.row[heads]
        window = int(graph.places[2][graph.node(Event.END, tasks[0])]) if len(tasks) else 0
        bits = np.array([m.bit_count() for m in graph.clocks.mask[row, window].tolist()], np.int32)
        ended = graph.clocks.base[row, window] + 1 + bits
        if np.any(np.arange(len(seen)) - ended >= p.machine.engines[e].servers):
            return False
    return True


def ended(graph: EventGraph, task: int, then: int) -> bool:
    """Whether an ENQUEUE that may block has ended before an event, although no path leads from its end.

    Heads, pushes and starts may come in the tick of their causes, before that end: an event that takes time is needed
    in between, and is looked for among those that come last before `then`.
    """
    seen, stack = {then}, [then]
    while stack:
        node = stack.pop()
        if graph.kind_of(node)[0] in _TICKING and not blocks(graph, node):
            if Ends(graph, node).ended(task):
                return True
            continue
        new = [x for x in graph.predecessors[node].tolist() if x not in seen]
        seen.update(new)
        stack += new
    return False


class Ends:
    """Whether an ENQUEUE that may block has ended before an event that takes time, although no path leads from its end.

    Its end is a join: the transfer is through, and each push found room, that is, certain tasks were at head. A head is
    a join too. Answers True only if all causes come before.
    """

    def __init__(self, graph: EventGraph, then: int) -> None:
        self.graph, self.then = graph, then
        self.known: dict[tuple[Event, int], bool] = {}

    def _before(self, kind: Event, index: int) -> bool:
        """Before, and not the event itself: what it makes happen, a head say, may come later in its tick."""
        node = int(self.graph.node(kind, index))
        return node != self.then and self.graph.clocks.before(node, self.then)

    def ended(self, task: int) -> bool:
        """end(task) comes before the event."""
        key = (Event.END, task)
        if key not in self.known:
            self.known[key] = False  # whoever asks again meanwhile asks in a circle
            pushed = np.nonzero(self.graph.ranges.enqueue_of == task)[0]
            waits = blocks(self.graph, int(self.graph.node(Event.END, task)))
            self.known[key] = self._before(Event.END, task) or (waits and self._pushed(task, pushed))
        return self.known[key]

    def _pushed(self, enqueue: int, tasks: NDArray[np.intp]) -> bool:
        r = self.graph.ranges
        number = int(np.searchsorted(r.enqueues, enqueue))
        room = r.depth_before(tasks[r.first_of_entry[tasks]].astype(np.int32))
        return self._before(Event.TRANSFER, number) and all(self._at_head(t) for t in room[room >= 0].tolist())

    def _at_head(self, task: int) -> bool:
        key = (Event.HEAD, task)
        if key not in self.known:
            self.known[key] = False
            self.known[key] = self._free(task) and self._enqueued(task)
        return self.known[key]

    def _free(self, task: int) -> bool:
        """The engine can take `task`."""
        p, before = self.graph.program, int(self.graph.program.predecessor[task])
        order = self.graph.order_of(int(p.engine[task]))
        if before < 0:
            return True
        if order == "serial" or not self.graph.ranges.first_of_entry[task]:
            return self.ended(before)
        if order != "pool":
            return self._before(Event.START, before)
        engine = int(p.engine[task])
        behind = int(p.position[task]) - p.machine.engines[engine].servers + 1
        return all(self.ended(t) for t in p.lists[engine][: max(behind, 0)].tolist())

    def _enqueued(self, task: int) -> bool:
        r, p = self.graph.ranges, self.graph.program
        item, enqueue = int(r.item_of[task]), int(r.enqueue_of[task])
        if item >= 0:
            return bool(r.boot_item[item])
        if enqueue < 0 or self.ended(enqueue):
            return enqueue >= 0
        pushed = np.nonzero((r.enqueue_of == enqueue) & (p.position <= p.position[task]))[0]
        return self._pushed(enqueue, pushed)
