"""Where the elements of a tensor lie in a buffer: channel blocks one after the other, each as [n][h][w][channel].

The blocks are the ranges of channels that the writers make, so whatever is written is contiguous per batch and rows,
and a concatenation along channels costs nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from wlm_dialect.program.regions import Region, Shape


@dataclass(frozen=True)
class Layout:
    """The part `region` of a tensor with `w` columns; `bounds`: the first channel of each block, and the last + 1."""

    region: Region
    w: int
    element_bytes: int
    bounds: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the buffer."""
        return self.region.size(self.w) * self.element_bytes

    def ranges(self, part: Region) -> list[tuple[int, int]]:
        """(offset, size) of the bytes that hold `part`, ascending and merged; a block that is cut counts in full.

        `part` lies within `region`. Blocks of a single pixel are cut exactly.
        """
        r = self.region
        n, h = r.n1 - r.n0, r.h1 - r.h0
        pixel = self.w * self.element_bytes
        out: list[tuple[int, int]] = []
        first = bisect_right(self.bounds, part.c0) - 1
        for c0, c1 in zip(self.bounds[first:], self.bounds[first + 1 :], strict=False):
            if c0 >= part.c1:
                break
            base, row = (c0 - r.c0) * n * h * pixel, (c1 - c0) * pixel
            if n * h * self.w == 1:
                low, high = max(c0, part.c0), min(c1, part.c1)
                _append(out, base + (low - c0) * pixel, (high - low) * pixel)
            elif (part.h0, part.h1) == (r.h0, r.h1):
                _append(out, base + (part.n0 - r.n0) * h * row, (part.n1 - part.n0) * h * row)
            else:
                for k in range(part.n0 - r.n0, part.n1 - r.n0):
                    _append(out, base + (k * h + part.h0 - r.h0) * row, (part.h1 - part.h0) * row)
        return out


def _append(ranges: list[tuple[int, int]], offset: int, size: int) -> None:
    if ranges and sum(ranges[-1]) == offset:
        ranges[-1] = (ranges[-1][0], ranges[-1][1] + size)
    else:
        ranges.append((offset, size))


def layout_of(region: Region, shape: Shape, element_bytes: int, cuts: Iterable[int]) -> Layout:
    """The layout of a part of a tensor whose writers cut the channels at `cuts`."""
    inner = sorted({c for c in cuts if region.c0 < c < region.c1})
    return Layout(region, shape.w, element_bytes, (region.c0, *inner, region.c1))
