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
    shapes: I64,
    compiled: Any = None,
) -> Products:
    """The products of `record` (records, 2) = (row class, column class).

    `rows[c]` and `columns[c]` list the elements of class c; `shapes` (records, 3) is m, n, k of each record. `compiled`:
    the compiled loops, or None.
    """
    at = np.zeros((len(record), 2), np.int64)
    if not len(record):
        return Products(np.zeros(0, np.int32), at)
    groups = _groups(record, len(columns))
    group_of, k_of = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for number, (members, _) in enumerate(groups):
        group_of[members] = number
    k_of[record[:, 0]] = shapes[:, 2]
    order = np.argsort(group_of[record[:, 0]], kind="stable")
    bounds = np.searchsorted(group_of[record[order, 0]], np.arange(len(groups) + 1))
    blocks: list[NDArray[Any]] = []
    base = 0
    place = np.zeros(len(rows), np.int64)
    for number, (members, partners) in enumerate(groups):
        k = int(k_of[members[0]])
        a, b = [rows[c].reshape(-1, k) for c in members], [columns[c].reshape(-1, k) for c in partners]
        block = _multiply(config, data, np.concatenate(a), np.concatenate(b), compiled)
        place[members] = np.cumsum([0, *(len(x) for x in a[:-1])]) * config.batch
        beside = np.cumsum([0, *(len(x) for x in b[:-1])]) * config.block_out
        picked = order[bounds[number] : bounds[number + 1]]
        row, column = record[picked, 0], np.searchsorted(partners, record[picked, 1])
        at[picked, 0] = base + place[row] * block.shape[1] + beside[column]
        at[picked, 1] = block.shape[1]
        blocks.append(block.reshape(-1))
        base += block.size
    return Products(blocks[0] if len(blocks) == 1 else np.concatenate(blocks), at)


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


def _multiply(config: Config, data: NDArray[np.uint8], a: I32, b: I32, compiled: Any) -> NDArray[Any]:
    """INP elements `a` (m, k) x WGT elements `b` (n, k) as numbers (m * batch, n * block_out), exact modulo 2^32."""
    bits = config.number_bits(Memory.INP) + config.number_bits(Memory.WGT) - 2
    if bits + config.log_block_in > _EXACT[-1][1]:
        left, right = (
            _matrix(config, data, Memory.INP, a, np.int64, None),
            _matrix(config, data, Memory.WGT, b, np.int64, None),
        )
        return (left @ right.T).astype(np.int32)
    kind, exact = next(pair for pair in _EXACT if bits + config.log_block_in <= pair[1])
    step = 1 << (exact - bits - config.log_block_in)  # elements whose products cannot add up to more
    total: NDArray[Any] | None = None
    for low in range(0, a.shape[1], step):
        left = _matrix(config, data, Memory.INP, a[:, low : low + step], kind, compiled)
        right = _matrix(config, data, Memory.WGT, b[:, low : low + step], kind, compiled)
        part = np.matmul(left, right.T)
        whole = part.astype(np.int32) if exact == _EXACT[0][1] else part.astype(np.int64).astype(np.int32)
        total = whole if total is None else total + whole
    assert total is not None
    return total


def _matrix(
    config: Config, data: NDArray[np.uint8], memory: Memory, ids: I32, kind: Any, compiled: Any
) -> NDArray[Any]:
    """Elements `ids` (r, k) as a matrix (r * rows, k * columns)."""
    rows, columns = config.shape(memory)
    if compiled is not None and is_whole(config, memory):
        out = np.empty((len(ids), rows, ids.shape[1], columns), kind)
        compiled.fetch_matrix(ids, elements(data, config, memory), out)
        return out.reshape(len(ids) * rows, -1)
    size = config.element_bytes(memory)
    raw = data[: len(data) // size * size].reshape(-1, size)[ids.reshape(-1)]
    tiles = unpack(raw, config, memory).astype(kind).reshape(*ids.shape, rows, columns)
    return tiles.transpose(0, 2, 1, 3).reshape(len(ids) * rows, -1)
