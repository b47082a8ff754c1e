"""Memory allocation: an arena for buffers that come and go in time, and placement of known lifetimes."""

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np

from wlm_dialect.kernels.csr import I64


def align(size: int, alignment: int) -> int:
    """`size` rounded up to a multiple of `alignment`."""
    return -(-size // alignment) * alignment


class Arena:
    """One memory of `limit` bytes. Free ranges are kept merged and sorted; addresses are multiples of `alignment`."""

    def __init__(self, limit: int, alignment: int = 64) -> None:
        self.limit = limit
        self.alignment = alignment
        self.peak = 0
        self.used = 0
        usable = limit - limit % alignment
        self._free: list[tuple[int, int]] = [(0, usable)] if usable else []  # (low, high), ascending

    def allocate(self, size: int, *, top: bool = False) -> int | None:
        """Address of a new range, or None if no free range holds it.

        Best fit; among equals the lowest. `top` takes the highest free range that fits, and its upper end, so that
        long-lived buffers keep away from the short-lived ones.
        """
        need = max(align(size, self.alignment), self.alignment)
        best = -1
        for n, (low, high) in enumerate(self._free):
            room = high - low
            if room >= need and (top or best < 0 or room < self._free[best][1] - self._free[best][0]):
                best = n
        if best < 0:
            return None
        low, high = self._free[best]
        address = high - need if top else low
        rest = (low, address) if top else (low + need, high)
        self._free[best : best + 1] = [rest] if rest[0] < rest[1] else []
        self.used += need
        self.peak = max(self.peak, high if top else low + need)
        return address

    def release(self, address: int, size: int) -> None:
        """Give back what `allocate(size)` returned."""
        need = max(align(size, self.alignment), self.alignment)
        self.used -= need
        low, high = address, address + need
        n = bisect_left(self._free, (low, high))
        if n < len(self._free) and self._free[n][0] == high:
            high = self._free.pop(n)[1]
        if n > 0 and self._free[n - 1][1] == low:
            low = self._free.pop(n - 1)[0]
        insort(self._free, (low, high))


def place(sizes: Sequence[int], first: Sequence[int], last: Sequence[int], *, alignment: int = 64) -> tuple[I64, int]:
    """Addresses for buffers live over the closed intervals [first, last], and the peak (bytes up to the highest end).

    Two buffers whose intervals meet never overlap. Large buffers are placed first (ties: earlier, then lower index),
    each at the lowest gap that holds it among the buffers already placed that are live with it. Sizes of 0 count as one
    unit of alignment.
    """
    order = sorted(range(len(sizes)), key=lambda i: (-sizes[i], first[i], i))
    address = np.zeros(len(sizes), np.int64)
    begins, ends = np.asarray(first, np.int64), np.asarray(last, np.int64)
    low = np.zeros(len(sizes), np.int64)  # of the placed ones, in order of placement
    high = np.zeros(len(sizes), np.int64)
    placed = np.asarray(order, np.int64)
    peak = 0
    for count, i in enumerate(order):
        need = max(align(sizes[i], alignment), alignment)
        others = placed[:count]
        live = np.nonzero((begins[others] <= ends[i]) & (ends[others] >= begins[i]))[0]
        at = _lowest_gap(low[live], high[live], need)
        address[i] = low[count] = at
        high[count] = at + need
        peak = max(peak, at + need)
    return address, peak


def _lowest_gap(low: I64, high: I64, need: int) -> int:
    """The lowest address >= 0 at which `need` bytes touch none of the ranges [low, high)."""
    if not len(low):
        return 0
    order = np.argsort(low, kind="stable")
    starts, tops = low[order], np.maximum.accumulate(high[order])
    gaps = starts - np.concatenate((np.zeros(1, np.int64), tops[:-1]))
    fits = np.nonzero(gaps >= need)[0]
    if not len(fits):
        return int(tops[-1])
    return int(tops[fits[0] - 1]) if fits[0] else 0
