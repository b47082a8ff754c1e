"""All products of a stretch of instructions, computed before its accumulators: they depend on INP and WGT alone.

Every record multiplies one list of INP elements (a row class) with one of WGT elements (a column class). Row classes
that meet the same column classes are stacked, so that what a program cut into scratchpad-sized pieces is one large
matrix product again. float32 is exact as long as no sum can reach 2^24.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta import Config, Memory
from wlm_dialect.runtime.vta.numbers import elements, is_whole, unpack

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
_EXACT = ((np.float32, 24), (np.float64, 53))


@dataclass(frozen=True, eq=False)
class Products:
    """`numbers` (all of them,): record r begins at `at[r, 0]` with `at[r, 1]` numbers per row of its matrix."""

    numbers: NDArray[Any]
    at: I64


def make_products(
    config: Config,
    data: NDArray[np.uint8],
    record: I64,
    rows: Sequence[I32],
    columns: Sequence[I32],
    compiled: Any = None,
) -> Products:
    """The products of `record` (records, 2) = (row class, column class).

    `rows[c]` (m, k) and `columns[c]` (n, k) are the elements of class c. A record with row class -1 has no product: its
    numbers per row are 0. `compiled`: the compiled loops, or None.
    """
    at = np.zeros((len(record), 2), np.int64)
    used = np.flatnonzero(record[:, 0] >= 0)
    if not len(used):
        return Products(np.zeros(0, np.int32), at)
    groups = _groups(record[used], len(columns))
    group_of = np.zeros(len(rows), np.int64)
    heights = [sum(len(rows[c]) for c in members) * config.batch for members, _ in groups]
    widths = [sum(len(columns[c]) for c in partners) * config.block_out for _, partners in groups]
    base = np.cumsum([0, *(h * w for h, w in zip(heights, widths, strict=True))])
    numbers = np.empty(int(base[-1]), np.int32)
    for number, (members, _) in enumerate(groups):
        group_of[members] = number
    order = used[np.argsort(group_of[record[used, 0]], kind="stable")]
    bounds = np.searchsorted(group_of[record[order, 0]], np.arange(len(groups) + 1))
    place = np.zeros(len(rows), np.int64)
    for number, (members, partners) in enumerate(groups):
        a, b = [rows[c] for c in members], [columns[c] for c in partners]
        block = numbers[base[number] : base[number + 1]].reshape(heights[number], widths[number])
        _multiply(config, data, _stack(a), _stack(b), block, compiled)
        place[members] = np.cumsum([0, *(len(x) for x in a[:-1])]) * config.batch
        beside = np.cumsum([0, *(len(x) for x in b[:-1])]) * config.block_out
        picked = order[bounds[number] : bounds[number + 1]]
        at[picked, 0] = base[number] + place[record[picked, 0]] * widths[number]
        at[picked, 0] += beside[np.searchsorted(partners, record[picked, 1])]
        at[picked, 1] = widths[number]
    return Products(numbers, at)


def merge_records(
    record: I64, part: I64, epoch: I64, rows: Sequence[I32], columns: Sequence[I32]
) -> tuple[I64, Sequence[I32], Sequence[I32]]:
    """Records of one part and epoch as one with a longer sum, in place of the first; the others get row class -1.

    Epochs are stretches in which accumulators are only added to, so that it does not matter when.
    """
    if not len(record):
        return record, rows, columns
    chain = epoch * (int(part.max()) + 1) + part
    order = np.argsort(chain, kind="stable")
    begins = np.flatnonzero(np.diff(chain[order], prepend=-1))
    if 2 * len(begins) > len(record):
        return record, rows, columns
    merged = np.full_like(record, -1)
    for side, classes in ((0, rows), (1, columns)):
        seen: dict[bytes, int] = {}
        joined: list[I32] = []
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(order)], strict=True):
            members = record[order[begin:end], side]
            key = members.tobytes()
            if key not in seen:
                seen[key] = len(joined)
                joined.append(np.concatenate([classes[c] for c in members.tolist()], axis=1))
            merged[order[begin], side] = seen[key]
        rows, columns = (joined, columns) if side == 0 else (rows, joined)
    return merged, rows, columns


def _stack(tables: list[I32]) -> I32:
    return tables[0] if len(tables) == 1 else np.concatenate(tables)


def _groups(record: I64, columns: int) -> list[tuple[I64, I64]]:
    """Row classes with the column classes that each of them meets, all of them equal within a group."""
    pairs = np.unique(record[:, 0] * columns + record[:, 1])
    row, column = pairs // columns, pairs % columns
    begins = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    ends = np.append(begins[1:], len(row))
    found: dict[bytes, tuple[list[int], I64]] = {}
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        met = column[begin:end]
        found.setdefault(met.tobytes(), ([], met))[0].append(int(row[begin]))
    return [(np.array(members, np.int64), met) for members, met in found.values()]


def _multiply(config: Config, data: NDArray[np.uint8], a: I32, b: I32, out: I32, compiled: Any) -> None:
    """INP elements `a` (m, k) x WGT elements `b` (n, k) into `out` (m * batch, n * block_out), exact modulo 2^32."""
    bits = config.number_bits(Memory.INP) + config.number_bits(Memory.WGT) - 2 + config.log_block_in
    if bits > _EXACT[-1][1]:
        left, right = (_matrix(config, data, m, ids, np.int64, None) for m, ids in ((Memory.INP, a), (Memory.WGT, b)))
        np.copyto(out, left @ right.T, casting="unsafe")
        return
    kind, exact = next(pair for pair in _EXACT if bits <= pair[1])
    step = 1 << (exact - bits)  # elements whose products cannot add up to more
    for low in range(0, a.shape[1], step):
        left = _matrix(config, data, Memory.INP, a[:, low : low + step], kind, compiled)
        right = _matrix(config, data, Memory.WGT, b[:, low : low + step], kind, compiled)
        total = np.matmul(left, right.T)
        whole = total if kind is np.float32 else total.astype(np.int64)
        if low:
            out += whole.astype(np.int32)
        else:
            np.copyto(out, whole, casting="unsafe")


def _matrix(
    config: Config, data: NDArray[np.uint8], memory: Memory, ids: I32, kind: Any, compiled: Any
) -> NDArray[Any]:
    """Elements `ids` (r, k) as a matrix (r * rows, k * columns)."""
    rows, columns = config.shape(memory)
    if compiled is not None and is_whole(config, memory):
        out = np.empty((len(ids), rows, ids.shape[1], columns), kind)
        compiled.fetch_matrix(ids, elements(data, config, memory), out)
        return out.reshape(len(ids) * rows, -1)
    if is_whole(config, memory):
        wide = np.empty((len(ids), rows, ids.shape[1], columns), kind)
        wide[...] = elements(data, config, memory)[ids].transpose(0, 2, 1, 3)
        return wide.reshape(len(ids) * rows, -1)
    size = config.element_bytes(memory)
    raw = data[: len(data) // size * size].reshape(-1, size)[ids.reshape(-1)]
    tiles = unpack(raw, config, memory).astype(kind).reshape(*ids.shape, rows, columns)
    return tiles.transpose(0, 2, 1, 3).reshape(len(ids) * rows, -1)
