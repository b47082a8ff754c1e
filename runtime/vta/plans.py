"""Loop nests of micro-ops as matrix products.

A GEMM instruction adds INP[src] x WGT[wgt] to ACC[dst] for every micro-op and iteration. Where the order of loops lets
it, that is ACC[dst[m, n]] += sum over k of INP[src[m, k]] x WGT[wgt[n, k]]: a product of a matrix of INP elements and
one of WGT elements. Every nest splits into a few such parts.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Part:
    """Scratchpad elements: `dst` (m, n), `src` (m, k), `wgt` (n, k). An element may occur in `dst` more than once."""

    dst: I32
    src: I32
    wgt: I32

    @cached_property
    def distinct(self) -> bool:
        """Whether no element occurs in `dst` twice."""
        return len(np.unique(self.dst)) == self.dst.size


Axis = tuple[int, int, int, int]  # iterations, and what one adds to dst, src, wgt


def make_parts(uops: tuple[I64, I64, I64], axes: tuple[Axis, Axis], least: int = 1) -> list[Part]:
    """The parts of a GEMM without reset: its micro-ops (dst, src, wgt), and its outer and inner loop.

    None if the parts would have less than `least` tile operations on average.
    """
    nested = [axis for axis in axes if axis[1] and axis[2] and axis[3]]  # moves all three: a part per iteration
    parts: list[Part] = []
    tables = _tables(*uops)
    total = len(uops[0]) * axes[0][0] * axes[1][0]
    if total < least * len(tables) * math.prod(axis[0] for axis in nested):
        return parts
    for table in tables:
        for shift in _shifts(nested):
            dst, src, wgt = table[0] + shift[0], table[1] + shift[1], table[2] + shift[2]
            for count, d, s, w in axes:
                steps = np.arange(count, dtype=np.int64)
                if not d:
                    src = (src[:, None, :] + s * steps[:, None]).reshape(len(src), -1)
                    wgt = (wgt[:, None, :] + w * steps[:, None]).reshape(len(wgt), -1)
                elif not w:
                    src = (src[None] + s * steps[:, None, None]).reshape(-1, src.shape[1])
                    dst = (dst[None] + d * steps[:, None, None]).reshape(-1, dst.shape[1])
                elif not s:
                    wgt = (wgt[None] + w * steps[:, None, None]).reshape(-1, wgt.shape[1])
                    dst = (dst[:, None, :] + d * steps[:, None]).reshape(len(dst), -1)
            parts.append(Part(dst.astype(np.int32), src.astype(np.int32), wgt.astype(np.int32)))
    return parts


def _shifts(axes: list[Axis]) -> Iterator[tuple[int, int, int]]:
    if not axes:
        yield 0, 0, 0
        return
    count, d, s, w = axes[0]
    for rest in _shifts(axes[1:]):
        for n in range(count):
            yield d * n + rest[0], s * n + rest[1], w * n + rest[2]


def _tables(dst: I64, src: I64, wgt: I64) -> list[tuple[I64, I64, I64]]:
    """Micro-ops alone as (dst, src, wgt) tables: equal dst add up (k), equal lists of src or wgt are one m or n."""
    order = np.argsort(dst, kind="stable")
    elements, begins = np.unique(dst[order], return_index=True)
    ends = np.append(begins[1:], len(order))
    if len(order) and np.all(ends - begins == ends[0]):
        grid = _grid(elements, src[order].reshape(len(elements), -1), wgt[order].reshape(len(elements), -1))
        if grid is not None:
            return [grid]
    rows: dict[bytes, int] = {}
    columns: dict[bytes, int] = {}
    where: dict[int, dict[int, int]] = {}  # column -> row -> dst
    lists: dict[bytes, I64] = {}
    for element, begin, end in zip(elements.tolist(), begins.tolist(), ends.tolist(), strict=True):
        picked = order[begin:end]
        s, w = src[picked], wgt[picked]
        row_key, column_key = s.tobytes(), w.tobytes()
        lists[row_key], lists[column_key] = s, w
        row, column = rows.setdefault(row_key, len(rows)), columns.setdefault(column_key, len(columns))
        where.setdefault(column, {})[row] = element
    row_lists, column_lists = [lists[key] for key in rows], [lists[key] for key in columns]
    groups: dict[tuple[int, ...], list[int]] = {}
    for column, users in where.items():
        groups.setdefault(tuple(sorted(users)), []).append(column)
    return [
        (
            np.array([[where[c][r] for c in members] for r in group], np.int64),
            np.stack([row_lists[r] for r in group]),
            np.stack([column_lists[c] for c in members]),
        )
        for group, members in groups.items()
    ]


def _grid(dst: I64, src: I64, wgt: I64) -> tuple[I64, I64, I64] | None:
    """One table if every list of src meets every list of wgt once, else None. `src` and `wgt` are (dst, k)."""
    row_lists, row = np.unique(src, axis=0, return_inverse=True)
    column_lists, column = np.unique(wgt, axis=0, return_inverse=True)
    if len(row_lists) * len(column_lists) != len(dst):
        return None
    table = np.full((len(row_lists), len(column_lists)), -1, np.int64)
    table[row.reshape(-1), column.reshape(-1)] = dst
    return None if np.any(table < 0) else (table, row_lists, column_lists)
