"""Dialect `vta`: instruction streams of the Versatile Tensor Accelerator with their data.

Three modules (load, compute, store) execute their instructions in order and synchronise by tokens in four queues; the
flags `pop_prev`, `pop_next`, `push_prev` and `push_next` of an instruction say which tokens it takes before and gives
after. All addresses and sizes count elements (tiles) of a memory. Rule ids V1-V14 are those of `wlm vta check`.

Numbers that an assembly form leaves out are 0. How wide scratchpad indices are depends on the configuration of the
program, so that is checked where instructions are encoded (`wlm_dialect.program.vta`).
"""

from xdsl.ir import Dialect

from wlm_dialect.dialects.vta.boxes import LOADS, MODULES, LoadOp, NopOp, StoreOp
from wlm_dialect.dialects.vta.data import OutputOp, SegmentOp
from wlm_dialect.dialects.vta.loops import ALU_OPCODES, AluOp, GemmOp
from wlm_dialect.dialects.vta.program import BOX, FLAGS, FinishOp, InsnOp, ProgramOp

__all__ = [
    "ALU_OPCODES",
    "BOX",
    "FLAGS",
    "LOADS",
    "MODULES",
    "AluOp",
    "FinishOp",
    "GemmOp",
    "InsnOp",
    "LoadOp",
    "NopOp",
    "OutputOp",
    "ProgramOp",
    "SegmentOp",
    "StoreOp",
    "Vta",
]

Vta = Dialect("vta", [ProgramOp, SegmentOp, OutputOp, LoadOp, StoreOp, NopOp, GemmOp, AluOp, FinishOp], [])
