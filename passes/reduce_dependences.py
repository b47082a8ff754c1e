"""Pass `wlm-reduce-dependences`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.kernels.happens_before import needed_edges
from wlm_dialect.passes.analysis.order import order_graph
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
    """The dependences that nothing else implies, each row ascending."""
    _, needed = needed_edges(order_graph(program), len(program.barriers))
    rows, values = program.after.rows()[needed], program.after.index[needed]
    ascending = np.lexsort((values, rows))
    return Csr.of_pairs(rows[ascending], values[ascending], len(program))
