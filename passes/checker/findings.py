"""What the checker says: findings, the verdict, and the names of events in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.program import Program

PROVED, REFUTED, UNDECIDED = "proved", "refuted", "undecided"


@dataclass(frozen=True)
class Finding:
    """One broken rule. Indices refer to the program; -1 = none.

    `first` and `then` name the two events that should be ordered, `story` tells step by step how it goes wrong.
    `undecided` names the side condition without which this would be certain; empty = certain.
    """

    rule: str  # "H1" ...
    text: str
    task: int = -1
    barrier: int = -1
    other: int = -1  # the other task
    first: str = ""
    then: str = ""
    story: tuple[str, ...] = ()
    undecided: str = ""
    nodes: tuple[int, int] = (-1, -1)  # `first` and `then` in the event graph
    cycle: tuple[int, ...] = ()  # tasks that wait for one another
    repair: str = ""  # an edit that would order the two events

    def __str__(self) -> str:
        doubt = f" (undecided: {self.undecided})" if self.undecided else ""
        return f"{self.text} [{self.rule}]{doubt}"


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check: what is proved and under which conditions, or everything that is wrong."""

    program: str
    status: str  # PROVED, REFUTED, UNDECIDED
    findings: tuple[Finding, ...]
    properties: tuple[str, ...]
    conditions: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)
    graph: EventGraph | None = field(
        default=None, repr=False, compare=False, kw_only=True
    )  # in which the findings were made

    def report(self, limit: int = 20) -> str:
        """All of it as text: at most `limit` findings, the properties, the conditions."""
        lines = [f"@{self.program}: {self.status}"]
        for finding in self.findings[:limit]:
            lines += [f"  {finding}", *(f"      {step}" for step in finding.story)]
        if len(self.findings) > limit:
            lines.append(f"  and {len(self.findings) - limit} more findings")
        if self.properties:
            lines += ["proved for every timing:", *(f"  {text}" for text in self.properties)]
        lines += ["provided that:", *(f"  {text}" for text in self.conditions)]
        numbers = ", ".join(f"{value} {name}" for name, value in self.counts.items())
        return "\n".join([*lines, f"checked: {numbers}"])


@dataclass(frozen=True, eq=False)
class Names:
    """Events, tasks and instances in words."""

    graph: EventGraph

    @property
    def program(self) -> Program:
        """The program whose things are named."""
        return self.graph.program

    def task(self, task: int) -> str:
        """`'conv1' on dpu0`."""
        return f"'{self.program.names[task]}' on {self.program.engine_name(task)}"

    def barrier(self, barrier: int) -> str:
        """`b7#2`, or `the tail b7#2`."""
        tail = "the tail " if barrier == self.program.barriers.tail else ""
        return tail + self.program.barrier_name(barrier)

    def item(self, item: int) -> str:
        """`work item dpu0[3:5]`."""
        items = self.program.items
        name = self.program.machine.engines[int(items.engine[item])].name
        return f"work item {name}[{int(items.low[item])}:{int(items.high[item])}]"

    def event(self, node: int) -> str:
        """`the start of 'conv1' on dpu0`."""
        kind, index = self.graph.kind_of(node)
        match kind:
            case Event.ENQ:
                return f"the push of {self.task(index)}"
            case Event.HEAD | Event.START | Event.END:
                return f"the {kind.name.lower()} of {self.task(index)}"
            case Event.LIFTED:
                return f"the lifting of {self.barrier(index)}"
            case Event.OVER:
                return f"the end of use of {self.barrier(index)}"
            case Event.TRANSFER:
                return f"the transfer of {self.task(int(self.graph.ranges.enqueues[index]))}"
            case Event.ITEM:
                return f"the push of {self.item(index)}"
            case Event.HANDLER:
                barrier, fetch = self.graph.handler_source[index]
                return f"the handler of {self.barrier(barrier) if barrier >= 0 else self.task(fetch)}"

    def path(self, nodes: Sequence[int]) -> str:
        """Events joined by arrows."""
        return " -> ".join(self.event(n) for n in nodes)
