"""Pass `wlm-lower-to-vta`."""

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr
from xdsl.passes import ModulePass

from wlm_dialect.dialects.task import GraphOp
from wlm_dialect.dialects.vta import InsnOp, ProgramOp
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.vta.lower import SOURCE_KEY, Lowered, lower
from wlm_dialect.program import Program, decode, find_graphs
from wlm_dialect.program.vta.hardware import SIM, find_hardware
from wlm_dialect.program.vta.ir import decode_ir, encode_ir, find_programs

TASK_KEY = "task"


@dataclass(frozen=True)
class LowerToVtaPass(ModulePass):
    """Make a VTA program of each task graph: one instruction per task, tokens for the dependences, as few as can be.

    `load`, `compute` and `store` name the engines of the three modules. With `order` "exact" no task waits for more
    than its dependences, and each order between neighbours that nothing else implies takes one token; "fewest" takes
    fewer and lets tasks wait. Load and store share no queue: their orders go through an instruction of compute, or a
    NOP. FINISH is added and waits for all. A task with attribute `vta.insn` is that instruction of the program that
    the graph names (`vta.program`), which is replaced; other tasks become NOPs of their module.
    Precondition: phase graph, tasks on these engines only. Postcondition: `wlm vta check` proves the program on
    `hardware`.

    ```mlir
    task.graph @net {
      %a = task.run @load "tile" cycles 10
      task.run @compute "gemm" after(%a) cycles 10             // becomes
    }
    vta.program @net {
      vta.nop "load" push_next {task = "tile"}
      vta.nop "compute" pop_prev {task = "gemm"}
      vta.finish
    }
    ```
    """

    name = "wlm-lower-to-vta"
    load: str = "load"
    compute: str = "compute"
    store: str = "store"
    order: Literal["exact", "fewest"] = "exact"
    hardware: str = "sim"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        sources = {program.sym_name.data: program for program in find_programs(op)}
        made: list[tuple[GraphOp, ProgramOp | None, ProgramOp]] = []
        for graph in find_graphs(op):
            source = _source(graph, sources)
            program = decode(graph)
            made.append((graph, source, _encode(program, self.run(program, source))))
        for graph, source, program_op in made:  # nothing changes if one of them fails
            op.body.block.insert_op_before(program_op, graph)
            op.body.block.erase_op(graph)
            if source is not None:
                op.body.block.erase_op(source)

    def run(self, program: Program, source: ProgramOp | None = None) -> Lowered:
        """`lower` behind the check of the phase."""
        if program.phase != "graph":
            raise ScheduleError(
                f"{self.name} needs a graph in phase graph, but @{program.name} is in phase {program.phase}: lower it "
                "before barriers are inserted"
            )
        hardware = find_hardware(self.hardware)
        return lower(
            program,
            None if source is None else decode_ir(source),
            engines=(self.load, self.compute, self.store),
            order=self.order,
            hardware=None if hardware is SIM else hardware,
        )


def _source(graph: GraphOp, sources: dict[str, ProgramOp]) -> ProgramOp | None:
    symbol = graph.attributes.get(SOURCE_KEY)
    if symbol is None:
        return None
    name = symbol.root_reference.data if isinstance(symbol, SymbolRefAttr) else str(symbol)
    if name not in sources:
        raise ScheduleError(f"@{graph.sym_name.data} is made from program @{name}, which is not in this module")
    return sources[name]


def _encode(graph: Program, lowered: Lowered) -> ProgramOp:
    """The program as an op; tasks that have no instruction of their own leave their name."""
    (made,) = find_programs(encode_ir(lowered.program))
    made.detach()  # type: ignore[no-untyped-call]  # xDSL's
    insns = [op for op in made.body.block.ops if isinstance(op, InsnOp)]
    for op, task in zip(insns, lowered.tasks, strict=True):
        if task >= 0 and not graph.extra.get(task):
            op.attributes[TASK_KEY] = StringAttr(graph.names[task])
    return made
