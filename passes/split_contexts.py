"""Pass `wlm-split-contexts`."""

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from wlm_dialect.passes.vta.contexts import MEMORIES, split
from wlm_dialect.program.vta.hardware import SIM, find_hardware
from wlm_dialect.program.vta.ir import decode_ir, encode_ir, find_programs


@dataclass(frozen=True)
class SplitContextsPass(ModulePass):
    """Give each VTA program virtual threads: tiles take turns in `contexts` parts of `memories`.

    Then load fills one part while compute works on the other. Addresses move, GEMM and ALU get copies of their
    micro-ops, NOPs go and all tokens are placed anew as `wlm-lower-to-vta` does (`order`), from the data that the
    instructions touch. Precondition: micro-ops are in the program, and `contexts` tiles fit where tiles follow each
    other. Postcondition: the same outputs, byte for byte, and `wlm vta check` proves the program on `hardware`.

    ```mlir
    vta.load "INP" dram 256 y 1 x 16 stride 16 push_next
    vta.gemm uops [0 to 1) outer 1 inner 16 dst 1 src 1 pop_prev push_prev
    vta.load "INP" dram 272 y 1 x 16 stride 16 pop_next push_next            // becomes
    vta.load "INP" sram 16 dram 272 y 1 x 16 stride 16 push_next
    ```
    """

    name = "wlm-split-contexts"
    contexts: int = 2
    memories: tuple[str, ...] = MEMORIES
    order: Literal["exact", "fewest"] = "exact"
    hardware: str = "sim"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        hardware = find_hardware(self.hardware)
        made = []
        for program in find_programs(op):
            result = split(
                decode_ir(program),
                self.contexts,
                memories=self.memories,
                hardware=None if hardware is SIM else hardware,
                order=self.order,
            )
            made.append((program, encode_ir(result.program)))
        for program, module in made:  # nothing changes if one of them fails
            (new,) = find_programs(module)
            new.detach()  # type: ignore[no-untyped-call]  # xDSL's
            op.body.block.insert_op_before(new, program)
            op.body.block.erase_op(program)
