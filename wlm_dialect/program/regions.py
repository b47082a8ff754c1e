"""Parts of tensors: shapes, regions, and which part of an input a part of an output needs.

Every tensor is seen as (n, c, h, w): batch, channels, rows, columns. Images keep their axes; in a matrix the last axis
is c, the one before it h, all others n. `Region` is a part of a tensor: work is split along n, h and c, never along w.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Shape(NamedTuple):
    """Extents of a tensor in elements."""

    n: int
    c: int
    h: int
    w: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return self.n * self.c * self.h * self.w


def same_order(shape: Shape, a: str, b: str) -> bool:
    """Whether elements in orders `a` and `b` follow each other in the same way in this shape."""
    return a == b or shape.c == 1 or shape.h * shape.w == 1


class Region(NamedTuple):
    """Batches [n0, n1), rows [h0, h1), channels [c0, c1) of a tensor, all columns."""

    n0: int
    n1: int
    h0: int
    h1: int
    c0: int
    c1: int

    def size(self, w: int) -> int:
        """Number of elements, with `w` columns."""
        return (self.n1 - self.n0) * (self.h1 - self.h0) * (self.c1 - self.c0) * w

    def meet(self, other: "Region") -> "Region | None":
        """What both have in common, or None."""
        low = (max(self.n0, other.n0), max(self.h0, other.h0), max(self.c0, other.c0))
        high = (min(self.n1, other.n1), min(self.h1, other.h1), min(self.c1, other.c1))
        if low[0] >= high[0] or low[1] >= high[1] or low[2] >= high[2]:
            return None
        return Region(low[0], high[0], low[1], high[1], low[2], high[2])

    def hull(self, other: "Region") -> "Region":
        """The smallest region that holds both."""
        return Region(
            min(self.n0, other.n0),
            max(self.n1, other.n1),
            min(self.h0, other.h0),
            max(self.h1, other.h1),
            min(self.c0, other.c0),
            max(self.c1, other.c1),
        )


def whole(shape: Shape) -> Region:
    """All of a tensor."""
    return Region(0, shape.n, 0, shape.h, 0, shape.c)


class Axis(Enum):
    """How a range of an output axis maps to the range of an input axis that it needs."""

    SAME = "same"  # the same range
    ALL = "all"  # everything
    WINDOW = "window"  # rows under a sliding window


@dataclass(frozen=True)
class Window:
    """A sliding window along the rows. `up` > 1 spreads the input rows (transposed convolution)."""

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    pad: int = 0
    up: int = 1

    def rows(self, h0: int, h1: int, limit: int) -> tuple[int, int]:
        """Input rows that output rows [h0, h1) touch, at least one, within [0, limit)."""
        low = h0 * self.stride - self.pad
        high = (h1 - 1) * self.stride - self.pad + (self.kernel - 1) * self.dilation
        low, high = -(-low // self.up), high // self.up
        low = min(max(low, 0), limit - 1)
        return low, max(low, min(high, limit - 1)) + 1


ONE_ROW = Window()


@dataclass(frozen=True)
class Rule:
    """Which part of an operand, seen as `view`, a part of the output needs."""

    view: Shape
    batches: Axis = Axis.SAME
    rows: Axis = Axis.SAME
    channels: Axis = Axis.SAME
    window: Window = ONE_ROW

    def needs(self, out: Region) -> Region:
        """The region of `view` that is read to make `out`."""
        n0, n1 = (out.n0, out.n1) if self.batches is Axis.SAME else (0, self.view.n)
        c0, c1 = (out.c0, out.c1) if self.channels is Axis.SAME else (0, self.view.c)
        if self.rows is Axis.SAME:
            h0, h1 = out.h0, out.h1
        elif self.rows is Axis.ALL:
            h0, h1 = 0, self.view.h
        else:
            h0, h1 = self.window.rows(out.h0, out.h1, self.view.h)
        return Region(n0, n1, h0, h1, c0, c1)
