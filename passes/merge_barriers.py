"""Pass `wlm-merge-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Barriers, Program


@dataclass(frozen=True)
class MergeBarriersPass(ProgramPass):
    """Merge virtual barriers that have the same producers, or the same consumers: no task starts later.

    Precondition: phase virtual. Postcondition: the order of tasks is unchanged; barriers are fewer or equal. Slot
    limits may be exceeded: wlm-split-barriers comes after.
    """

    name = "wlm-merge-barriers"
    phases = ("virtual",)

    def transform(self, program: Program) -> Program:
        while True:
            merged = _merge(program, program.producers)
            merged = _merge(merged, merged.consumers)
            if merged is program:
                return program
            program = merged  # the producers of two barriers together may be those of a third


def _merge(program: Program, users: Csr) -> Program:
    """One barrier in place of those with the same users."""
    target, barriers = users.first_equal(), np.arange(len(users), dtype=np.int32)
    tail = program.barriers.tail
    if tail >= 0:
        like = np.nonzero((target == target[tail]) & (barriers != tail))[0]
        target[like] = like[:1]
        target[tail] = tail
    target = np.where(np.diff(users.start) == 0, barriers, target)
    return program if (target == barriers).all() else renamed(program, target)


def renamed(program: Program, target: I32) -> Program:
    """Barrier v becomes `target[v]`; barriers nobody uses disappear and the rest is numbered anew, in order."""
    waits, updates = target[program.waits.index], target[program.updates.index]
    used = np.union1d(waits, updates)
    number = np.full(len(target), -1, np.int32)
    number[used] = np.arange(len(used), dtype=np.int32)
    tail, n = program.barriers.tail, len(program)
    return program.with_(
        waits=Csr.of_set(program.waits.rows(), number[waits], n),
        updates=Csr.of_set(program.updates.rows(), number[updates], n),
        barriers=Barriers.virtual(len(used), int(number[target[tail]]) if tail >= 0 else -1),
    )
