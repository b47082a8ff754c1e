"""In which order firmware serves barriers, as far as it is known: for passes that hang work on their handlers."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.order import Order
from wlm_dialect.program import Program

_RECENT = 128


class ServiceOrder:
    """Clock rows per barrier: the tasks that make it over, and the ends that are known before it is.

    Ends before, not at the same time: two barriers that one event makes over are served by id, in no causal order.
    """

    def __init__(self, program: Program, order: Order) -> None:
        lonely = np.diff(program.consumers.start) == 0
        producers, consumers = program.producers.rows(), program.consumers.rows()
        rows = np.concatenate([consumers, producers[lonely[producers]]])
        tasks = np.concatenate([program.consumers.index, program.producers.index[lonely[producers]]])
        users = Csr.of_set(rows, tasks, len(program.barriers))
        lane, at = order.lane[users.index], order.at[users.index]
        ends = order.ends[users.index]
        ends[np.arange(len(ends)), lane] = at - 1
        shape = len(users), order.ends.shape[1]
        self.known, last = np.full(shape, -1, np.int32), np.full(shape, -1, np.int32)
        used = np.nonzero(np.diff(users.start))[0]
        if len(used):
            self.known[used] = np.maximum.reduceat(ends, users.start[used], axis=0)
        np.maximum.at(last, (users.rows(), lane), at)
        self.makes_over: list[list[tuple[int, int]]] = [[] for _ in range(len(users))]  # (lane, code of the end)
        barriers, lanes = np.nonzero(last >= 0)
        for v, c, code in zip(barriers.tolist(), lanes.tolist(), last[barriers, lanes].tolist(), strict=True):
            self.makes_over[v].append((c, code))

    def implied(self, first: int, others: Iterable[int]) -> bool:
        """over(first) -> over(one of the others), so that their handlers come in this order."""
        return any(all(self.known[v, c] >= code for c, code in self.makes_over[first]) for v in others)


class Served:
    """The barriers that are served before the latest item of one engine, as far back as matters."""

    def __init__(self, order: ServiceOrder, over_time: Sequence[int]) -> None:
        self.barriers: set[int] = set()
        self._order, self._over_time = order, over_time
        self._columns = np.full((order.known.shape[1], 2 * _RECENT), -1, np.int32)  # a clock per barrier
        self._count = 0

    def add(self, barriers: Sequence[int]) -> None:
        """These are served as well."""
        new = [v for v in barriers if v not in self.barriers]
        self.barriers.update(barriers)
        if len(self.barriers) > 2 * _RECENT:  # later ones know more; forgetting one costs at most a superfluous cause
            self.barriers = set(sorted(self.barriers, key=self._over_time.__getitem__)[-_RECENT:])
            new, self._count = list(self.barriers), 0
        if new:
            self._columns[:, self._count : self._count + len(new)] = self._order.known[new].T
            self._count += len(new)

    def imply(self, first: int) -> bool:
        """over(first) -> over(one of them)."""
        there: NDArray[np.bool_] | bool = self._count > 0
        for lane, code in self._order.makes_over[first]:
            there = there & (self._columns[lane, : self._count] >= code)
        return bool(np.any(there))
