"""Ops along axes: softmax, normalizations, reductions. Their axes are whole in every part."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.payload import LayerWork
from wlm_dialect.program.regions import Region

Array = NDArray[Any]
_AXIS = {"n": 0, "h": 1, "w": 2, "c": 3}


def _axes(layer: LayerWork) -> tuple[int, ...]:
    return tuple(_AXIS[letter] for letter in str(layer.attributes["axes"]))


def softmax(layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region]) -> Array:
    """Softmax over all axes at once, or its logarithm."""
    axes = _axes(layer)
    x: Array = arrays[0] - arrays[0].max(axis=axes, keepdims=True)
    if layer.op == "LogSoftmax":
        x -= np.log(np.exp(x).sum(axis=axes, keepdims=True))
        return x
    e: Array = np.exp(x)
    e /= e.sum(axis=axes, keepdims=True)
    return e


def layer_norm(layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region]) -> Array:
    """Mean 0 and variance 1 (RMS: second moment 1), then a scale and a shift per channel."""
    axes, x = _axes(layer), arrays[0]
    if layer.op == "LayerNormalization":
        x = x - x.mean(axis=axes, keepdims=True)
    epsilon: Any = layer.attributes.get("epsilon", 1e-5)
    out: Array = x / np.sqrt(np.square(x).mean(axis=axes, keepdims=True) + np.float32(epsilon))
    if len(arrays) > 1:
        weights = arrays[1] if arrays[1].ndim == 5 else arrays[1][..., None]
        out = out * weights[..., 0]
        if weights.shape[-1] > 1:
            out = out + weights[..., 1]
    return out


def lrn(layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region]) -> Array:
    """Divided by a power of the mean square of neighbouring channels."""
    a: Any = layer.attributes
    x, size = arrays[0], int(a["size"])
    square = np.square(x)
    total = np.zeros_like(square)
    channels = x.shape[3]
    for shift in range(-((size - 1) // 2), size // 2 + 1):
        low, high = max(0, -shift), min(channels, channels - shift)
        total[..., low:high] += square[..., low + shift : high + shift]
    scale = np.float32(a.get("alpha", 1e-4) / size)
    out: Array = x * np.power(np.float32(a.get("bias", 1.0)) + scale * total, np.float32(-a.get("beta", 0.75)))
    return out[..., part.c0 : part.c1]


_REDUCTIONS: Mapping[str, Any] = {
    "ReduceMean": np.mean,
    "ReduceSum": np.sum,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceL1": lambda x, **k: np.abs(x).sum(**k),
    "ReduceL2": lambda x, **k: np.sqrt(np.square(x).sum(**k)),
    "ReduceSumSquare": lambda x, **k: np.square(x).sum(**k),
    "ReduceLogSumExp": lambda x, **k: np.log(np.exp(x).sum(**k)),
}


def reduction(layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region]) -> Array:
    """One number for all along the axes."""
    out: Array = _REDUCTIONS[layer.op](arrays[0], axis=_axes(layer), keepdims=True)
    return out


NORMALIZE: Mapping[str, Any] = {
    "Softmax": softmax,
    "LogSoftmax": softmax,
    "LayerNormalization": layer_norm,
    "RMSNormalization": layer_norm,
    "SimplifiedLayerNormalization": layer_norm,
    "LRN": lrn,
    **dict.fromkeys(_REDUCTIONS, reduction),
}
