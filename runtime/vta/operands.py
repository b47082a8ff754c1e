"""What every GEMM multiplies, as elements of DRAM: INP and WGT followed through their LOADs, nothing multiplied yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta import Memory, Op
from wlm_dialect.runtime.vta import loops
from wlm_dialect.runtime.vta.keys import Keys, load_rows
from wlm_dialect.runtime.vta.plans import Part

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
PART = ("src", "src_end", "wgt", "wgt_end", "dst", "dst_end", "m", "n", "k")
"""Columns of a part: where its tables are in those of all parts, and its shape."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of all keys that are worth a matrix product: those of key k are `of[k]:of[k + 1]`."""

    of: I64  # (keys + 1,)
    parts: tuple[Part, ...]
    rows: I64  # (parts, len(PART))
    src: I32
    wgt: I32
    dst: I32


@dataclass(frozen=True, eq=False)
class Operands:
    """`record` (records, 2) of row and column class; `rows` (m, k) and `columns` (n, k) are the elements of each; per
    record its `part`, and the place of its GEMM in the order; and a pair of elements for every step of GEMMs without
    parts, in order of execution."""

    record: I64
    rows: Sequence[I32]
    columns: Sequence[I32]
    part: I64
    place: I64
    pair_src: I32
    pair_wgt: I32


def join_parts(parts_of: Sequence[Sequence[Part]]) -> Parts:
    """Tables of all parts from the parts of each key."""
    of = np.cumsum([0, *(len(p) for p in parts_of)]).astype(np.int64)
    parts = tuple(part for own in parts_of for part in own)
    ends = [np.cumsum([0, *(getattr(p, name).size for p in parts)]) for name in ("src", "wgt", "dst")]
    bounds = [column for end in ends for column in (end[:-1], end[1:])]
    shapes = np.array([(*p.dst.shape, p.src.shape[1]) for p in parts], np.int64).reshape(-1, 3)
    none = np.zeros(0, np.int32)
    src, wgt, dst = (np.concatenate([none, *(getattr(p, n).reshape(-1) for p in parts)]) for n in ("src", "wgt", "dst"))
    return Parts(of, parts, np.concatenate([np.stack(bounds, axis=1), shapes], axis=1), src, wgt, dst)


def gather(
    code: I64, order: I64, keys: Keys, parts: Parts, inp: I32, wgt: I32, shifts: I64, steps: Any, compiled: Any = None
) -> Operands:
    """The operands of GEMMs among instructions `order`; `inp` and `wgt` (depth,), elements held, are updated.

    `steps` gives the elements that a key visits, `compiled` the compiled loops or None.
    """
    if compiled is None:
        return _gather_plain(code, order, keys, parts, inp, wgt, steps)
    places = np.flatnonzero((code[order, loops.OP] == Op.GEMM) & (code[order, loops.RESET] == 0))
    used = keys.of[order[places]]
    count = parts.of[used + 1] - parts.of[used]
    part = _ranges(parts.of[used], count)
    pairs = int(keys.steps[used[count == 0]].sum())
    sizes = parts.rows[part]
    record = np.zeros((len(part), 2), np.int64)
    rows = _class_tables(len(part), int((sizes[:, 1] - sizes[:, 0]).sum()))
    columns = _class_tables(len(part), int((sizes[:, 3] - sizes[:, 2]).sum()))
    pair_src, pair_wgt = np.zeros(pairs, np.int32), np.zeros(pairs, np.int32)
    compiled.gather(
        code,
        order,
        keys.of,
        inp,
        wgt,
        keys.words,
        keys.start,
        shifts,
        parts.of,
        parts.rows,
        parts.src,
        parts.wgt,
        rows,
        columns,
        record,
        pair_src,
        pair_wgt,
    )
    return Operands(record, _classes(rows), _classes(columns), part, np.repeat(places, count), pair_src, pair_wgt)


def _ranges(low: I64, count: I64) -> I64:
    """low[0], low[0] + 1, ... (count[0] of them), low[1], ..."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    shifts: I64 = np.repeat(low - (ends - count), count)
    return np.arange(total, dtype=np.int64) + shifts


def _class_tables(records: int, elements: int) -> tuple[I32, I64, I64]:
    size = 1 << (2 * records + 2).bit_length()
    return np.zeros(elements, np.int32), np.zeros((records + 1, 4), np.int64), np.full(size, -1, np.int64)


def _classes(tables: tuple[I32, I64, I64]) -> list[I32]:
    seen, found, _ = tables
    return [seen[at : at + count].reshape(-1, k) for at, count, _, k in found[: found[-1, 1]].tolist()]


def _gather_plain(code: I64, order: I64, keys: Keys, parts: Parts, inp: I32, wgt: I32, steps: Any) -> Operands:
    rows: dict[tuple[bytes, int], tuple[int, I32]] = {}
    columns: dict[tuple[bytes, int], tuple[int, I32]] = {}
    record: list[tuple[int, int]] = []
    used: list[tuple[int, int]] = []
    pair_src, pair_wgt = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    held = {int(Memory.INP): inp, int(Memory.WGT): wgt}
    for place, i in enumerate(order.tolist()):
        op, memory, x = (int(code[i, c]) for c in (loops.OP, loops.MEMORY, loops.X))
        if op == Op.LOAD and x and memory in held:
            load_rows(code[i].tolist(), None, held[memory])
        elif op == Op.GEMM and not code[i, loops.RESET]:
            key = int(keys.of[i])
            low, high = parts.of[key : key + 2].tolist()
            if low == high:
                _, src, weight = steps.visits(key)
                pair_src.append(inp[src])
                pair_wgt.append(wgt[weight])
            for p in range(low, high):
                part = parts.parts[p]
                record.append((_class(rows, inp[part.src]), _class(columns, wgt[part.wgt])))
                used.append((p, place))
    table = np.array(record, np.int64).reshape(-1, 2)
    lists = [[elements for _, elements in found.values()] for found in (rows, columns)]
    own, places = np.array(used, np.int64).reshape(-1, 2).T
    return Operands(table, lists[0], lists[1], own, places, np.concatenate(pair_src), np.concatenate(pair_wgt))


def _class(found: dict[tuple[bytes, int], tuple[int, I32]], elements: I32) -> int:
    key = (elements.tobytes(), elements.shape[1])
    if key not in found:
        found[key] = (len(found), elements)
    return found[key][0]
