"""The counters of the reference simulator's profiler, from the instructions alone."""

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta import Memory, Op, VtaProgram


def count(program: VtaProgram, insns: NDArray[np.int32]) -> dict[str, int]:
    """Counters of executing `insns`: bytes moved (without padding), tile operations; modulo 2^64 as there."""
    rows, config = program.insn[insns], program.config
    elements = rows["x"].astype(np.int64) * rows["y"]
    loads, steps = rows["op"] == Op.LOAD, rows["iter_out"].astype(np.int64) * rows["iter_in"]
    steps = steps * (rows["uop_end"].astype(np.int64) - rows["uop_begin"])

    def loaded(*memories: Memory) -> int:
        # ACC_8BIT counts as elements of ACC
        return int(elements[loads & np.isin(rows["memory"], memories)].sum()) * config.element_bytes(memories[0])

    return {
        "inp_load_nbytes": loaded(Memory.INP),
        "wgt_load_nbytes": loaded(Memory.WGT),
        "acc_load_nbytes": loaded(Memory.ACC, Memory.ACC_8BIT),
        "uop_load_nbytes": loaded(Memory.UOP),
        "out_store_nbytes": int(elements[rows["op"] == Op.STORE].sum()) * config.element_bytes(Memory.OUT),
        "gemm_counter": int(steps[(rows["op"] == Op.GEMM) & (rows["reset"] == 0)].sum()) % (1 << 64),
        "alu_counter": int(steps[rows["op"] == Op.ALU].sum()) % (1 << 64),
    }
