"""Orders in which instructions can execute, one whole instruction at a time: what replays a finding."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from wlm_dialect.passes.vta.flow import Flow
from wlm_dialect.program.vta import Module, Tokens

Limits = tuple[int, int, int]


class Runner:
    """Executes instructions while tokens allow, always the ready one that the stream lists first. Mutable.

    Queues are unbounded: an order that finite queues allow is one that unbounded queues allow.
    """

    def __init__(self, flow: Flow, initial: Tokens | None = None) -> None:
        self.flow = flow
        self.lists = [tasks.tolist() for tasks in flow.lists]
        self.pops, self.pushes = flow.pops.tolist(), flow.pushes.tolist()
        self.module = flow.module.tolist()
        self.tokens = list(flow.initial if initial is None else initial)
        self.done = [0, 0, 0]
        self.order: list[int] = []

    def ready(self, module: int) -> bool:
        """Whether the next instruction of a module finds the tokens it pops."""
        if self.done[module] >= len(self.lists[module]):
            return False
        pops = self.pops[self.lists[module][self.done[module]]]
        return all(self.tokens[q] >= pops[q] for q in range(4) if pops[q])

    def run(self, limits: Sequence[int]) -> None:
        """Go on until each module has executed `limits` instructions or waits for ever."""
        heads = [self.lists[m][self.done[m]] for m in Module if self.done[m] < limits[m] and self.ready(m)]
        heapify(heads)
        waiting = set(heads)
        while heads:
            self._execute(heappop(heads))
            for m in Module:
                if self.done[m] < limits[m] and self.ready(m):
                    head = self.lists[m][self.done[m]]
                    if head not in waiting:
                        waiting.add(head)
                        heappush(heads, head)

    def _execute(self, instruction: int) -> None:
        self.done[self.module[instruction]] += 1
        self.order.append(instruction)
        for q in range(4):
            self.tokens[q] += self.pushes[instruction][q] - self.pops[instruction][q]


def listed_order(flow: Flow) -> tuple[int, ...]:
    """The order of the stream, as far as tokens allow, until all has executed or all modules wait."""
    runner = Runner(flow)
    runner.run([len(tasks) for tasks in flow.lists])
    return tuple(runner.order)


def early_order(flow: Flow, before: Limits, instruction: int) -> tuple[int, ...]:
    """An order in which `instruction` executes as early as it can, right after the `before` that always precede it."""
    runner = Runner(flow)
    runner.run(before)
    module = int(flow.module[instruction])
    ahead = list(runner.done)
    ahead[module] += 1
    runner.run(ahead)
    runner.run([len(tasks) for tasks in flow.lists])
    return tuple(runner.order)
