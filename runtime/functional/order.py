"""Values between the order of the network and channels last."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.payload import IMAGE, Boundary
from wlm_dialect.program.regions import Shape, whole
from wlm_dialect.runtime.functional.elementwise import fused

Array = NDArray[Any]


def as_channels_last(values: Array, shape: Shape, order: str) -> Array:
    """Elements in the order of the network as an array (n, h, w, c)."""
    if order == IMAGE:
        return values.reshape(shape.n, shape.c, shape.h, shape.w).transpose(0, 2, 3, 1)
    return values.reshape(shape.n, shape.h, shape.w, shape.c)


def in_order(values: Array, order: str) -> Array:
    """An array (n, h, w, c) with its elements in the order of the network."""
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if order == IMAGE else values)


def entering(value: Boundary, given: Array, constants: Mapping[str, Array]) -> Array:
    """An input of the network as it is put into memory: (n, h, w, c)."""
    out = as_channels_last(given, value.view, value.order)
    for step in value.steps:
        out = fused(step, out, whole(value.view), constants)
    return out
