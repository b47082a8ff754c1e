"""DRAM as one array, and instructions as rows of numbers with their DRAM addresses resolved into it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import ExecutionFault, SimulationError
from wlm_dialect.program.vta import Memory, Op, VtaProgram

PAGE = 4096  # bytes: what the reference allocates and checks by
GAP = 1 << 28  # bytes of address space without data that are not worth a place of their own
LIMIT = 1 << 36  # bytes; the array is only as large in memory as what is touched
POISON = 0xA5
_HELD = (Memory.INP, Memory.WGT)

COLUMNS = (
    *("op", "memory", "sram", "at", "y", "x", "stride", "pad_top", "pad_bottom", "pad_left", "pad_right"),
    *("reset", "uop_begin", "uop_end", "iter_out", "iter_in", "dst_out", "dst_in", "src_out", "src_in"),
    *("wgt_out", "wgt_in", "alu", "use_imm", "imm"),
)
"""Columns of `Image.code`: fields of INSN, but `at` is the element in `data` where dram begins (bytes / element)."""

I64 = NDArray[np.int64]


@dataclass(eq=False)
class Image:
    """All DRAM a program names, in `data` (bytes,); address a of cluster c is byte a - start[c] + offset[c].

    In front are one unit of zeros and what INP and WGT held at some point (`inp`, `wgt`: bytes where they begin), so
    that one number names any element a scratchpad can hold. Units, the multiples that clusters begin at, are multiples
    of every element size. `mapped` counts the pages up to each one that hold something. `code` has shape
    (instructions, len(COLUMNS)); `low` and `high` are the pages that an instruction moves data in, `apart` says that no
    STORE meets an early LOAD in any of them. Per instruction: `op`; `early`, whether it is a LOAD of INP, WGT or UOP;
    `alters`, whether it does more to accumulators than add to them.
    """

    data: NDArray[np.uint8]
    start: I64  # (clusters,) addresses
    end: I64
    offset: I64
    mapped: I64  # (pages of data + 1,)
    inp: int
    wgt: int
    code: I64
    low: I64
    high: I64
    op: I64
    early: NDArray[np.bool_]
    alters: NDArray[np.bool_]
    apart: bool = True

    def place(self, address: int, size: int) -> NDArray[np.uint8]:
        """The bytes of a region that the program names."""
        c = int(np.searchsorted(self.start, address, "right")) - 1
        at = address - int(self.start[c]) + int(self.offset[c])
        return self.data[at : at + size]


def make_image(program: VtaProgram, *, poison: bool = False) -> Image:
    """DRAM before the first launch; ExecutionFault where an instruction reaches outside what the program names.

    Regions count by whole pages, as in the reference. A program that names no output may store anywhere. Bytes
    nobody gave a value are zero, or `POISON` outside outputs.
    """
    config, columns = program.config, program.columns
    unit = max(PAGE, *(config.element_bytes(m) for m in Memory))
    first, last, size = _reach(program)
    regions = [(s.address, s.address + len(s.data)) for s in program.segments if len(s.data)]
    regions += [(o.address, o.address + o.size) for o in program.outputs if o.size]
    if not program.outputs:
        stores = np.flatnonzero((columns["op"] == Op.STORE) & (last > first))
        regions += list(zip(first[stores].tolist(), last[stores].tolist(), strict=True))
    inp, wgt, front = np.cumsum([unit, *(_padded(config.depth(m) * config.element_bytes(m), unit) for m in _HELD)])
    start, end, offset, mapped, total = _clusters(regions, unit, int(front))
    data = np.zeros(total, np.uint8)
    if poison:
        data[unit:] = POISON
    none, op = np.zeros(len(program), np.int64), columns["op"]
    read_only = np.array([m in (Memory.INP, Memory.WGT, Memory.UOP) for m in range(8)])
    early = (op == Op.LOAD) & read_only[columns["memory"]]
    alters = ~early & ((op != Op.GEMM) | (columns["reset"] != 0)) & ((op > Op.STORE) | (columns["x"] > 0))
    image = Image(data, start, end, offset, mapped, int(inp), int(wgt), none, none, none, op, early, alters)
    for output in program.outputs:
        image.place(output.address, output.size)[:] = 0
    for segment in program.segments:
        if len(segment.data):
            image.place(segment.address, len(segment.data))[:] = segment.data
    at = _locate(image, program, first, last, size)
    image.code = np.empty((len(program), len(COLUMNS)), np.int64)
    for n, name in enumerate(COLUMNS):
        image.code[:, n] = at if name == "at" else columns[name]
    image.apart = not _meet(image)
    return image


def _meet(image: Image) -> bool:
    """Whether an early LOAD and a STORE touch one page."""
    loads, stores = image.early, (image.op == Op.STORE) & (image.high > 0)
    if not stores.any():
        return False
    edges = np.zeros(len(image.mapped), np.int64)
    np.add.at(edges, image.low[stores], 1)
    np.add.at(edges, image.high[stores], -1)
    stored = np.concatenate([[0], np.cumsum(np.cumsum(edges) > 0)])
    return bool(np.any(stored[image.high[loads]] > stored[image.low[loads]]))


def _reach(program: VtaProgram) -> tuple[I64, I64, I64]:
    """Per instruction the first byte it touches in DRAM, the one after the last, and the bytes of an element."""
    columns = program.columns
    sizes = [program.config.element_bytes(Memory(m)) if m < len(Memory) else 1 for m in range(8)]
    # a STORE writes OUT, whatever its NOPs name
    size = np.where(columns["op"] == Op.STORE, sizes[Memory.OUT], np.array(sizes, np.int64)[columns["memory"]])
    moves = (columns["op"] <= Op.STORE) & (columns["x"] > 0) & (columns["y"] > 0)
    first = columns["dram"] * size
    rows = (columns["y"] - 1) * columns["stride"] + columns["x"]
    return np.where(moves, first, 0), np.where(moves, first + rows * size, 0), size


def _padded(size: int, unit: int) -> int:
    return -(-size // unit) * unit


def _clusters(regions: list[tuple[int, int]], unit: int, front: int) -> tuple[I64, I64, I64, I64, int]:
    """Regions joined where they are close: start, end, offset behind `front`; pages in use, summed up; bytes in all."""
    paged = sorted((low // unit * unit, -(-high // unit) * unit) for low, high in regions)
    joined: list[list[int]] = []
    for low, high in paged:
        if joined and low - joined[-1][1] <= GAP:
            joined[-1][1] = max(joined[-1][1], high)
        else:
            joined.append([low, high])
    start, end = (np.array([j[side] for j in joined], np.int64) for side in (0, 1))
    offset = np.cumsum(np.concatenate([[front], end - start])).astype(np.int64)
    if offset[-1] > LIMIT:
        raise SimulationError(f"the program names {offset[-1]} bytes of DRAM but at most {LIMIT} can be simulated")
    edges = np.zeros(int(offset[-1]) // PAGE + 1, np.int64)
    for low, high in ((r[0] // PAGE * PAGE, -(-r[1] // PAGE) * PAGE) for r in regions):
        c = int(np.searchsorted(start, low, "right")) - 1
        base = int(offset[c] - start[c])
        edges[(low + base) // PAGE] += 1
        edges[(high + base) // PAGE] -= 1
    mapped = np.concatenate([[0], np.cumsum(np.cumsum(edges)[:-1] > 0)]).astype(np.int64)
    return start, end, offset[:-1], mapped, int(offset[-1])


def _locate(image: Image, program: VtaProgram, first: I64, last: I64, size: I64) -> I64:
    """Per instruction the element of `data` where it begins; ExecutionFault if a byte it touches is nowhere."""
    moves = np.flatnonzero(last > first)
    at = np.zeros(len(program), np.int64)
    if not len(moves):
        return at
    if not len(image.start):
        raise _outside(program, int(moves[0]), first, last)
    cluster = np.maximum(np.searchsorted(image.start, first[moves], "right") - 1, 0)
    inside = (first[moves] >= image.start[cluster]) & (last[moves] <= image.end[cluster])
    if not inside.all():
        raise _outside(program, int(moves[~inside][0]), first, last)
    base = image.offset[cluster] - image.start[cluster]
    low, high = (first[moves] + base) // PAGE, -(-(last[moves] + base) // PAGE)
    holes = image.mapped[high] - image.mapped[low] != high - low
    for n in np.flatnonzero(holes).tolist():
        i = int(moves[n])
        if not _rows_mapped(image, program, i, int(first[i] + base[n]), int(size[i])):
            raise _outside(program, i, first, last)
    at[moves] = (first[moves] + base) // size[moves]
    image.low, image.high = np.zeros((2, len(program)), np.int64)
    image.low[moves], image.high[moves] = low, high
    return at


def _rows_mapped(image: Image, program: VtaProgram, i: int, begin: int, size: int) -> bool:
    row = program.insn[i]
    low = begin + np.arange(int(row["y"]), dtype=np.int64) * int(row["stride"]) * size
    high = -(-(low + int(row["x"]) * size) // PAGE)
    low //= PAGE
    return bool(np.all(image.mapped[high] - image.mapped[low] == high - low))


def _outside(program: VtaProgram, i: int, first: I64, last: I64) -> ExecutionFault:
    what = "stores to" if program.insn["op"][i] == Op.STORE else f"loads {Memory(program.insn['memory'][i]).name} from"
    return ExecutionFault(
        f"INSTRUCTION {i} {what} DRAM bytes 0x{first[i]:x} to 0x{last[i]:x}, where the program has no segment or output"
    )
