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
        for v in self._after(first, then):
            words = self._wait(then, v)
            if words:
                return words
        return self._move(barrier) if rule in ("H1", "H2") else ""

    def _move(self, barrier: int) -> str:
        """A barrier of its own for an instance that comes too late."""
        p = self.graph.program
        used = set(p.barriers.pid.tolist())
        free = next((pid for pid in range(p.machine.barriers.count) if pid not in used), -1)
        if free < 0:
            return ""
        name, pid = self.names.barrier(barrier), int(p.barriers.pid[barrier])
        return f"barrier {free}, which nobody uses, instead of barrier {pid} for {name} would do"

    def _after(self, first: int, then: int) -> Iterator[int]:
        """Instances that lift only after `first` and that `then` may wait for without a deadlock, early ones first."""
        g, p = self.graph, self.graph.program
        kind, index = g.kind_of(first)
        if kind == Event.HANDLER and g.handler_source[index][0] >= 0:
            yield g.handler_source[index][0]  # what its work items hang on
        if kind not in (Event.START, Event.END):
            return
        at = int(p.position[index])
        for t in p.lists[int(p.engine[index])][at : at + _REACH].tolist():
            if t != index and not g.clocks.before(first, int(g.node(Event.END, t))):
                continue
            for v in p.updates[t].tolist():
                ends = g.node(Event.END, p.producers[v])
                circle = g.precedes(np.full(len(ends), then, np.int32), ends) | g.never(ends)
                if v != p.barriers.tail and not circle.any():
                    yield int(v)

    def _wait(self, then: int, barrier: int) -> str:
        """Who has to wait for `barrier` so that `then` comes after it; empty if that wait would be stale itself."""
        g, p, r, names = self.graph, self.graph.program, self.graph.ranges, self.names
        kind, index = g.kind_of(then)
        over = names.barrier(barrier)
        item = index if kind == Event.ITEM else int(r.item_of[index]) if kind == Event.HEAD else -1
        if item >= 0 and not r.boot_item[item]:
            if g.handler_of_barrier[barrier] < 0 or barrier in p.items.at[item].tolist():
                return ""
            return f"{names.item(item)} hanging on {over} too would order them"
        who = int(r.enqueues[index]) if kind == Event.TRANSFER else index
        if kind == Event.HEAD:
            who = int(r.enqueue_of[index]) if r.enqueue_of[index] >= 0 else int(p.predecessor[index])
        if who < 0 or kind not in (Event.HEAD, Event.START, Event.END, Event.TRANSFER):
            return ""
        causes = g.arm_causes[barrier]
        head = np.full(len(causes), int(g.node(Event.HEAD, who)), np.int32)
        if barrier in p.waits[who].tolist() or not g.precedes(causes, head).all():
            return ""
        limit = p.machine.engines[int(p.engine[who])].max_waits
        full = 0 < limit <= len(p.waits[who])
        instead = f" (its engine takes {limit} wait{'s' * (limit > 1)}: merge them)" if full else ""
        return f"{names.task(who)} waiting on {over} too would order them{instead}"
