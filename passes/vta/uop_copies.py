"""Micro-op kernels that a pass adds to a program: where they are in DRAM and in the micro-op memory."""

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.program.vta import INSN, Memory, Op, Segment, VtaProgram, encode_uops
from wlm_dialect.program.vta.model import Insns, Uops

_PAGE = 4096


class UopCopies:
    """Kernels behind those of the program, each loaded where it is first used or where it was overwritten. Mutable."""

    def __init__(self, program: VtaProgram, limit: int | None = None) -> None:
        self.program = program
        config, insn = program.config, program.insn
        loads = (insn["op"] == Op.LOAD) & (insn["memory"] == Memory.UOP) & (insn["x"] > 0)
        width = insn["pad_left"] + insn["x"] + insn["pad_right"]
        height = insn["pad_top"] + insn["y"] + insn["pad_bottom"]
        self.first = int((insn["sram"] + width * height)[loads].max(initial=0))
        self.depth = min(config.depth(Memory.UOP), limit or config.depth(Memory.UOP))
        ends = [s.address + len(s.data) for s in program.segments] + [o.address + o.size for o in program.outputs]
        self.address = -(-max(ends, default=_PAGE) // _PAGE) * _PAGE
        self.data = bytearray()
        self.next = self.first
        self.in_dram: dict[bytes, int] = {}  # kernel -> element
        self.held: dict[bytes, tuple[int, int]] = {}  # kernel -> [first, behind) of the micro-op memory

    def place(self, uops: Uops) -> tuple[int, Insns | None]:
        """(where the kernel is in the micro-op memory, the LOAD that has to bring it there first, if any)."""
        data = encode_uops(uops, self.program.config)
        if data in self.held:
            return self.held[data][0], None
        count = len(uops)
        if self.first + count > self.depth:
            raise ScheduleError(
                f"{self.program.name}: a copy of {count} micro-ops does not fit the micro-op memory, of which "
                f"{self.first} of {self.depth} are taken"
            )
        begin = self.next if self.next + count <= self.depth else self.first
        self.next = begin + count
        self.held = {k: (a, b) for k, (a, b) in self.held.items() if b <= begin or a >= self.next}
        self.held[data] = (begin, self.next)
        if data not in self.in_dram:
            self.in_dram[data] = (self.address + len(self.data)) // 4
            self.data += data
        load = np.zeros(1, INSN)
        load["op"], load["memory"], load["y"] = Op.LOAD, Memory.UOP, 1
        load["sram"], load["dram"], load["x"], load["stride"] = begin, self.in_dram[data], count, count
        return begin, load

    def segment(self) -> Segment:
        """The kernels as data in DRAM."""
        taken = {s.file for s in self.program.segments}
        names = (f"uop_copies{n or ''}.bin" for n in range(len(taken) + 1))
        file = next(name for name in names if name not in taken)
        return Segment("UOP", self.address, np.frombuffer(bytes(self.data), np.uint8), 4, file)
