"""`Csr`: rows of integers as two flat arrays, the one shape in which relations travel through the project."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Csr:
    """Row i holds ``index[start[i]:start[i + 1]]``; `start` has shape (rows + 1,)."""

    start: I32
    index: I32

    @staticmethod
    def of(rows: Sequence[Iterable[int]]) -> "Csr":
        """From one iterable per row."""
        lists = [list(r) for r in rows]
        start = np.zeros(len(lists) + 1, np.int32)
        np.cumsum([len(r) for r in lists], out=start[1:])
        return Csr(start, np.fromiter(chain.from_iterable(lists), np.int32, int(start[-1])))

    @staticmethod
    def of_pairs(rows: I32, values: I32, count: int) -> "Csr":
        """`count` rows from one (row, value) pair per entry, the rows ascending."""
        start = np.zeros(count + 1, np.int32)
        np.cumsum(np.bincount(rows, minlength=count), out=start[1:])
        return Csr(start, np.ascontiguousarray(values, np.int32))

    @staticmethod
    def of_set(rows: I32, values: I32, count: int) -> "Csr":
        """`count` rows from (row, value) pairs in any order: each row ascends and holds a value once."""
        key = rows.astype(np.int64) << 32 | values
        if (key[1:] <= key[:-1]).any():
            key.sort()
            key = key[np.concatenate([[True], key[1:] != key[:-1]])]
        return Csr.of_pairs((key >> 32).astype(np.int32), (key & 0xFFFFFFFF).astype(np.int32), count)

    @staticmethod
    def empty(rows: int) -> "Csr":
        """`rows` empty rows."""
        return Csr(np.zeros(rows + 1, np.int32), np.zeros(0, np.int32))

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, row: int) -> I32:
        return self.index[self.start[row] : self.start[row + 1]]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Csr)
            and np.array_equal(self.start, other.start)
            and np.array_equal(self.index, other.index)
        )

    __hash__ = None  # type: ignore[assignment]

    def lists(self) -> list[list[int]]:
        """The rows as Python lists: the form that edits and pure-Python loops want."""
        start, index = self.start.tolist(), self.index.tolist()
        return [index[start[i] : start[i + 1]] for i in range(len(start) - 1)]

    def rows(self) -> I32:
        """The row of each entry of `index`."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.start))

    def kept(self, entries: NDArray[np.bool_]) -> "Csr":
        """The rows with those entries alone."""
        return Csr.of_pairs(self.rows()[entries], self.index[entries], len(self))

    def gathered(self, rows: NDArray[np.integer]) -> "Csr":
        """Row i is row ``rows[i]`` of this table."""
        sizes = np.diff(self.start)[rows]
        start = np.zeros(len(rows) + 1, np.int32)
        np.cumsum(sizes, out=start[1:])
        shift = np.repeat(self.start[rows] - start[:-1], sizes)
        return Csr(start, self.index[shift + np.arange(len(shift), dtype=np.int32)])

    def stacked(self, other: "Csr") -> "Csr":
        """The rows of this table, then those of another one."""
        start = np.concatenate([self.start, self.start[-1] + other.start[1:]])
        return Csr(start, np.concatenate([self.index, other.index]))

    def sums(self, weight: NDArray[np.integer]) -> I64:
        """Per row the sum of ``weight[value]`` over its values."""
        total = np.zeros(len(self.index) + 1, np.int64)
        np.cumsum(weight[self.index], out=total[1:])
        return total[self.start[1:]] - total[self.start[:-1]]

    def largest(self, weight: NDArray[np.integer]) -> I64:
        """Per row the largest ``weight[value]`` of its values, 0 if it has none; weights are not negative."""
        out = np.zeros(len(self), np.int64)
        used = np.nonzero(np.diff(self.start))[0]
        if len(used):
            out[used] = np.maximum.reduceat(weight[self.index], self.start[used])
        return out

    def first_equal(self) -> I32:
        """Per row the first row that holds the same values in the same order."""
        out = np.arange(len(self), dtype=np.int32)
        sizes = np.diff(self.start)
        for size in np.unique(sizes).tolist():
            rows = np.nonzero(sizes == size)[0]
            group, kinds = np.zeros(len(rows), np.int64), 1
            for place in range(size):  # rows that agree up to here are one group
                if kinds == len(rows):
                    break
                values = self.index[self.start[rows] + place]
                distinct, group = np.unique(group << 32 | values, return_inverse=True)
                kinds = len(distinct)
            _, first = np.unique(group, return_index=True)
            out[rows] = rows[first[group]]
        return out

    def transposed(self, rows: int) -> "Csr":
        """Column -> rows that hold it, ascending, for columns 0..rows-1."""
        order = np.argsort(self.index, kind="stable")
        start = np.zeros(rows + 1, np.int32)
        np.cumsum(np.bincount(self.index, minlength=rows)[:rows], out=start[1:])
        return Csr(start, self.rows()[order])


def int32(values: Iterable[int]) -> I32:
    """An int32 array."""
    return np.asarray(list(values), np.int32)


def int64(values: Iterable[int]) -> I64:
    """An int64 array."""
    return np.asarray(list(values), np.int64)
