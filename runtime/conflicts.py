"""Conflicting memory accesses of a program in program order: what graph dependences and rule H8 are made of."""

import numpy as np

from wlm_dialect.kernels.csr import I32, Csr, int32
from wlm_dialect.program import Barriers, Program
from wlm_dialect.program.conflicts import find_dependences, spans


def conflicts(program: Program) -> tuple[I32, I32]:
    """Pairs (a, b), a before b in program order, whose accesses conflict: end(a) must come before start(b).

    Only nearest conflicts: if these pairs are ordered, all are. Buffers with an address conflict where their addresses
    overlap, others where ranges of the same root do.
    """
    if len(program.buffers) == 0:
        return int32(()), int32(())
    rows = find_dependences(program.reads.lists(), program.writes.lists(), spans(program.buffers))
    table = Csr.of(rows)
    return table.index, table.rows()


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
