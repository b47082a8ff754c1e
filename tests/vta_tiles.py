"""Tiled GEMMs and convolutions as a compiler without virtual threads writes them: every tile in the same place.

They carry no tokens: the tests place them.
"""

import numpy as np

from wlm_dialect.program.vta import INSN, UOP, Alu, Config, Memory, Op, Output, Segment, VtaProgram, encode_uops

OUT = 0x400000


class Tiles:
    """A program in the making: loads, loops over micro-op kernels, stores."""

    def __init__(self, config: Config, seed: int) -> None:
        self.config, self.rng = config, np.random.default_rng(seed)
        self.rows: list[dict[str, int]] = []
        self.uops: list[tuple[int, int, int]] = []
        self.base = {Memory.INP: 0x10000, Memory.WGT: 0x100000}

    def add(self, **fields: int) -> None:
        self.rows.append({name: int(value) for name, value in fields.items()})

    def kernel(self, uops: list[tuple[int, int, int]]) -> dict[str, int]:
        """Micro-ops that are loaded once, in the beginning."""
        begin = len(self.uops)
        self.uops += uops
        return {"uop_begin": begin, "uop_end": len(self.uops)}

    def load(self, memory: Memory, at: int, y: int, x: int, stride: int, **pads: int) -> None:
        dram = self.base[memory] // self.config.element_bytes(memory) + at
        self.add(op=Op.LOAD, memory=memory, dram=dram, y=y, x=x, stride=stride, **pads)

    def finish(self, name: str, elements: dict[Memory, int], out: int) -> VtaProgram:
        """Requantise and store are there already; UOP load first, FINISH last."""
        uops = np.array(self.uops, UOP)
        size = self.config.element_bytes
        segments = [Segment("UOP", 0x1000, np.frombuffer(encode_uops(uops, self.config), np.uint8), 4, "uop.bin")]
        for memory, count in elements.items():
            data = self.rng.integers(0, 256, count * size(memory)).astype(np.uint8)
            segments.append(Segment(memory.name, self.base[memory], data, size(memory), f"{memory.name.lower()}.bin"))
        first = {"op": int(Op.LOAD), "memory": 0, "dram": 0x1000 // 4, "y": 1, "x": len(uops), "stride": len(uops)}
        rows = [first, *self.rows, {"op": int(Op.FINISH)}]
        insn = np.zeros(len(rows), INSN)
        for n, row in enumerate(rows):
            for field, value in row.items():
                insn[field][n] = value
        output = Output(OUT, out * size(Memory.OUT), None, size(Memory.OUT), "out.bin")
        return VtaProgram(name, self.config, insn, tuple(segments), (output,))


def gemm(
    rows: int, blocks: int, depth: int, *, tile: tuple[int, int], seed: int = 0, config: Config | None = None
) -> VtaProgram:
    """`rows` x `depth` blocks times `depth` x `blocks`, in tiles of (rows, blocks), one block of depth at a time."""
    made = Tiles(config or Config(), seed)
    high, wide = tile
    reset = made.kernel([(n, 0, 0) for n in range(wide)])
    product = made.kernel([(n, 0, n) for n in range(wide)])
    alu = made.kernel([(n, n, 0) for n in range(wide)])
    out = OUT // made.config.element_bytes(Memory.OUT)
    for r in range(0, rows, high):
        for b in range(0, blocks, wide):
            made.add(op=Op.GEMM, reset=1, iter_out=high, iter_in=1, dst_out=wide, **reset)
            for k in range(depth):
                made.load(Memory.INP, r * depth + k, high, 1, depth)
                made.load(Memory.WGT, b * depth + k, wide, 1, depth)
                made.add(op=Op.GEMM, iter_out=high, iter_in=1, dst_out=wide, src_out=1, **product)
            shift = {"alu": Alu.SHR, "use_imm": 1, "imm": 3}
            made.add(op=Op.ALU, iter_out=high, iter_in=1, dst_out=wide, src_out=wide, **shift, **alu)
            made.add(op=Op.STORE, memory=Memory.OUT, dram=out + r * blocks + b, y=high, x=wide, stride=blocks)
    return made.finish("gemm", {Memory.INP: rows * depth, Memory.WGT: blocks * depth}, rows * blocks)


def conv(
    height: int, width: int, channels: int, outputs: int, *, tile: int, seed: int = 0, config: Config | None = None
) -> VtaProgram:
    """3 x 3, padding 1, `channels` to `outputs` blocks; tiles of `tile` rows, one block of channels at a time."""
    made = Tiles(config or Config(), seed)
    line = width + 2
    reset = made.kernel([(0, 0, 0)])
    product = made.kernel([(0, dy * line + dx, 3 * dy + dx) for dy in range(3) for dx in range(3)])
    out = OUT // made.config.element_bytes(Memory.OUT)
    for o in range(outputs):
        for h in range(0, height, tile):
            top, bottom = int(h == 0), int(h + tile == height)
            loops = {"iter_out": tile, "iter_in": width, "dst_out": width, "dst_in": 1}
            made.add(op=Op.GEMM, reset=1, **loops, **reset)
            for c in range(channels):
                first = c * height * width + (h - 1 + top) * width
                pads = {"pad_top": top, "pad_bottom": bottom, "pad_left": 1, "pad_right": 1}
                made.load(Memory.INP, first, tile + 2 - top - bottom, width, width, **pads)
                made.load(Memory.WGT, (o * channels + c) * 9, 1, 9, 9)
                made.add(op=Op.GEMM, **loops, src_out=line, src_in=1, **product)
            made.add(op=Op.ALU, alu=Alu.MAX, use_imm=1, imm=0, **loops, src_out=width, src_in=1, **reset)
            size = tile * width
            made.add(op=Op.STORE, memory=Memory.OUT, dram=out + (o * height + h) * width, y=1, x=size, stride=size)
    elements = {Memory.INP: channels * height * width, Memory.WGT: outputs * channels * 9}
    return made.finish("conv", elements, outputs * height * width)
