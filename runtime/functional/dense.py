"""Convolutions, products, poolings: windows of rows and columns, and matrix products on them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.payload import LayerWork
from wlm_dialect.program.regions import Region

Array = NDArray[Any]


def _window(layer: LayerWork, part: Region, x: Array, region: Region, fill: float) -> Array:
    """The input rows and columns that the windows of `part` lie over, padded with `fill`."""
    a: Any = layer.attributes
    (kh, kw), (sh, sw), (dh, dw), pads = a["kernel"], a["strides"], a["dilations"], a["pads"]
    first = part.h0 * sh - pads[0]
    rows = (part.h1 - part.h0 - 1) * sh + (kh - 1) * dh + 1
    columns = (layer.view.w - 1) * sw + (kw - 1) * dw + 1
    top, bottom = max(region.h0 - first, 0), max(first + rows - region.h1, 0)
    left, right = pads[1], max(columns - pads[1] - x.shape[2], 0)
    low = max(first - region.h0, 0)
    x = x[:, low : low + rows - top - bottom, : columns - left - right]
    if not (top or bottom or left or right):
        return x
    out = np.full((x.shape[0], rows, columns, x.shape[3]), fill, np.float32)
    out[:, top : rows - bottom, left : columns - right] = x
    return out


def _taps(layer: LayerWork, part: Region, x: Array) -> list[Array]:
    """Per position in the window the inputs there, shape (n, rows, columns, c) of the part; row by row."""
    a: Any = layer.attributes
    (kh, kw), (sh, sw), (dh, dw) = a["kernel"], a["strides"], a["dilations"]
    oh, ow = part.h1 - part.h0, layer.view.w
    return [
        x[:, i * dh : i * dh + (oh - 1) * sh + 1 : sh, j * dw : j * dw + (ow - 1) * sw + 1 : sw]
        for i in range(kh)
        for j in range(kw)
    ]


def conv(layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region]) -> Array:
    """Convolution with groups; one record of weights and bias per output channel."""
    a: Any = layer.attributes
    records = arrays[1].reshape(part.c1 - part.c0, -1)
    taps = _taps(layer, part, _window(layer, part, arrays[0], regions[0], 0.0))
    out = np.empty((*taps[0].shape[:3], part.c1 - part.c0), np.float32)
    each = layer.view.c // a["group"]
    depth = (records.shape[1] - 1) // len(taps)
    if depth == 1 and each == 1:
        out[:] = records[:, -1]
        for k, tap in enumerate(taps):
            out += tap * records[:, k]
        return out
    for g in range(part.c0 // each, -(-part.c1 // each)):
        low, high = max(g * each, part.c0) - part.c0, min((g + 1) * each, part.c1) - part.c0
        channels = slice(g * depth - regions[0].c0, (g + 1) * depth - regions[0].c0)
        out[..., low:high] = _product(taps, channels, records[low:high], out.shape[:3])
    return out


def _product(taps: Sequence[Array], channels: slice, records: Array, shape: tuple[int, ...]) -> Array:
    if len(taps) == 1:
        rows = taps[0][..., channels]
    else:
        depth = channels.stop - channels.start
        rows = np.empty((*shape, len(taps), depth), np.float32)
        for k, tap in enumerate(taps):
            rows[..., k, :] = tap[..., channels]
    flat = rows.reshape(shape[0] * shape[1] * shape[2], -1)
    out = flat @ records[:, :-1].T
    out += records[:, -1]
    return out.reshape(*shape, -1)


def matmul(layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region]) -> Array:
    """a[n, rows, depth] x b[n, depth, columns]; a constant b lies as records of a column and its bias."""
    a, b = arrays
    left = a[:, :, 0, 0, :] if a.ndim == 5 else a[:, :, 0, :]
    if b.ndim == 5:
        records = b[:, 0, 0]  # (n, columns, depth + 1)
        if len(records) == 1:
            out = left.reshape(-1, left.shape[-1]) @ records[0, :, :-1].T
            out += records[0, :, -1]
            out = out.reshape(*left.shape[:2], -1)
        else:
            out = left @ records[..., :-1].swapaxes(1, 2) + records[:, None, :, -1]
    else:
        out = left @ b[:, :, 0, :]
    return out[:, :, None, :]


def pool(layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region]) -> Array:
    """The largest number under the window, or the mean; what is padded counts only if the op says so."""
    a: Any = layer.attributes
    if a["mode"] == "max":
        taps = _taps(layer, part, _window(layer, part, arrays[0], regions[0], -np.inf))
        out = taps[0].copy()
        for tap in taps[1:]:
            np.maximum(out, tap, out=out)
        return out
    taps = _taps(layer, part, _window(layer, part, arrays[0], regions[0], 0.0))
    out = taps[0].copy()
    for tap in taps[1:]:
        out += tap
    height, width = layer.operands[0].rule.view.h, layer.operands[0].rule.view.w
    rows = _counts(layer, 0, height, part.h0, part.h1)
    columns = _counts(layer, 1, width, 0, layer.view.w)
    out /= (rows[:, None] * columns[None, :])[None, :, :, None]
    return out


def _counts(layer: LayerWork, axis: int, size: int, low: int, high: int) -> Array:
    """Per output position how many positions of the window count."""
    a: Any = layer.attributes
    before, after = (a["pads"][axis], a["pads"][axis + 2]) if a["padded"] else (0, 0)
    at = np.arange(low, high)[:, None] * a["strides"][axis] - a["pads"][axis]
    at = at + np.arange(a["kernel"][axis])[None, :] * a["dilations"][axis]
    counts: Array = np.count_nonzero((at >= -before) & (at < size + after), axis=1)
    return counts.astype(np.float32)


def affine(layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region]) -> Array:
    """A scale and a shift per channel."""
    out: Array = arrays[0] * arrays[1][..., 0]
    out += arrays[1][..., 1]
    return out
