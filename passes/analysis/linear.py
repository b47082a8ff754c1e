"""The last resort of assignment: one task at a time, in program order. Legal with a handful of barriers."""

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.editing import Insertion, insert_tasks
from wlm_dialect.program import Barriers, Kind, Program


def linearised(program: Program, keep_known: bool) -> Program:
    """The program with each task waiting for the one before it, so that two barriers are in use at once.

    Barriers without consumers (tail, pulses) stay. With `keep_known` (full mode) SYNC DMAs stand on the queues that
    manage engines wherever these are idle for long: an enqueue placed there must know that old barriers are over (H1).
    """
    if keep_known:
        program = insert_tasks(program, _lookouts(program)).program
    lonely = np.diff(program.consumers.start) == 0
    kept = np.nonzero(lonely & (np.diff(program.producers.start) > 0))[0].tolist()
    number = {v: i for i, v in enumerate(kept)}
    waits: list[list[int]] = [[] for _ in range(len(program))]
    updates = [[number[v] for v in row if v in number] for row in program.updates.lists()]
    engine = program.engine.tolist()
    count = len(kept)
    for t in range(1, len(program)):
        in_order = program.machine.engines[engine[t]].ends_in_order
        if engine[t] != engine[t - 1] or not in_order:
            waits[t].append(count)
            updates[t - 1].append(count)
            count += 1
    tail = number.get(program.barriers.tail, -1)
    return program.with_(waits=Csr.of(waits), updates=Csr.of(updates), barriers=Barriers.virtual(count, tail))


def _lookouts(program: Program) -> list[Insertion]:
    """SYNC DMAs so that no managing queue is without a task for more than a third of the barriers."""
    gap = max(1, (program.machine.barriers.count - 3) // 3)
    out: list[Insertion] = []
    dmas = {program.machine.engine_index[e.name] for e in program.machine.engines_of("dma")}
    used = {q for q in dmas if len(program.lists[q])}
    for queue in sorted(used | set(managers(program)) - {-1}):
        cycles = program.machine.transfer_ticks(program.machine.engines[queue], 0)
        last = -1
        for t, e in enumerate(program.engine.tolist()):
            if e == queue:
                last = t
            elif t - last > gap:
                out.append(Insertion(t, queue, "sync", Kind.SYNC, cycles))
                last = t
    return out
