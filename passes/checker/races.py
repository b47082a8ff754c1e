"""Which accesses of memory conflict (H8): one sweep over the tasks with an interval map per memory."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.program import Program


@dataclass
class _Segment:
    """Bytes with one history: the last writer and who has read since (per engine that ends in order the last one)."""

    writer: int = -1
    readers: dict[tuple[int, int], int] = field(default_factory=dict)

    def copy(self) -> "_Segment":
        return _Segment(self.writer, dict(self.readers))


@dataclass
class _Space:
    """Segments of one address space: segment i covers ``[cuts[i], cuts[i + 1])``."""

    cuts: list[int]
    segments: list[_Segment]

    def cut(self, at: int) -> int:
        """The index of the segment that begins at `at`, split off if need be."""
        i = bisect_left(self.cuts, at)
        if i == len(self.cuts) or self.cuts[i] != at:
            self.cuts.insert(i, at)
            self.segments.insert(i, self.segments[i - 1].copy())
        return i


def conflicts(program: Program) -> tuple[I32, I32]:
    """Pairs of tasks (earlier, later) whose order makes all conflicting accesses of memory ordered.

    Two accesses conflict if their bytes overlap and one writes. Buffers with an address share the space of their
    memory, the others are a space each. Only neighbours in the history of a byte are listed: the rest follows.
    """
    pairs: set[tuple[int, int]] = set()
    spaces: dict[int, _Space] = {}
    place = _places(program)
    written = {place[b][0] for b in program.writes.index.tolist()}
    in_order = [e.ends_in_order for e in program.machine.engines]
    engine = program.engine.tolist()
    for t, writing, b in _accesses(program):
        space, low, high = place[b]
        if space in written:
            history = spaces.setdefault(space, _Space([-1, 1 << 62], [_Segment()]))
            reader = (engine[t], -1 if in_order[engine[t]] else t)
            _access(history, low, high, t, reader, writing, pairs)
    found = np.array(sorted(pairs), np.int32).reshape(-1, 2)
    return np.ascontiguousarray(found[:, 0]), np.ascontiguousarray(found[:, 1])


def _accesses(program: Program) -> Iterator[tuple[int, bool, int]]:
    """(task, whether it writes, buffer) in program order; a task reads before it writes."""
    reads, writes = program.reads, program.writes
    task = np.concatenate([reads.rows(), writes.rows()])
    buffer = np.concatenate([reads.index, writes.index])
    writing = np.arange(len(task)) >= len(reads.index)
    order = np.argsort(task, kind="stable")
    yield from zip(task[order].tolist(), writing[order].tolist(), buffer[order].tolist(), strict=True)


def _places(program: Program) -> list[tuple[int, int, int]]:
    """Per buffer (space, first byte, byte behind): spaces below 0 are memories, others roots without an address."""
    out: list[tuple[int, int, int]] = []
    buffers = program.buffers
    rows = zip(buffers.root.tolist(), buffers.offset.tolist(), buffers.size.tolist(), strict=True)
    for root, offset, size in rows:
        address = int(buffers.address[root])
        space, base = (root, 0) if address < 0 else (-2 - int(buffers.memory[root]), address)
        out.append((space, base + offset, base + offset + size))
    return out


def _access(
    space: _Space, low: int, high: int, task: int, reader: tuple[int, int], writing: bool, pairs: set[tuple[int, int]]
) -> None:
    first, last = space.cut(low), space.cut(high)
    for segment in space.segments[first:last]:
        if segment.writer >= 0 and segment.writer != task:
            pairs.add((segment.writer, task))
        if not writing:
            segment.readers[reader] = task
            continue
        pairs.update((r, task) for r in segment.readers.values() if r != task)
        segment.writer = task
        segment.readers.clear()
    if writing and last - first > 1:
        space.segments[first:last] = [_Segment(task)]
        del space.cuts[first + 1 : last]
