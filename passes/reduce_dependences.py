"""Pass `wlm-reduce-dependences`."""

from dataclasses import dataclass

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Program


@dataclass(frozen=True)
class ReduceDependencesPass(ProgramPass):
    """Drop every dependence that others and the order of the engines imply: the exact transitive reduction.

    Precondition: phase graph. Postcondition: the same tasks are ordered as before, with the fewest edges.

    ```mlir
    %c = task.run @dpu0 "c" after(%a, %b) cycles 5   // %b comes after %a
    %c = task.run @dpu0 "c" after(%b) cycles 5
    ```
    """

    name = "wlm-reduce-dependences"
    phases = ("graph",)

    def transform(self, program: Program) -> Program:
        return program.with_(after=reduced(program))


def reduced(program: Program) -> Csr:
    """The dependences that nothing else implies."""
    order = task_order(program)
    return Csr.of([_needed(program, order, t, row) for t, row in enumerate(program.after.lists())])


def _needed(program: Program, order: Order, task: int, row: list[int]) -> list[int]:
    """`row` without what the engine's order implies or another member of the row implies."""
    model = program.machine.engines[int(program.engine[task])]
    before = int(program.predecessor[task])
    candidates = sorted(set(row))
    if before >= 0 and model.ends_in_order:
        candidates = [a for a in candidates if not order.start_before_end(a, before)]
    else:
        candidates = [a for a in candidates if not order.before_head(a, task)]
    if len(candidates) < 2:
        return candidates
    lane, at, ends = order.lane, order.at, order.ends
    return [a for a in candidates if not any(b != a and ends[b, lane[a]] >= at[a] for b in candidates)]
