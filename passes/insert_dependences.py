"""Pass `wlm-insert-dependences`."""

from dataclasses import dataclass

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Program
from wlm_dialect.program.conflicts import drop_implied, find_dependences, spans


@dataclass(frozen=True)
class InsertDependencesPass(ProgramPass):
    """Add the dependences that follow from `reads` and `writes`: no two tasks conflict on a byte without order (H8).

    Buffers that have addresses conflict where these overlap, others where they are the same buffer. Dependences that
    were there stay. Precondition: phase graph. Postcondition: conflicting accesses are ordered as in program order.

    ```mlir
    %a = task.run @dma0 "load" writes(%x) cycles 10
    %b = task.run @dpu0 "conv" reads(%x) cycles 10             // becomes
    %b = task.run @dpu0 "conv" after(%a) reads(%x) cycles 10
    ```
    """

    name = "wlm-insert-dependences"
    phases = ("graph",)

    def transform(self, program: Program) -> Program:
        if not len(program.buffers):
            return program
        found = find_dependences(program.reads.lists(), program.writes.lists(), spans(program.buffers))
        rows = [sorted({*a, *b}) for a, b in zip(program.after.lists(), found, strict=True)]
        return program.with_(after=Csr.of(drop_implied(rows)))
