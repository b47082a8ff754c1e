"""Dependences by DRAM: only programs that load what they store have any."""

from math import gcd

import numpy as np

from wlm_dialect.kernels.csr import I64
from wlm_dialect.passes.vta.races import dram_rows, load_of_stored, merge_rows
from wlm_dialect.program.vta import Module, VtaProgram


class DramHistory:
    """Per byte that some STORE writes: who stored it last, and who of load and compute loaded it last."""

    def __init__(self, program: VtaProgram) -> None:
        self.program = program
        self.merged = np.zeros((0, 2), np.int64)
        if load_of_stored(program) >= 0:
            rows = [r for i in program.lists[Module.STORE].tolist() for r in dram_rows(program, i)]
            self.merged = merge_rows(rows)
        # addresses are multiples of elements: one entry of the history stands for `unit` bytes
        self.unit = gcd(*(b for i in self._movers() for r in dram_rows(program, i) for b in r)) or 1
        self.begin: I64 = np.concatenate([[0], np.cumsum(self.merged[:, 1] - self.merged[:, 0])]) // self.unit
        self.last = {m: np.full(int(self.begin[-1]), -1, np.int32) for m in Module}

    def _movers(self) -> list[int]:
        if not len(self.merged):
            return []
        found: list[int] = np.flatnonzero(~self.program.nop & (self.program.insn["op"] <= 1)).tolist()
        return found

    def visit(self, i: int) -> set[int]:
        """The instructions of other modules that `i` comes after: of a LOAD the STORE before it, and the other way."""
        if not len(self.merged):
            return set()
        module = Module(int(self.program.module[i]))
        others = (Module.LOAD, Module.COMPUTE) if module == Module.STORE else (Module.STORE,)
        found: set[int] = set()
        for low, high in dram_rows(self.program, i):
            for part in self._parts(low, high):
                found |= {int(self.last[m][part].max()) for m in others}
                self.last[module][part] = i
        return found - {-1}

    def _parts(self, low: int, high: int) -> list[slice]:
        """Where [low, high) meets what is stored."""
        out = []
        n = int(np.searchsorted(self.merged[:, 1], low, side="right"))
        while n < len(self.merged) and self.merged[n, 0] < high:
            first, behind = (int(v) for v in self.merged[n])
            base = int(self.begin[n]) * self.unit - first
            a, b = max(low, first) + base, min(high, behind) + base
            out.append(slice(a // self.unit, b // self.unit))
            n += 1
        return out
