"""Instructions, tokens and scratchpad ranges in words, the same words in every message."""

from wlm_dialect.program.vta.config import Memory
from wlm_dialect.program.vta.model import QUEUES, Alu, Module, Op, VtaProgram

MODULES = ("load", "compute", "store")
_ENDS = {
    "l2g": ("load", "compute"),
    "g2l": ("compute", "load"),
    "s2g": ("store", "compute"),
    "g2s": ("compute", "store"),
}
_NOPS = {Module.LOAD: "NOP-MEMORY-STAGE", Module.COMPUTE: "NOP-COMPUTE-STAGE", Module.STORE: "NOP-STORE-STAGE"}
_IMM = (Alu.MIN, Alu.MAX, Alu.ADD)


def kind_of(program: VtaProgram, i: int) -> str:
    """What an instruction is, in the words of a dump: `LOAD INP`, `GEMM reset`, `ALU max imm`, `NOP-STORE-STAGE`."""
    row = program.insn[i]
    if program.nop[i]:
        return _NOPS[Module(int(program.module[i]))]
    match int(row["op"]):
        case Op.LOAD:
            memory = int(row["memory"])
            return f"LOAD {Memory(memory).name if memory <= Memory.ACC_8BIT else f'memory {memory}'}"
        case Op.STORE:
            return "STORE"
        case Op.GEMM:
            return "GEMM reset" if row["reset"] else "GEMM"
        case Op.ALU:
            alu = int(row["alu"])
            name = Alu(alu).name.lower() if alu <= Alu.MUL else f"operation {alu}"
            return f"ALU {name} imm" if row["use_imm"] and alu in _IMM else f"ALU {name}"
        case Op.FINISH:
            return "FINISH"
        case op:
            return f"opcode {op}"


def insn_name(program: VtaProgram, i: int) -> str:
    """`#7 LOAD WGT`."""
    return f"#{i} {kind_of(program, i)}"


def flags_of(program: VtaProgram, i: int) -> str:
    """`pop next, push prev`; empty without flags."""
    row = program.insn[i]
    return ", ".join(f.replace("_", " ") for f in ("pop_prev", "pop_next", "push_prev", "push_next") if row[f])


def queue_name(queue: int) -> str:
    """`l2g (load to compute)`."""
    name = QUEUES[queue]
    return f"{name} ({_ENDS[name][0]} to {_ENDS[name][1]})"


def listed(names: list[str], limit: int = 3) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
