"""Pass `wlm-insert-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Barriers, Program


@dataclass(frozen=True)
class InsertBarriersPass(ProgramPass):
    """Turn dependences into virtual barriers: one per task that must wait, fed by all tasks it comes after.

    A dependence between neighbours in one engine's list needs none if the machine ends them in order.
    Precondition: phase graph; run wlm-reduce-dependences first, else implied dependences cost producers.
    Postcondition: phase virtual; each task waits on at most one barrier; no `after` is left.

    ```mlir
    %b = task.run @dpu0 "b" after(%a) cycles 5
    // becomes
    %v = barrier.declare
    %b = task.run @dpu0 "b" waits(%v) cycles 5       // and the producer updates(%v)
    ```
    """

    name = "wlm-insert-barriers"
    phases = ("graph",)

    def transform(self, program: Program) -> Program:
        if len(program.barriers):
            raise ScheduleError(f"{self.name}: @{program.name} has barriers already, which this pass would drop")
        tasks, before, engine = program.after.rows(), program.after.index, program.engine
        in_order = np.asarray([e.ends_in_order for e in program.machine.engines], np.bool_)
        waiting = (engine[tasks] != engine[before]) | ~in_order[engine[tasks]]
        waiters, barrier = np.unique(tasks[waiting], return_inverse=True)
        count = len(waiters)
        return program.with_(
            phase="virtual",
            after=Csr.empty(len(program)),
            waits=Csr.of_pairs(waiters, np.arange(count, dtype=np.int32), len(program)),
            updates=Csr.of_set(before[waiting], barrier.astype(np.int32), len(program)),
            barriers=Barriers.virtual(count),
        )
