"""The event graph of a VTA program and its clocks: `a comes before b` whatever instructions and fetch take.

Events: the start S of each instruction (its pops are taken), its end E (its pushes are made), and where command queues
are finite its arrival F in one.

| guarantee | edge |
|---|---|
| an instruction | S -> E |
| a module executes in order, one at a time | E(before) -> S |
| k-th push, k-th pop of a queue | E(push) -> S(pop) |
| a dependence queue of D entries that blocks | S(k-th pop) -> E(k+D-th push) |
| fetch is in order | F(before) -> F -> S |
| a command queue of C entries | E or, where the module takes it out first, E(before) of the C-th before -> F |
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wlm_dialect.kernels.clocks import Clocks, EventNetwork, Handlers, clocks_of
from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.vta.flow import Flow
from wlm_dialect.program.vta.hardware import POPPER, SIM, Hardware

_FETCH = 3  # the column of F events


@dataclass(frozen=True, eq=False)
class EventGraph:
    """Events of instruction i: S = 2 i, E = 2 i + 1, F = 2 n + i. All arrays over events have shape (events,)."""

    flow: Flow
    hardware: Hardware = SIM

    def __len__(self) -> int:
        return (2 if self.hardware.commands is None else 3) * len(self.flow)

    @cached_property
    def edges(self) -> tuple[I32, I32]:
        """(event, the event it follows); an event that can never happen follows itself."""
        parts = [*self._chains(), *self._tokens(), *self._fetch()]
        then = np.concatenate([a for a, _ in parts]) if parts else np.zeros(0, np.int32)
        first = np.concatenate([b for _, b in parts]) if parts else np.zeros(0, np.int32)
        return then.astype(np.int32), first.astype(np.int32)

    def _chains(self) -> list[tuple[I32, I32]]:
        parts = []
        for tasks in self.flow.lists:
            parts.append((2 * tasks + 1, 2 * tasks))
            parts.append((2 * tasks[1:], 2 * tasks[:-1] + 1))
        return parts

    def _tokens(self) -> list[tuple[I32, I32]]:
        flow, parts = self.flow, []
        for queue in range(4):
            pushers, poppers, initial = flow.pushers[queue], flow.poppers[queue], flow.initial[queue]
            push = np.arange(len(poppers)) - initial  # which push each pop takes
            made = (push >= 0) & (push < len(pushers))
            parts.append((2 * poppers[made], 2 * pushers[push[made]] + 1))
            never = poppers[push >= len(pushers)]
            parts.append((2 * never, 2 * never))
            depth = self.hardware.tokens
            if depth is not None and not self.hardware.saturates:
                pop = np.arange(len(pushers)) + initial - depth  # the pop that makes room for each push
                waits = pop >= 0
                has = waits & (pop < len(poppers))
                parts.append((2 * pushers[has] + 1, 2 * poppers[pop[has]]))
                never = pushers[waits & ~has]
                parts.append((2 * never + 1, 2 * never + 1))
        return parts

    def _fetch(self) -> list[tuple[I32, I32]]:
        depth, n = self.hardware.commands, len(self.flow)
        if depth is None:
            return []
        every = np.flatnonzero(self.flow.position >= 0).astype(np.int32)
        parts = [(2 * n + every[1:], 2 * n + every[:-1]), (2 * every, 2 * n + every)]
        room = depth if self.hardware.held else depth + 1
        parts += [(2 * n + tasks[room:], 2 * tasks[: max(0, len(tasks) - room)] + 1) for tasks in self.flow.lists]
        return parts

    @cached_property
    def clocks(self) -> Clocks:
        """Clocks of all events; if the graph is cyclic only `stuck` of them means anything."""
        n, size = len(self.flow), len(self)
        then, first = self.edges
        order = np.argsort(then, kind="stable")
        start = np.zeros(size + 1, np.int32)
        np.cumsum(np.bincount(then, minlength=size), out=start[1:])
        column, code = np.full(size, -1, np.int32), np.zeros(size, np.int32)
        for m, tasks in enumerate(self.flow.lists):
            for phase in (0, 1):
                column[2 * tasks + phase], code[2 * tasks + phase] = m, 2 * np.arange(len(tasks)) + phase
        column[2 * n :], code[2 * n :] = _FETCH, np.arange(size - 2 * n)
        nowhere, position = np.full(size, -1, np.int32), np.full(size, -1, np.int32)
        network = EventNetwork(
            Csr(start, first[order]), column, code, nowhere, position, _FETCH + 1, 0, Handlers.none()
        )
        return clocks_of(network)

    @cached_property
    def starting(self) -> tuple[int, int, int]:
        """Per module how many of its instructions start in a run that goes on as long as it can: all, or it is stuck.

        Which ones start does not depend on the timing.
        """
        never = np.zeros(len(self), bool)
        if self.clocks.cyclic:
            never[self.clocks.stuck] = True
        counts = [int(np.count_nonzero(~never[2 * tasks])) for tasks in self.flow.lists]
        return counts[0], counts[1], counts[2]

    @cached_property
    def ends(self) -> bool:
        """Whether every instruction ends."""
        return not self.clocks.cyclic

    @cached_property
    def known(self) -> I32:
        """Per instruction how many of each module have ended before its start in every run. (instructions, 3)."""
        starts = 2 * np.arange(len(self.flow), dtype=np.int32)
        last = self.clocks.lines[self.clocks.row[starts]][:, :_FETCH]  # 2 p: position p has started, 2 p + 1: ended
        counts: I32 = ((last + 1) // 2).astype(np.int32)
        for m, tasks in enumerate(self.flow.lists):
            counts[tasks, m] = np.arange(len(tasks))
        return counts

    def most(self, queue: int) -> int:
        """The most tokens that can be in a queue at once: how far its pushing module can be ahead."""
        flow = self.flow
        pushers, poppers = flow.pushers[queue], flow.poppers[queue]
        popped = np.searchsorted(flow.position[poppers], self.known[pushers, POPPER[queue]])
        inside = np.arange(1, len(pushers) + 1) + flow.initial[queue] - popped
        return max(int(inside.max(initial=0)), flow.initial[queue])

    def window(self, module: int, other: int) -> tuple[I32, I32]:
        """Per instruction of `module`'s list the [low, high) positions of `other`'s list that nothing orders it with.

        Those below `low` end before it starts, those from `high` on start after it ends.
        """
        mine, others = self.flow.lists[module], self.flow.lists[other]
        low = self.known[mine, other]
        ended = self.known[others, module]  # ascending: how many of mine have ended before each of the others
        high = np.searchsorted(ended, np.arange(len(mine)), side="right").astype(np.int32)
        return low, high
