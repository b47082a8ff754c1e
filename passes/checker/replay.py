"""Timings that should show a finding: let happen what the bad event needs, delay what nothing orders before it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.passes.checker.findings import Finding
from wlm_dialect.passes.checker.ranges import Ranges
from wlm_dialect.program import Program

_DELAYED = (Event.START, Event.END, Event.HANDLER)


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
        yield late.short(late.not_before_then().tolist())
        yield late.short([first])
        if graph.kind_of(first)[0] == Event.HANDLER:
            causes = graph.clocks.network.handlers.causes[graph.kind_of(first)[1]].tolist()
            yield late.short([first, *causes])
            for cause in causes:
                yield late.short([cause], [first])
        # a task that starts, or ends, far too early meets older faults first: let it wait until all but `first` is done
        yield late.short([then], [first])


def held_back(finding: Finding, graph: EventGraph, times: int) -> Delays:
    """Delays that keep `finding` from showing: its bad event waits until all that is not delayed is done.

    `times` counts what is held back together: the n-th waits n times as long.
    """
    late = _Late(graph, finding.nodes[1])
    return late.delays(dict.fromkeys(late.causes(), times))


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
        nodes = np.concatenate([np.arange(g.first[k], g.first[k + 1], dtype=np.int32) for k in _DELAYED])
        return nodes[~g.precedes(nodes, np.full(len(nodes), self.then, np.int32))]

    def causes(self) -> list[int]:
        """The bad event if it can be delayed, else the nearest events before it that can."""
        found, seen, front = list[int](), {self.then}, [self.then]
        while front:
            node = front.pop()
            if self.graph.kind_of(node)[0] in _DELAYED:
                found.append(node)
                continue
            before = [n for n in self.graph.predecessors[node].tolist() if n not in seen]
            seen.update(before)
            front += before
        return found

    def short(self, late: Iterable[int], later: Iterable[int] = ()) -> Delays:
        """Every task lasts one tick but those whose start, end or handler is `late`, or `later` still."""
        out = self.delays({**dict.fromkeys(late, 1), **dict.fromkeys(later, 3)})
        out.duration.update({t: 1 for t in range(len(self.graph.program)) if t not in out.duration})
        return out

    def delays(self, times: Mapping[int, int]) -> Delays:
        """Starts, ends and handlers that are late, so many times as long as all that is not."""
        out = Delays({}, {}, {}, {})
        for node, factor in times.items():
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
