"""What any imported task graph has to satisfy, by brute force."""

import numpy as np

from wlm_dialect.program import Program
from wlm_dialect.program.conflicts import spans


def check_memory(p: Program) -> None:
    """Every buffer has an address and lies inside its memory, every view inside its buffer."""
    b = p.buffers
    limit = np.where(b.memory < 0, p.machine.memory.ddr_bytes, p.machine.memory.cmx_bytes)
    assert (b.address >= 0).all()
    assert (b.address + b.offset + b.size <= limit).all()
    assert (b.offset + b.size <= b.size[b.root]).all()


def check_races(p: Program) -> int:
    """Every pair of tasks that conflict is ordered by `after`; how many such pairs there are."""
    before: list[int] = []
    for t, row in enumerate(p.after.lists()):
        mask = 0
        for a in row:
            assert a < t
            mask |= before[a] | 1 << a
        before.append(mask)
    accesses: dict[int, list[tuple[int, int, int, bool]]] = {}
    covered = spans(p.buffers)
    for relation, writes in ((p.reads, False), (p.writes, True)):
        for t, row in enumerate(relation.lists()):
            for b in row:
                accesses.setdefault(covered[b][0], []).append((*covered[b][1:], t, writes))
    pairs = 0
    for rows in accesses.values():
        open_: list[tuple[int, int, int, bool]] = []
        for access in sorted(rows):
            open_ = [o for o in open_ if o[1] > access[0]]
            for other in open_:
                if other[2] != access[2] and (other[3] or access[3]):
                    a, b = sorted((other[2], access[2]))
                    assert before[b] >> a & 1, f"{p.names[a]} and {p.names[b]} race"
                    pairs += 1
            open_.append(access)
    return pairs


def check_data(p: Program) -> int:
    """In program order every byte read was last written for the buffer it is read from; outputs are complete.

    Inputs and constants are there from the start. Returns how many writes took over bytes of another buffer.
    """
    covered = spans(p.buffers)
    root, role = p.buffers.root.tolist(), p.buffers.role
    used = {b for relation in (p.reads, p.writes) for b in relation.index.tolist()}
    used |= {root[b] for b in used}
    bounds = {
        s: np.unique([x for b in used if covered[b][0] == s for x in covered[b][1:]]) for s in {c[0] for c in covered}
    }
    owner = {s: np.full(len(b), -1) for s, b in bounds.items()}

    def part(buffer: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        space, low, high = covered[buffer]
        first, last = np.searchsorted(bounds[space], (low, high))
        return owner[space][first:last]

    for b in used:
        if root[b] == b and role[b] in ("input", "constant"):
            part(b)[:] = b
    taken = 0
    reads, writes = p.reads.lists(), p.writes.lists()
    for t, name in enumerate(p.names):
        for b in reads[t]:
            assert (part(b) == root[b]).all(), f"{name} reads bytes of {p.buffers.names[b]} that are not there"
        for b in writes[t]:
            bytes_ = part(b)
            taken += int(((bytes_ >= 0) & (bytes_ != root[b])).any())
            bytes_[:] = root[b]
    assert all((part(b) == b).all() for b in used if root[b] == b and role[b] in ("input", "constant", "output"))
    return taken
