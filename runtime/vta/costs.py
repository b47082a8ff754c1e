"""How long instructions take, in ticks of the VTA clock. Assumptions, named and changeable: nothing here was measured.

GEMM takes one micro-op per tick and ALU one per two (initiation intervals of the HLS implementation). Widths and
latencies are round numbers of a small FPGA: a bus of 64 bits, 32 ticks to memory and back.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from wlm_dialect.errors import SimulationError, did_you_mean
from wlm_dialect.kernels.csr import I64
from wlm_dialect.program.vta import Memory, Op, VtaProgram
from wlm_dialect.program.vta.codec import INSN_BYTES

_MEMORIES = (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC, Memory.ACC_8BIT)


@dataclass(frozen=True)
class Costs:
    """Ticks. Each module has its own port to memory, and fetch too; they do not slow each other down."""

    clock_mhz: int = 100
    bus_bytes: int = 8  # per tick and port
    latency: int = 32  # of the one request of a LOAD or STORE that moves data
    dispatch: int = 2  # of every instruction, NOPs and FINISH included
    gemm: int = 1  # per micro-op of a GEMM
    alu: int = 2  # per micro-op of an ALU
    pipeline: int = 8  # to fill and drain the pipeline of a GEMM or ALU

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            low = 0 if f.name in ("latency", "pipeline") else 1
            if type(value) is not int or not low <= value <= 1 << 32:
                raise SimulationError(f"cost {f.name} is {value!r}, but has to be a whole number from {low} to 2^32")

    @staticmethod
    def parse(texts: list[str]) -> "Costs":
        """The defaults with changes such as `latency=100`."""
        costs, names = Costs(), [f.name for f in fields(Costs)]
        for text in texts:
            name, equals, value = text.partition("=")
            if name not in names:
                raise SimulationError(f"unknown cost '{name}'{did_you_mean(name, names)}")
            if not equals or not value.isdigit():
                raise SimulationError(f"cost '{text}': expected {name}=TICKS, a whole number")
            costs = replace(costs, **{name: int(value)})
        return costs

    @property
    def fetch(self) -> int:
        """Ticks between two instructions that fetch hands out."""
        return -(-INSN_BYTES // self.bus_bytes)

    def durations(self, program: VtaProgram) -> I64:
        """Ticks of each instruction. Shape (instructions,).

        A LOAD takes as long as its data need on the bus; zeros are written meanwhile, one element per tick.
        """
        insn = program.insn
        rounds = insn["iter_out"].astype(np.int64) * insn["iter_in"]
        rounds *= np.maximum(0, insn["uop_end"] - insn["uop_begin"])
        out = np.full(len(insn), self.dispatch, np.int64)
        for op, per_round in ((Op.GEMM, self.gemm), (Op.ALU, self.alu)):
            mine = insn["op"] == op
            out[mine] += rounds[mine] * per_round + self.pipeline
        x, y = insn["x"].astype(np.int64), insn["y"].astype(np.int64)
        zeros = (insn["pad_left"] + x + insn["pad_right"]) * (insn["pad_top"] + y + insn["pad_bottom"]) - x * y
        moves = (insn["op"] <= Op.STORE) & (x > 0)
        bits = [program.config.element_bytes(m) for m in _MEMORIES]
        for memory, size in zip(_MEMORIES, bits, strict=True):
            mine = moves & (insn["op"] == Op.LOAD) & (insn["memory"] == memory)
            out[mine] += self.latency + np.maximum(-(-(x * y * size)[mine] // self.bus_bytes), zeros[mine])
        mine = moves & (insn["op"] == Op.STORE)
        size = program.config.element_bytes(Memory.OUT)
        out[mine] += self.latency + -(-(x * y * size)[mine] // self.bus_bytes)
        return out


def jittered(durations: I64, seed: int, kind: str) -> I64:
    """Durations drawn at random by `seed`: "uniform" within a quarter, or "extreme", each a tick or a hundred times it.

    Equal arguments give equal durations.
    """
    draw = np.random.default_rng(seed)
    if kind == "uniform":
        out: I64 = np.maximum(1, (durations * draw.integers(75, 126, len(durations))) // 100)
        return out
    return np.where(draw.random(len(durations)) < 0.5, 1, durations * 100)
