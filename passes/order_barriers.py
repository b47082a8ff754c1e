"""Pass `wlm-order-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Barriers, Program


@dataclass(frozen=True)
class OrderBarriersPass(ProgramPass):
    """Number virtual barriers by first use: by the first task that updates them.

    This is the order in which assignment meets them, and of equals the lower number was first before. Precondition:
    phase virtual. Postcondition: nothing else has changed; barriers without a producer come last.

    ```mlir
    %w = barrier.declare                             // declared first, but updated last
    %v = barrier.declare
    task.run @dma0 "a" updates(%v) cycles 3
    task.run @dma0 "b" updates(%w) cycles 3
    // becomes
    %v = barrier.declare
    task.run @dma0 "a" updates(%v) cycles 3
    %w = barrier.declare
    task.run @dma0 "b" updates(%w) cycles 3
    ```
    """

    name = "wlm-order-barriers"
    phases = ("virtual",)

    def transform(self, program: Program) -> Program:
        return ordered_by_first_use(program)


def ordered_by_first_use(program: Program) -> Program:
    """Number the barriers by the first task that updates them: the order in which later passes meet them."""
    producers = program.producers
    used = np.diff(producers.start) > 0
    first = np.full(len(producers), len(program), np.int32)
    first[used] = producers.index[producers.start[:-1][used]]
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first), dtype=np.int32)
    tail, n = program.barriers.tail, len(program)
    return program.with_(
        waits=Csr.of_set(program.waits.rows(), rank[program.waits.index], n),
        updates=Csr.of_set(program.updates.rows(), rank[program.updates.index], n),
        barriers=Barriers.virtual(len(rank), int(rank[tail]) if tail >= 0 else -1),
    )
