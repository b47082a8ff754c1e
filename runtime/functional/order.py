"""Values between the order of the network and channels last."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.payload import IMAGE
from wlm_dialect.program.regions import Shape

Array = NDArray[Any]


def as_channels_last(values: Array, shape: Shape, order: str) -> Array:
    """Elements in the order of the network as an array (n, h, w, c)."""
    if order == IMAGE:
        return values.reshape(shape.n, shape.c, shape.h, shape.w).transpose(0, 2, 3, 1)
    return values.reshape(shape.n, shape.h, shape.w, shape.c)


def in_order(values: Array, order: str) -> Array:
    """An array (n, h, w, c) with its elements in the order of the network."""
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if order == IMAGE else values)
