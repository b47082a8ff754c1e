"""Pass `wlm-reduce-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.barrier_reduction import needed_links
from wlm_dialect.passes.analysis.order import order_graph
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.merge_barriers import renamed
from wlm_dialect.program import Program


@dataclass(frozen=True)
class ReduceBarriersPass(ProgramPass):
    """Drop waits, updates and whole barriers that the order of the engines and other barriers imply.

    A task need not wait for what it knows anyway; a task need not update a barrier if another producer ends later, or
    if all who wait on it know. Precondition: phase virtual, before wlm-insert-pulses. Postcondition: the same tasks are
    ordered as before, and no wait or update that is left could go as well. Barriers that nobody waits on, the tail
    barrier first of all, tell somebody else: they stay as they are.

    ```mlir
    task.run @dma0 "a" updates(%v) cycles 3
    task.run @dma0 "b" updates(%v, %w) cycles 3     // ends after "a"
    task.run @dpu0 "c" waits(%v, %w) cycles 5
    // becomes
    task.run @dma0 "a" cycles 3
    task.run @dma0 "b" updates(%w) cycles 3
    task.run @dpu0 "c" waits(%w) cycles 5
    ```
    """

    name = "wlm-reduce-barriers"
    phases = ("virtual",)

    def transform(self, program: Program) -> Program:
        unused = np.diff(program.consumers.start) == 0
        unlifted = np.diff(program.producers.start) == 0  # an error for wlm-verify-phase, not to be hidden here
        waits, updates = needed_links(order_graph(program), unused | unlifted)
        if waits.all() and updates.all():
            return program
        less = program.with_(waits=program.waits.kept(waits), updates=program.updates.kept(updates))
        return renamed(less, np.arange(len(program.barriers), dtype=np.int32))
