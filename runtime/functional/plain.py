"""A network layer by layer in plain numpy, each layer as a whole: no tiles, no memory, no time.

The same kernels as the tasks use, so it says nothing about them; it is what tiled execution is measured against, and
the reference for IR whose network is not at hand.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.payload import Boundary, Operand, Payload, Place
from wlm_dialect.program.regions import whole
from wlm_dialect.runtime.functional.kernels import compute
from wlm_dialect.runtime.functional.order import as_channels_last, entering, in_order

Array = NDArray[Any]


class Plain:
    """A network whose values are whole arrays. `constants` by the names of the payload."""

    def __init__(self, payload: Payload, constants: Mapping[str, Array]) -> None:
        self.payload = payload
        self.constants = constants
        self._values = {
            work.tensor: work.values for work in payload.buffers.values() if work.tensor in payload.network.constants
        }

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Every value that a layer makes, and the outputs, in the shapes of the network."""
        tensors: dict[int, list[tuple[int, Array]]] = {}  # tensor -> (first channel, channels), as they are made
        for value in self.payload.network.inputs:
            tensors[value.place.tensor] = [(0, entering(value, inputs[value.name], self.constants))]
        made: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            for layer in self.payload.layers:
                part = whole(layer.view)
                arrays = [self._operand(tensors, operand) for operand in layer.operands]
                regions = [operand.rule.needs(part) for operand in layer.operands]
                out = compute(layer, part, arrays, regions, self.constants)
                tensors.setdefault(layer.tensor, []).append((layer.channel, out))
                made[layer.value] = in_order(out, layer.order).reshape(layer.dims)
        return {**made, **{value.name: self._output(tensors, value) for value in self.payload.network.outputs}}

    def _operand(self, tensors: Mapping[int, list[tuple[int, Array]]], operand: Operand) -> Array:
        view, place = operand.rule.view, operand.place
        name = self.payload.network.constants.get(place.tensor)
        if name is not None:
            values = self._values[place.tensor]
            shape = (view.n, view.h, view.w, view.c)
            return self.constants[name].reshape((*shape, values) if values > 1 else shape)
        found = _channels(tensors[place.tensor], place)
        return as_channels_last(in_order(found, place.order), view, operand.order) if place.reshaped else found

    def _output(self, tensors: Mapping[int, list[tuple[int, Array]]], value: Boundary) -> Array:
        found = _channels(tensors[value.place.tensor], value.place)
        return in_order(found, value.place.order).reshape(value.dims)


def _channels(pieces: list[tuple[int, Array]], place: Place) -> Array:
    """Channels [channel, channel + c) of a tensor whose parts were made one by one."""
    low, high = place.channel, place.channel + place.shape.c
    found = []
    for first, piece in sorted(pieces, key=lambda p: p[0]):
        last = first + piece.shape[3]
        if first < high and last > low:
            found.append(piece[..., max(low - first, 0) : high - first])
    return found[0] if len(found) == 1 else np.concatenate(found, axis=3)
