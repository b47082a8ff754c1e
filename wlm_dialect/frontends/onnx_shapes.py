"""How values of ONNX are seen as (n, c, h, w): as images or as matrices."""

from collections.abc import Sequence

from wlm_dialect.frontends.layers import Shape
from wlm_dialect.program.payload import IMAGE, MATRIX

Dims = tuple[int, ...]


def product(values: Sequence[int]) -> int:
    """Product of integers; 1 if there are none."""
    out = 1
    for v in values:
        out *= v
    return out


def image(dims: Dims) -> Shape:
    """[n, c, w], [n, c, h, w] or [n, c, d, h, w] with the axes where they are; d counts as rows."""
    if len(dims) == 3:
        return Shape(dims[0], dims[1], dims[2], 1)
    return Shape(dims[0], dims[1], product(dims[2:-1]), dims[-1])


def matrix(dims: Dims) -> Shape:
    """The last axis as c, the one before as h, all others as n."""
    c = dims[-1] if dims else 1
    h = dims[-2] if len(dims) > 1 else 1
    return Shape(product(dims[:-2]), c, h, 1)


def axis_letters(dims: Dims, view: Shape) -> str:
    """The letter of `view` that each axis of `dims` belongs to."""
    if is_image(dims, view):
        return "nc" + "h" * (len(dims) - 3) + ("w" if len(dims) > 3 else "h")
    return ("n" * (len(dims) - 2) + "hc")[-len(dims) :] if dims else ""


def is_image(dims: Dims, view: Shape) -> bool:
    """`view` is `dims` with the axes of an image (and not those of a matrix, if the two differ)."""
    return len(dims) in (3, 4, 5) and view == image(dims) and (len(dims) == 4 or view != matrix(dims))


def order_of(dims: Dims, view: Shape) -> str:
    """In which order the elements of a value of `dims` follow each other, in terms of `view`."""
    return IMAGE if is_image(dims, view) else MATRIX
