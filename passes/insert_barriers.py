"""Pass `wlm-insert-barriers`."""

from dataclasses import dataclass

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
        waits: list[list[int]] = [[] for _ in range(len(program))]
        updates: list[list[int]] = [[] for _ in range(len(program))]
        count = 0
        engine = program.engine.tolist()
        in_order = [e.ends_in_order for e in program.machine.engines]
        for t, row in enumerate(program.after.lists()):
            producers = [a for a in row if not (engine[a] == engine[t] and in_order[engine[t]])]
            if not producers:
                continue
            waits[t].append(count)
            for a in producers:
                updates[a].append(count)
            count += 1
        return program.with_(
            phase="virtual",
            after=Csr.empty(len(program)),
            waits=Csr.of(waits),
            updates=Csr.of(updates),
            barriers=Barriers.virtual(count),
        )
