"""What to add so that two events that nothing orders are ordered: an edit in words, legal as far as clocks can tell."""

from collections.abc import Iterator

import numpy as np

from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.passes.checker.findings import Names

_REACH = 64  # tasks of an engine that are looked at for a barrier to wait on


class Repairs:
    """Suggests an edit per finding about an order."""

    def __init__(self, graph: EventGraph) -> None:
        self.graph, self.names = graph, Names(graph)

    def suggest(self, rule: str, first: int, then: int, task: int, barrier: int = -1) -> str:
        """Words for an edit that orders `first` before `then`, or makes it unnecessary; empty where none is at hand."""
        if rule == "H10":
            tail = self.names.barrier(self.graph.program.barriers.tail)
            return f"{self.names.task(task)} updating {tail} would order them"
        if rule == "H9" or self.graph.never(np.array([first, then])).any():
            return ""
        words = next((text for text in self._texts(first, then) if text), "") or self._list_first(first, then)
        return words or (self._move(barrier) if rule in ("H1", "H2") else "")

    def _texts(self, first: int, then: int) -> Iterator[str]:
        kind, index = self.graph.kind_of(first)
        if kind == Event.HANDLER:  # to be after it is to hang on its barrier: that one lifts before
            barrier = self.graph.handler_source[index][0]
            yield self._hang(then, barrier) if barrier >= 0 else ""
            return
        waits_first = self.graph.kind_of(then)[0] in (Event.START, Event.END)
        for v in self._after(first):
            yield (waits_first and self._wait(then, v)) or self._hang(then, v) or self._wait(then, v)

    def _list_first(self, first: int, then: int) -> str:
        """Where who pushes a task stands on the same queue as what has to come before: the other order there."""
        g, p = self.graph, self.graph.program
        (kind, task), (event, index) = g.kind_of(first), g.kind_of(then)
        if kind not in (Event.START, Event.END) or event != Event.HEAD or g.ranges.enqueue_of[index] < 0:
            return ""
        pusher = int(g.ranges.enqueue_of[index])
        if p.engine[pusher] != p.engine[task] or p.position[pusher] > p.position[task]:
            return ""
        return f"listing {self.names.task(pusher)} behind '{p.names[task]}' would order them"

    def _move(self, barrier: int) -> str:
        """A barrier of its own for an instance that comes too late."""
        p = self.graph.program
        used = set(p.barriers.pid.tolist())
        free = next((pid for pid in range(p.machine.barriers.count) if pid not in used), -1)
        if free < 0:
            return ""
        name, pid = self.names.barrier(barrier), int(p.barriers.pid[barrier])
        return f"barrier {free}, which nobody uses, instead of barrier {pid} for {name} would do"

    def _after(self, first: int) -> Iterator[int]:
        """Instances that lift only after `first`, early ones first."""
        g, p = self.graph, self.graph.program
        kind, index = g.kind_of(first)
        if kind not in (Event.START, Event.END):
            return
        at = int(p.position[index])
        for t in p.lists[int(p.engine[index])][at : at + _REACH].tolist():
            if t == index or g.clocks.before(first, int(g.node(Event.END, t))):
                yield from (v for v in p.updates[t].tolist() if v != p.barriers.tail)

    def _hang(self, then: int, barrier: int) -> str:
        """The work item that pushes whom `then` is about, hanging on `barrier` too; empty where that is no help."""
        g, p, r = self.graph, self.graph.program, self.graph.ranges
        kind, index = g.kind_of(then)
        if kind not in (Event.ITEM, Event.HEAD, Event.START, Event.END):
            return ""
        item = index if kind == Event.ITEM else int(r.item_of[index])
        handler = int(g.handler_of_barrier[barrier])
        if item < 0 or r.boot_item[item] or handler < 0 or barrier in p.items.at[item].tolist():
            return ""
        pushed = p.lists[int(p.items.engine[item])][int(p.items.low[item])]
        if g.clocks.before(int(g.node(Event.START, pushed)), int(g.node(Event.HANDLER, handler))):
            return ""
        return f"{self.names.item(item)} hanging on {self.names.barrier(barrier)} too would order them"

    def _wait(self, then: int, barrier: int) -> str:
        """Who has to wait for `barrier` so that `then` comes after it; empty if that wait is stale or a deadlock."""
        g, p, r, names = self.graph, self.graph.program, self.graph.ranges, self.names
        kind, index = g.kind_of(then)
        who = int(r.enqueues[index]) if kind == Event.TRANSFER else index
        if kind == Event.HEAD:
            who = int(r.enqueue_of[index]) if r.enqueue_of[index] >= 0 else int(p.predecessor[index])
        if who < 0 or kind not in (Event.HEAD, Event.START, Event.END, Event.TRANSFER):
            return ""
        causes, ends = g.arm_causes[barrier], g.node(Event.END, p.producers[barrier])
        stale = ~g.precedes(causes, np.full(len(causes), int(g.node(Event.HEAD, who)), np.int32))
        circle = g.precedes(np.full(len(ends), int(g.node(Event.START, who)), np.int32), ends) | g.never(ends)
        if barrier in p.waits[who].tolist() or stale.any() or circle.any():
            return ""
        limit = p.machine.engines[int(p.engine[who])].max_waits
        full = 0 < limit <= len(p.waits[who])
        instead = f" (its engine takes {limit} wait{'s' * (limit > 1)}: merge them)" if full else ""
        return f"{names.task(who)} waiting on {names.barrier(barrier)} too would order them{instead}"
