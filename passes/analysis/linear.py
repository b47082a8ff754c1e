"""The last resort of firmware and partial mode: one task at a time, in program order. Two barriers are enough."""

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.editing import Insertion, insert_tasks, sync_insertion
from wlm_dialect.program import Barriers, Kind, Program


def linearised(program: Program) -> Program:
    """The program with each task waiting for the one before it, so that two barriers are in use at once.

    Barriers without consumers (tail, pulses) stay.
    """
    lonely = (np.diff(program.consumers.start) == 0) & (np.diff(program.producers.start) > 0)
    return _chained(program, np.nonzero(lonely)[0].tolist())


def linearised_without_pulses(program: Program, mode: str) -> Program:
    """The same, but of the barriers without consumers only the tail stays, and only the last task updates it.

    In partial mode a SYNC follows each fetch that the first task of its group would follow, so that the barrier between
    them tells firmware in time that the descriptors are there (H4).
    """
    if mode == "partial":
        syncs = _behind_fetches(program)
        program = insert_tasks(program, syncs).program if syncs else program
    tail = program.barriers.tail
    if tail < 0:
        return _chained(program, [])
    last = Csr.of([*([()] * (len(program) - 1)), (tail,)])
    return _chained(program.with_(updates=last), [tail])


def _chained(program: Program, kept: list[int]) -> Program:
    number = {v: i for i, v in enumerate(kept)}
    waits: list[list[int]] = [[] for _ in range(len(program))]
    updates = [[number[v] for v in row if v in number] for row in program.updates.lists()]
    engine = program.engine.tolist()
    syncs = (program.kind == Kind.SYNC).tolist()
    count = len(kept)
    for t in range(1, len(program)):
        in_order = program.machine.engines[engine[t]].ends_in_order
        if engine[t] != engine[t - 1] or not in_order or syncs[t]:
            waits[t].append(count)
            updates[t - 1].append(count)
            count += 1
    tail = number.get(program.barriers.tail, -1)
    return program.with_(waits=Csr.of(waits), updates=Csr.of(updates), barriers=Barriers.virtual(count, tail))


def _behind_fetches(program: Program) -> list[Insertion]:
    """A SYNC before each task whose fetch only tasks of the same queue separate from it."""
    out: list[Insertion] = []
    for f in np.nonzero(program.kind == Kind.FETCH)[0].tolist():
        first = int(program.lists[int(program.target[f])][int(program.low[f])])
        queue = int(program.engine[f])
        if (program.engine[f:first] == queue).all():
            out.append(sync_insertion(program.machine, first, queue))
    return out
