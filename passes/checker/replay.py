"""Timings that should show a finding: let happen what the bad event needs, delay what nothing orders before it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.passes.checker.findings import Finding
from wlm_dialect.passes.checker.ranges import Ranges
from wlm_dialect.program import Program


@dataclass(frozen=True)
class Delays:
    """Ticks by index, as a timing file has them: tasks (dispatch, duration), instances and fetches (interrupts)."""

    dispatch: dict[int, int]
    duration: dict[int, int]
    interrupt: dict[int, int]
    fetch_interrupt: dict[int, int]


def counterexamples(program: Program, finding: Finding, graph: EventGraph | None = None) -> Iterator[Delays]:
    """Timings, the likeliest first, under which a run should break the rule of `finding`; none without two events.

    Precondition: the finding comes from `check(program)`. With one wait per task, engines that end in order and service
    by arrival one of them does; otherwise they are attempts. `graph` is the one the checker used, if it is at hand.
    """
    first, then = finding.nodes
    if first >= 0:
        graph = graph or EventGraph(program, Ranges(program))
        late = _Late(graph, then)
        yield late.delays(late.not_before_then())
        yield late.delays([first])
        if graph.kind_of(first)[0] == Event.HANDLER:
            causes = graph.clocks.network.handlers.causes[graph.kind_of(first)[1]].tolist()
            yield late.delays([first, *causes])
            for cause in causes:
                yield late.delays([cause], [first])
        # a task that starts, or ends, far too early meets older faults first: let it wait until all but `first` is done
        yield late.delays([then], [first])


class _Late:
    def __init__(self, graph: EventGraph, then: int) -> None:
        self.graph, self.then = graph, then
        p, cost = graph.program, graph.program.machine.firmware
        steps = len(graph.handler_source) * (cost.interrupt + cost.top_up * cost.program)
        steps += len(p.items) * cost.push + len(p.items.done.index) * cost.build_fetch
        self.long = 2 * (2 * len(p) + steps + 1)  # longer than all that is not delayed, one after the other

    def not_before_then(self) -> I32:
        """Starts, ends and handlers that are not ordered before the bad event."""
        g = self.graph
        kinds = (Event.START, Event.END, Event.HANDLER)
        nodes = np.concatenate([np.arange(g.first[k], g.first[k + 1], dtype=np.int32) for k in kinds])
        return nodes[~g.precedes(nodes, np.full(len(nodes), self.then, np.int32))]

    def delays(self, late: Iterable[int], later: Iterable[int] = ()) -> Delays:
        """Every task lasts one tick but those whose start, end or handler is `late`, or `later` still."""
        n = len(self.graph.program)
        out = Delays({}, dict.fromkeys(range(n), 1), {}, {})
        for factor, nodes in ((1, late), (3, later)):
            for node in nodes:
                kind, index = self.graph.kind_of(int(node))
                if kind == Event.START:
                    out.dispatch[index] = factor * self.long
                elif kind == Event.END:
                    out.duration[index] = factor * self.long
                elif kind == Event.HANDLER:
                    barrier, fetch = self.graph.handler_source[index]
                    table = out.interrupt if barrier >= 0 else out.fetch_interrupt
                    table[max(barrier, fetch)] = factor * self.long
        return out
