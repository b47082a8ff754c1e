"""Random VTA programs of any widths, right by construction: tokens make them execute in program order.

Every change from one module to another has a token; between load and store, which share no queue, stands a NOP of the
compute module. Addresses, sizes and indices are drawn so that everything exists.
"""

import random

import numpy as np

from wlm_dialect.program.vta import INSN, Config, Memory, Op, Output, Segment, VtaProgram, find_modules
from wlm_dialect.program.vta.layout import layout

PAGE = 4096
# where a token goes from one module to another: flag of the giver, flag of the taker
_TOKEN = {
    (0, 1): ("push_next", "pop_prev"),
    (1, 0): ("push_prev", "pop_next"),
    (1, 2): ("push_next", "pop_prev"),
    (2, 1): ("push_prev", "pop_next"),
}


def random_config(draw: random.Random) -> Config:
    """A configuration whose instructions and micro-ops fit; scratchpads of 16 to 128 elements."""
    batch, block = draw.choice((0, 0, 1, 2)), draw.choice((1, 2, 3, 4))
    other = block if draw.random() < 0.7 else draw.choice((2, 3))
    inp, wgt, acc = draw.choice((3, 3, 2, 4)), draw.choice((3, 3, 2, 4)), draw.choice((5, 5, 4))
    bits = {"inp": batch + block + inp, "wgt": block + other + wgt, "acc": batch + other + acc}
    if min(*bits.values(), batch + other + inp) < 3:  # an element smaller than a byte
        return random_config(draw)
    depth = {name: draw.randint(4, 7) for name in bits}
    sizes = {f"log_{name}_buff_size": depth[name] + bits[name] - 3 for name in bits}
    return Config(
        log_inp_width=inp,
        log_wgt_width=wgt,
        log_acc_width=acc,
        log_batch=batch,
        log_block_in=block,
        log_block_out=other,
        log_uop_buff_size=draw.randint(5, 8) + 2,
        **sizes,
    )


class Maker:
    """One random program in the making."""

    def __init__(self, seed: int, config: Config | None = None, length: int = 24) -> None:
        self.draw = random.Random(seed)
        self.config = config or (Config() if self.draw.random() < 0.3 else random_config(self.draw))
        self.rows: list[dict[str, int]] = []
        self.rng = np.random.default_rng(seed)
        self.base: dict[Memory, tuple[int, int]] = {}  # first element and number of elements in DRAM
        address, self.segments = PAGE, []
        for memory in (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC, Memory.ACC_8BIT, Memory.OUT):
            size = self.config.element_bytes(memory)
            unit = max(PAGE, size)
            address = -(-address // unit) * unit
            count = 96
            self.base[memory] = (address // size, count)
            data = self.rng.integers(0, 256, count * size).astype(np.uint8)
            if memory == Memory.UOP:
                data = self.uops(count).view(np.uint8)
            if memory == Memory.OUT:
                self.output = Output(address, len(data), None, size)
            self.segments.append(Segment(memory.name, address, data, size))
            address += len(data)
        self.held = [0] * self.config.depth(Memory.UOP)
        # all that loops use, so that a second launch does not meet the micro-ops of the first
        self.add(op=Op.LOAD, memory=Memory.UOP, dram=self.base[Memory.UOP][0], y=1, x=32, stride=32)
        self.held[:32] = self.words[:32].tolist()
        for _ in range(length):
            self.draw.choice((self.load, self.load, self.gemm, self.gemm, self.alu, self.store))()
        self.store()

    def uops(self, count: int) -> np.ndarray:
        limits = [min(12, 1 << f.width) for f in layout(self.config).uop]
        self.words = np.zeros(count, np.uint32)
        for f, limit in zip(layout(self.config).uop, limits, strict=True):
            step = self.draw.choice((0, 1, 3))
            values = (self.rng.integers(0, limit, count) if step == 3 else step * np.arange(count)) % limit
            self.words |= (values << f.low).astype(np.uint32)
        return self.words

    def add(self, **fields: int) -> None:
        self.rows.append({name: int(value) for name, value in fields.items()})

    def box(self, elements: int, count: int, padded: bool) -> dict[str, int]:
        """A box whose scratchpad side fits `elements` and whose DRAM side fits `count`."""
        draw = self.draw
        while True:
            y, x = draw.choice((1, 1, 2, 3, 0)), draw.randint(1, 6)
            stride = draw.choice((0, x, x + 1, max(0, x - 1)))
            pads = [draw.choice((0, 0, 1, 2)) if padded else 0 for _ in range(4)]
            size = (y + pads[0] + pads[1]) * (x + pads[2] + pads[3])
            reach = (max(y, 1) - 1) * stride + x
            if size <= elements and reach <= count:
                sides = dict(zip(("pad_top", "pad_bottom", "pad_left", "pad_right"), pads, strict=True))
                return {"sram": draw.randint(0, elements - size), "y": y, "x": x, "stride": stride, **sides}

    def load(self) -> None:
        memory = self.draw.choice((Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC, Memory.ACC_8BIT))
        first, count = self.base[memory]
        size, out = self.config.element_bytes(memory), self.config.element_bytes(Memory.OUT)
        if memory in (Memory.INP, Memory.WGT) and self.draw.random() < 0.3 and self.output.size >= 8 * size:
            first, count = -(-self.output.address // size), self.output.size // size - 1  # what was stored before
        assert out
        box = self.box(self.config.depth(memory), count, padded=True)
        reach = (max(box["y"], 1) - 1) * box["stride"] + box["x"]
        dram = first + self.draw.randint(0, count - reach)
        self.add(op=Op.LOAD, memory=memory, dram=dram, **box)
        if memory == Memory.UOP:
            width = box["pad_left"] + box["x"] + box["pad_right"]
            for r in range(box["pad_top"] + box["y"] + box["pad_bottom"]):
                for c in range(width):
                    y, x = r - box["pad_top"], c - box["pad_left"]
                    inside = 0 <= y < box["y"] and 0 <= x < box["x"]
                    word = int(self.words[dram - first + y * box["stride"] + x]) if inside else 0
                    self.held[box["sram"] + r * width + c] = word

    def loops(self, limits: tuple[int, ...], fields: tuple[int, ...], names: tuple[str, ...]) -> dict[str, int]:
        """Loops over micro-ops whose indices stay below `limits`."""
        draw, places = self.draw, layout(self.config).uop
        while True:
            begin = draw.randint(0, min(20, len(self.held) - 1))
            end = min(len(self.held), begin + draw.choice((0, 1, 2, 4, 8)))
            iters = [draw.choice((1, 1, 2, 3, 5, 0)) for _ in range(2)]
            steps = [[draw.choice((0, 0, 1, 1, 2, 4)) for _ in range(2)] for _ in names]
            fits = True
            for field, limit, pair in zip(fields, limits, steps, strict=True):
                f = places[field]
                tops = [word >> f.low & ((1 << f.width) - 1) for word in self.held[begin:end]]
                top = max(tops, default=0) + sum(max(0, n - 1) * s for n, s in zip(iters, pair, strict=True))
                fits &= top < limit
            if fits:
                break
        out = {"uop_begin": begin, "uop_end": end, "iter_out": iters[0], "iter_in": iters[1]}
        for name, pair in zip(names, steps, strict=True):
            out |= {f"{name}_out": pair[0], f"{name}_in": pair[1]}
        return out

    def gemm(self) -> None:
        depths = tuple(self.config.depth(m) for m in (Memory.ACC, Memory.INP, Memory.WGT))
        loops = self.loops(depths, (0, 1, 2), ("dst", "src", "wgt"))
        self.add(op=Op.GEMM, reset=int(self.draw.random() < 0.15), **loops)

    def alu(self) -> None:
        acc = self.config.depth(Memory.ACC)
        loops = self.loops((acc, acc), (0, 1), ("dst", "src"))
        imm = self.draw.choice((0, 1, -1, 3, -3, 31, 100, -32768, 32767))
        self.add(op=Op.ALU, alu=self.draw.randint(0, 4), use_imm=self.draw.randint(0, 1), imm=imm, **loops)

    def store(self) -> None:
        out = self.config.element_bytes(Memory.OUT)
        first, count = self.output.address // out, self.output.size // out
        if self.draw.random() < 0.2 and self.config.element_bytes(Memory.INP) == out:
            first, count = self.base[Memory.INP]
        box = self.box(self.config.depth(Memory.ACC), count, padded=False)
        reach = (max(box["y"], 1) - 1) * box["stride"] + box["x"]
        self.add(op=Op.STORE, memory=Memory.OUT, dram=first + self.draw.randint(0, count - reach), **box)

    def program(self) -> VtaProgram:
        """The program with its tokens, its NOPs and FINISH."""
        rows: list[dict[str, int]] = []
        at = -1
        for row in [*self.rows, {"op": int(Op.FINISH)}]:
            module = int(find_modules(_table([row]))[0])
            if {at, module} == {0, 2}:
                _link(rows, at, 1, nop := {"op": int(Op.LOAD), "memory": int(Memory.UOP)})
                rows.append(nop)
                at = 1
            if rows and at != module:
                _link(rows, at, module, row)
            rows.append(row)
            at = module
        return VtaProgram("random", self.config, _table(rows), tuple(self.segments), (self.output,))


def _link(rows: list[dict[str, int]], at: int, module: int, row: dict[str, int]) -> None:
    give, take = _TOKEN[at, module]
    rows[-1][give] = 1
    row[take] = 1


def _table(rows: list[dict[str, int]]) -> np.ndarray:
    table = np.zeros(len(rows), INSN)
    for n, row in enumerate(rows):
        for name, value in row.items():
            table[name][n] = value
    return table


def random_program(seed: int, config: Config | None = None, length: int = 24) -> VtaProgram:
    """A random program that is proved right and has a known meaning."""
    return Maker(seed, config, length).program()
