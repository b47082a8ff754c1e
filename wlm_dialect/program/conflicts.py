"""Dependences that follow from memory: read after write, write after read, write after write, by bytes."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wlm_dialect.program.model import Buffers

Span = tuple[int, int, int]
"""(address space, low, high): the bytes [low, high) of one space. Spans of different spaces never overlap."""


def spans(buffers: Buffers) -> list[Span]:
    """What each buffer or view covers. Allocated buffers share the space of their memory, others have their own."""
    out: list[Span] = []
    address, offset, size = buffers.address.tolist(), buffers.offset.tolist(), buffers.size.tolist()
    memory, root = buffers.memory.tolist(), buffers.root.tolist()
    for n in range(len(buffers)):
        at = address[root[n]]
        space, base = (-2 - memory[n], at) if at >= 0 else (root[n], 0)
        out.append((space, base + offset[n], base + offset[n] + size[n]))
    return out


@dataclass
class _Space:
    """A partition of [0, infinity) into segments with the last writer (-1 = none) and the readers since."""

    low: list[int] = field(default_factory=lambda: [0])
    writer: list[int] = field(default_factory=lambda: [-1])
    readers: list[list[int]] = field(default_factory=lambda: [[]])

    def cut(self, at: int) -> int:
        """Index of the segment that begins at `at`, splitting one if needed."""
        n = bisect_left(self.low, at)
        if n < len(self.low) and self.low[n] == at:
            return n
        self.low.insert(n, at)
        self.writer.insert(n, self.writer[n - 1])
        self.readers.insert(n, list(self.readers[n - 1]))
        return n

    def read(self, task: int, low: int, high: int, found: set[int]) -> None:
        first = self.cut(low)
        for n in range(first, self.cut(high)):
            if self.writer[n] >= 0:
                found.add(self.writer[n])
            if not self.readers[n] or self.readers[n][-1] != task:
                self.readers[n].append(task)

    def write(self, task: int, low: int, high: int, found: set[int]) -> None:
        first = self.cut(low)
        last = self.cut(high)
        for n in range(first, last):
            # A reader comes after the writer already: the edge from the writer is implied.
            others = [r for r in self.readers[n] if r != task]
            if others:
                found.update(others)
            elif self.writer[n] >= 0:
                found.add(self.writer[n])
        self.low[first:last] = [low]
        self.writer[first:last] = [task]
        self.readers[first:last] = [[]]


def find_dependences(
    reads: Sequence[Iterable[int]], writes: Sequence[Iterable[int]], covered: Sequence[Span]
) -> list[list[int]]:
    """Per task the earlier tasks whose end has to come before its start, ascending.

    Tasks are in order of execution; `reads` and `writes` name spans. Transitively these edges order every pair of tasks
    that touch a common byte, one of them writing.
    """
    written = {covered[b][0] for row in writes for b in row}
    spaces: dict[int, _Space] = {s: _Space() for s in sorted(written)}
    out: list[list[int]] = []
    for task, (read, write) in enumerate(zip(reads, writes, strict=True)):
        found: set[int] = set()
        for b in read:
            space, low, high = covered[b]
            if space in spaces and low < high:
                spaces[space].read(task, low, high, found)
        for b in write:
            space, low, high = covered[b]
            if low < high:
                spaces[space].write(task, low, high, found)
        found.discard(task)
        out.append(sorted(found))
    return out


def drop_implied(after: Sequence[Iterable[int]]) -> list[list[int]]:
    """The same order with fewer edges: an edge goes if another predecessor names the same task itself."""
    kept = [sorted(set(row)) for row in after]
    known = [frozenset(row) for row in kept]
    out: list[list[int]] = []
    for row in kept:
        if len(row) > 1:
            implied = set().union(*(known[p] for p in row))
            row = [p for p in row if p not in implied]
        out.append(row)
    return out
