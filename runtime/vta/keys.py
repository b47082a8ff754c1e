"""What each GEMM and ALU instruction does, numbered: equal keys for equal loop nests over equal micro-ops.

Long programs repeat few loop nests, so what is expensive is worked out once per key.
"""

from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import ExecutionFault, SimulationError
from wlm_dialect.program.vta import Config, Memory, Op
from wlm_dialect.program.vta.layout import layout
from wlm_dialect.runtime.vta import loops
from wlm_dialect.runtime.vta.plans import Part, make_parts

I64 = NDArray[np.int64]
LEAST = 4  # tile operations that a matrix product should have, on average
LIMIT = 1 << 24  # tile operations of one instruction: 4 G multiplications in the default configuration


@dataclass(eq=False)
class Keys:
    """`of[i]`: key of instruction i, -1 where it has none. Key k: first instruction, micro-ops `words[start[k]:]`."""

    of: I64
    first: I64
    start: I64  # (keys + 1,)
    words: NDArray[np.uint32]
    steps: I64  # tile operations of one execution
    uses: I64

    def __len__(self) -> int:
        return len(self.first)


def find_keys(
    config: Config,
    code: I64,
    insns: I64,
    words: NDArray[np.uint32],
    uops: NDArray[np.uint32],
    compiled: Any = None,
) -> Keys:
    """The keys of compute instructions `insns`, in order; LOAD UOP is executed on `uops` (depth,).

    `words` is DRAM. ExecutionFault for an instruction that reaches outside a scratchpad.
    """
    of = np.full(len(code), -1, np.int64)
    fault = np.full(1, -1, np.int64)
    shifts, depths = uop_shifts(config), _depths(config)
    if compiled is None:
        first, start, snap = _find_plain(code, insns, words, uops, shifts, depths, of, fault)
    else:
        first, start, snap = _find_compiled(compiled, code, insns, words, uops, shifts, depths, of, fault)
    if fault[0] >= 0:
        _explain(config, code, int(fault[0]), uops, shifts)
    rows = code[first]
    steps = np.maximum(0, rows[:, loops.END] - rows[:, loops.BEGIN]) * rows[:, loops.ITER_OUT] * rows[:, loops.ITER_IN]
    if len(steps) and steps.max() > LIMIT:
        worst = int(steps.argmax())
        raise SimulationError(
            f"INSTRUCTION {first[worst]} does {steps[worst]} tile operations but one that does more than {LIMIT} is "
            "not simulated"
        )
    return Keys(of, first, start, snap, steps, np.bincount(of[of >= 0], minlength=len(first)).astype(np.int64))


def uop_shifts(config: Config) -> I64:
    """Shifts of dst, src, wgt in a micro-op, and their masks."""
    places = layout(config).uop
    return np.array([*(f.low for f in places), *((1 << f.width) - 1 for f in places)], np.int64)


def unpack_uops(words: NDArray[np.uint32], shifts: I64) -> tuple[I64, I64, I64]:
    """dst, src and wgt of micro-ops."""
    wide = words.astype(np.int64)
    dst, src, wgt = (wide >> shifts[n] & shifts[n + 3] for n in range(3))
    return dst, src, wgt


def parts_of(code: I64, keys: Keys, k: int, shifts: I64) -> list[Part]:
    """The matrix products of key `k`, a GEMM without reset; none if it falls into too many."""
    row = code[keys.first[k]].tolist()
    outer = (row[loops.ITER_OUT], row[loops.DST_OUT], row[loops.SRC_OUT], row[loops.WGT_OUT])
    inner = (row[loops.ITER_IN], row[loops.DST_IN], row[loops.SRC_IN], row[loops.WGT_IN])
    return make_parts(unpack_uops(keys.words[keys.start[k] : keys.start[k + 1]], shifts), (outer, inner), LEAST)


def _depths(config: Config) -> I64:
    return np.array([config.depth(m) for m in (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC)], np.int64)


def _find_compiled(
    compiled: Any,
    code: I64,
    insns: I64,
    words: NDArray[np.uint32],
    uops: NDArray[np.uint32],
    shifts: I64,
    depths: I64,
    of: I64,
    fault: I64,
) -> tuple[I64, I64, NDArray[np.uint32]]:
    count = int(np.count_nonzero((code[insns, loops.OP] == Op.GEMM) | (code[insns, loops.OP] == Op.ALU)))
    size = 1 << (2 * count + 2).bit_length()
    first, start = np.zeros(count, np.int64), np.zeros(count + 1, np.int64)
    before, room = uops.copy(), 1 << 16
    while True:
        table, snap = np.full(size, -1, np.int64), np.zeros(room, np.uint32)
        hashes = np.zeros(count, np.int64)
        found = compiled.find_keys(
            code, insns, words, uops, shifts, depths, table, hashes, first, start, snap, of, fault
        )
        if found != loops.FULL:
            return first[:found], start[: found + 1], snap[: start[found]]
        uops[:] = before
        room *= 8


def _find_plain(
    code: I64,
    insns: I64,
    words: NDArray[np.uint32],
    uops: NDArray[np.uint32],
    shifts: I64,
    depths: I64,
    of: I64,
    fault: I64,
) -> tuple[I64, I64, NDArray[np.uint32]]:
    seen: dict[bytes, int] = {}
    first: list[int] = []
    snaps: list[NDArray[np.uint32]] = []
    for i in insns.tolist():
        row = code[i]
        op = row[loops.OP]
        if op == loops.LOAD:
            if row[loops.MEMORY] == loops.UOP and row[loops.X]:
                load_rows(row.tolist(), words, uops)
        elif op in (loops.GEMM, loops.ALU_OP):
            held = uops[row[loops.BEGIN] : row[loops.END]]
            name = row[loops.OP : loops.OP + 1].tobytes() + row[loops.RESET :].tobytes() + held.tobytes()
            key = seen.get(name)
            if key is None:
                if not _in_range(row.tolist(), held, shifts, depths.tolist()):
                    fault[0] = i
                    break
                key = seen[name] = len(first)
                first.append(i)
                snaps.append(held.copy())
            of[i] = key
    start = np.cumsum([0, *(len(s) for s in snaps)]).astype(np.int64)
    return np.array(first, np.int64), start, np.concatenate([np.zeros(0, np.uint32), *snaps])


def load_rows(row: list[int], source: NDArray[Any] | None, target: NDArray[Any]) -> None:
    """A LOAD, element by element of `source` into `target`, with zero padding. Without a source, their numbers."""
    left, x, y, top = row[loops.LEFT], row[loops.X], row[loops.Y], row[loops.TOP]
    width, height = left + x + row[loops.RIGHT], top + y + row[loops.BOTTOM]
    base, at, stride = row[loops.SRAM], row[loops.AT], row[loops.STRIDE]
    if y == 1 and width == x and height == 1:
        target[base : base + x] = np.arange(at, at + x) if source is None else source[at : at + x]
        return
    block = target[base : base + width * height].reshape(height, width, *target.shape[1:])
    if width * height != x * y:
        block[:] = 0
    if y:
        shown = np.arange(y, dtype=np.int64)[:, None] * stride + np.arange(at, at + x, dtype=np.int64)
        block[top : top + y, left : left + x] = shown if source is None else source[shown]


def _in_range(row: list[int], held: NDArray[np.uint32], shifts: I64, depths: list[int]) -> bool:
    if row[loops.END] <= row[loops.BEGIN] or not row[loops.ITER_OUT] or not row[loops.ITER_IN]:
        return True
    return row[loops.END] <= depths[loops.UOP] and not _beyond(row, held, shifts, depths)


def _beyond(row: list[int], held: NDArray[np.uint32], shifts: I64, depths: list[int]) -> list[tuple[str, int, int]]:
    """Memories that a loop nest leaves: name, highest element visited, depth."""
    tops = [int(v.max()) for v in unpack_uops(held, shifts)]
    last = row[loops.ITER_OUT] - 1, row[loops.ITER_IN] - 1
    steps = ((loops.DST_OUT, loops.DST_IN), (loops.SRC_OUT, loops.SRC_IN), (loops.WGT_OUT, loops.WGT_IN))
    dst, src, wgt = (
        top + last[0] * row[out] + last[1] * row[inner] for top, (out, inner) in zip(tops, steps, strict=True)
    )
    visits = [("ACC", dst, depths[loops.ACC])]
    if row[loops.OP] == loops.ALU_OP:
        if not row[loops.USE_IMM]:
            visits.append(("ACC", src, depths[loops.ACC]))
    elif not row[loops.RESET]:
        visits += [("INP", src, depths[loops.INP]), ("WGT", wgt, depths[loops.WGT])]
    return [visit for visit in visits if visit[1] >= visit[2]]


def _explain(config: Config, code: I64, i: int, uops: NDArray[np.uint32], shifts: I64) -> NoReturn:
    row, depths = code[i].tolist(), _depths(config).tolist()
    if row[loops.END] > depths[loops.UOP]:
        name, top, depth = "UOP", row[loops.END] - 1, depths[loops.UOP]
    else:
        name, top, depth = _beyond(row, uops[row[loops.BEGIN] : row[loops.END]], shifts, depths)[0]
    raise ExecutionFault(f"INSTRUCTION {i}, {Op(row[0]).name}, visits element {top} of {name}, which has {depth}")
