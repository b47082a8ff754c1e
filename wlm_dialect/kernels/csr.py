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
