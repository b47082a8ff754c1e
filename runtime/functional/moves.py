"""Data movement on whole values: the value in the order of the network, moved, and a part of the result."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.payload import IMAGE, LayerWork
from wlm_dialect.program.regions import Region

Array = NDArray[Any]
MOVES = ("Concat", "Transpose", "Slice", "Gather", "Expand", "Tile")


def move(layer: LayerWork, part: Region, arrays: Sequence[Array], constants: Mapping[str, Array]) -> Array:
    """`part` of what a movement of whole operands makes."""
    a: Any = layer.attributes
    values = []
    for array, operand, dims in zip(arrays, layer.operands, a["dims"], strict=True):
        ordered = array.transpose(0, 3, 1, 2) if operand.order == IMAGE else array
        values.append(ordered.reshape(dims))
    made = _moved(layer, values, constants)
    view = layer.view
    if layer.order == IMAGE:
        seen = made.reshape(view.n, view.c, view.h, view.w).transpose(0, 2, 3, 1)
    else:
        seen = made.reshape(view.n, view.h, view.w, view.c)
    return seen[part.n0 : part.n1, part.h0 : part.h1, :, part.c0 : part.c1]


def _moved(layer: LayerWork, values: Sequence[Array], constants: Mapping[str, Array]) -> Array:
    a: Any = layer.attributes
    x = values[0]
    match layer.op:
        case "Concat":
            return np.concatenate(values, axis=a["axis"])
        case "Transpose":
            return x.transpose(a["perm"])
        case "Slice":
            return x[_slices(x.shape, a["ranges"])]
        case "Gather":
            indices = constants[a["constant"]] if "constant" in a else values[1]
            return np.take(x, indices.astype(np.int64), axis=a["axis"])
        case "Expand":
            return np.broadcast_to(x, a["out"])
        case _:
            return np.tile(x, [o // d for o, d in zip(a["out"], x.shape, strict=True)])


def _slices(shape: Sequence[int], ranges: Sequence[tuple[int, int, int, int]]) -> tuple[slice, ...]:
    out = [slice(None)] * len(shape)
    for axis, low, high, step in ranges:
        size = shape[axis]
        if step > 0:
            out[axis] = slice(low, min(high, size), step)
        else:
            out[axis] = slice(low, None if high < -size else high, step)
    return tuple(out)
