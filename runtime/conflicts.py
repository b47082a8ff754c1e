"""Conflicting memory accesses of a program in program order: what graph dependences and rule H8 are made of."""

from bisect import bisect_left, bisect_right

import numpy as np

from wlm_dialect.kernels.csr import I32, Csr, int32
from wlm_dialect.program import Barriers, Program


class _Space:
    """One address space as disjoint ascending segments [low, high): the last writer and the readers since then."""

    def __init__(self) -> None:
        self.low: list[int] = []
        self.high: list[int] = []
        self.writer: list[int] = []
        self.readers: list[list[int]] = []

    def _cut(self, at: int) -> None:
        """Make `at` a segment border if a segment spans it."""
        n = bisect_right(self.low, at) - 1
        if n >= 0 and self.low[n] < at < self.high[n]:
            self._insert(n + 1, at, self.high[n], self.writer[n], list(self.readers[n]))
            self.high[n] = at

    def _insert(self, n: int, low: int, high: int, writer: int, readers: list[int]) -> None:
        self.low.insert(n, low)
        self.high.insert(n, high)
        self.writer.insert(n, writer)
        self.readers.insert(n, readers)

    def _span(self, low: int, high: int) -> tuple[int, int]:
        self._cut(low)
        self._cut(high)
        return bisect_left(self.low, low), bisect_left(self.low, high)

    def read(self, low: int, high: int, task: int) -> list[int]:
        """The writers that a read of [low, high) must follow."""
        first, last = self._span(low, high)
        found = []
        for n in range(first, last):
            if self.writer[n] >= 0:
                found.append(self.writer[n])
            self.readers[n].append(task)
        borders = [low, *(x for n in range(first, last) for x in (self.low[n], self.high[n])), high]
        gaps = [(a, b) for a, b in zip(borders[::2], borders[1::2], strict=True) if a < b]
        for a, b in gaps:
            self._insert(bisect_left(self.low, a), a, b, -1, [task])
        return found

    def write(self, low: int, high: int, task: int) -> list[int]:
        """The readers, or else the writers, that a write of [low, high) must follow."""
        first, last = self._span(low, high)
        found: list[int] = []
        for n in range(first, last):
            found += self.readers[n] or ([self.writer[n]] if self.writer[n] >= 0 else [])
        for table in (self.low, self.high, self.writer, self.readers):
            del table[first:last]
        self._insert(first, low, high, task, [])
        return found


def conflicts(program: Program) -> tuple[I32, I32]:
    """Pairs (a, b), a before b in program order, whose accesses conflict: end(a) must come before start(b).

    Only nearest conflicts: if these pairs are ordered, all are. Buffers with an address conflict where their addresses
    overlap, others where ranges of the same root do.
    """
    buffers = program.buffers
    if len(buffers) == 0:
        return int32(()), int32(())
    address = buffers.address.tolist()
    offset, size = buffers.offset.tolist(), buffers.size.tolist()
    place = [
        (("root", r), o) if a < 0 else (("memory", m), a + o)
        for r, m, a, o in zip(buffers.root.tolist(), buffers.memory.tolist(), address, offset, strict=True)
    ]
    spaces = {key: _Space() for key, _ in place}
    before: list[int] = []
    after: list[int] = []
    for task, (reads, writes) in enumerate(zip(program.reads.lists(), program.writes.lists(), strict=True)):
        found: set[int] = set()
        for b in reads:
            key, low = place[b]
            found.update(spaces[key].read(low, low + size[b], task))
        for b in writes:
            key, low = place[b]
            found.update(spaces[key].write(low, low + size[b], task))
        found.discard(task)
        before += sorted(found)
        after += [task] * len(found)
    return int32(before), int32(after)


def dependences(program: Program) -> Csr:
    """Task -> earlier tasks whose end it must await: `after` and nearest conflicts, each once, ascending."""
    before, after = conflicts(program)
    pairs = np.concatenate(
        [
            program.after.rows().astype(np.int64) * len(program) + program.after.index,
            after.astype(np.int64) * len(program) + before,
        ]
    )
    pairs = np.unique(pairs)
    start = np.searchsorted(pairs, np.arange(len(program) + 1, dtype=np.int64) * max(len(program), 1))
    return Csr(start.astype(np.int32), (pairs % max(len(program), 1)).astype(np.int32))


def as_virtual(program: Program) -> Program:
    """A graph program with one barrier per task that others depend on: the same behaviour, in phase virtual."""
    preds = dependences(program)
    has = np.zeros(len(program), bool)
    has[preds.index] = True
    number = (np.cumsum(has) - 1).astype(np.int32)
    start = np.concatenate([[0], np.cumsum(has)]).astype(np.int32)
    return program.with_(
        phase="virtual",
        after=Csr.empty(len(program)),
        waits=Csr(preds.start, number[preds.index]),
        updates=Csr(start, np.arange(int(start[-1]), dtype=np.int32)),
        barriers=Barriers.virtual(int(start[-1])),
    )
