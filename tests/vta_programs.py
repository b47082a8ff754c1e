"""Small VTA programs for tests, written instruction by instruction.

`steps` describe instructions as plain values, which an oracle of a test can read without any code of the project.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wlm_dialect.program.vta import INSN, UOP, Config, Memory, Op, Segment, Tokens, VtaProgram, encode_uops

LOAD, COMPUTE, STORE = 0, 1, 2
FLAGS = ("pop_prev", "pop_next", "push_prev", "push_next")
UOPS = [(dst, src, wgt) for dst in range(2) for src in range(2) for wgt in range(2)]
"""The micro-ops every program loads first: all combinations of two elements of each scratchpad."""
DRAM = {Memory.UOP: 0x1000 // 4, Memory.INP: 0x2000 // 16, Memory.WGT: 0x4000 // 256, Memory.ACC: 0x8000 // 64}
OUT = 0xA000 // 16


@dataclass(frozen=True)
class Step:
    """One instruction: `kind` is inp, wgt, acc, store, gemm, reset, alu, uop, finish or nop0..2 (of that module).

    `at`: the element loaded or stored; of gemm, reset and alu the micro-op, a position in `UOPS`.
    `flags` are names of `FLAGS`.
    """

    kind: str
    at: int = 0
    flags: frozenset[str] = frozenset()

    @property
    def module(self) -> int:
        """Who executes it."""
        return {"inp": LOAD, "wgt": LOAD, "store": STORE, "nop0": LOAD, "nop2": STORE}.get(self.kind, COMPUTE)

    def toggled(self, flag: str) -> "Step":
        """The same with one flag more or less."""
        return replace(self, flags=self.flags ^ {flag})


def step(kind: str, at: int = 0, *flags: str) -> Step:
    """A `Step`; flags as words: "pop next"."""
    return Step(kind, at, frozenset(f.replace(" ", "_") for f in flags))


def row_of(s: Step) -> dict[str, Any]:
    """The fields of the instruction, without its flags."""
    memory = {"inp": Memory.INP, "wgt": Memory.WGT, "acc": Memory.ACC, "uop": Memory.UOP}
    match s.kind:
        case "finish":
            return {"op": Op.FINISH}
        case "nop0" | "nop1":
            return {"op": Op.LOAD, "memory": Memory.INP if s.kind == "nop0" else Memory.UOP}
        case "nop2":
            return {"op": Op.STORE, "memory": Memory.OUT}
        case "store":
            return {"op": Op.STORE, "memory": Memory.OUT, "sram": s.at, "dram": OUT + s.at, "x": 1, "y": 1, "stride": 1}
        case "uop":
            return {"op": Op.LOAD, "memory": Memory.UOP, "dram": DRAM[Memory.UOP], "x": len(UOPS), "y": 1, "stride": 8}
        case "gemm" | "reset" | "alu":
            op = Op.ALU if s.kind == "alu" else Op.GEMM
            loop = {"uop_begin": s.at, "uop_end": s.at + 1, "iter_out": 1, "iter_in": 1}
            return {"op": op, "reset": int(s.kind == "reset"), "use_imm": int(s.kind == "alu"), "alu": 2, **loop}
        case kind:
            m = memory[kind]
            return {"op": Op.LOAD, "memory": m, "sram": s.at, "dram": DRAM[m] + s.at, "x": 1, "y": 1, "stride": 1}


def assemble(steps: Sequence[Step], **changes: Any) -> VtaProgram:
    """The program of `steps`, with micro-ops in DRAM; `changes` are other fields of it."""
    insn = np.zeros(len(steps), INSN)
    for i, s in enumerate(steps):
        for name, value in row_of(s).items():
            insn[name][i] = int(value)
        for flag in s.flags:
            insn[flag][i] = 1
    uops = np.array(UOPS, UOP)
    config = Config()
    data = np.frombuffer(encode_uops(uops, config), np.uint8)
    return VtaProgram("small", config, insn, (Segment("UOP", 0x1000, data),), **changes)


def double_buffered(rounds: int = 4, *, credits: bool = True) -> list[Step]:
    """Load and compute with two buffers, one store at the end: two virtual threads as TVM makes them.

    `credits`: load pops in every round, and finds a credit per buffer in the first two.
    """
    out = [step("uop"), step("reset", 0, *(["push prev"] if credits else []))]
    out.append(step("nop1", 0, *(["push prev"] if credits else [])))
    for n in range(rounds):
        waits = ["pop next"] if credits or n >= 2 else []
        gives = ["push prev"] if n + 2 < rounds else []
        last = ["push next"] if n + 1 == rounds else []
        buffer = n % 2
        out.append(step("inp", buffer, *waits))
        out.append(step("wgt", buffer, "push next"))
        out.append(step("gemm", buffer * 3, "pop prev", *gives, *last))  # dst 0, src and wgt of the buffer
    out.append(step("store", 0, "pop prev", "push prev"))
    out.append(step("nop1", 0, "pop next"))
    out.append(step("finish"))
    return out


NO_TOKENS = Tokens()
