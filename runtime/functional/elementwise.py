"""Ops element by element, and those that are fused into the layer before."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.regions import Region

Array = NDArray[Any]
Op = Callable[[Sequence[Array], Mapping[str, Any]], Any]

_erf_of = np.frompyfunc(math.erf, 1, 1)


def erf(x: Array) -> Array:
    """The error function, float32."""
    return np.asarray(_erf_of(x), np.float32)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def _gelu(x: Array, attributes: Mapping[str, Any]) -> Array:
    if attributes.get("approximate") == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _total(values: Sequence[Array]) -> Array:
    out = values[0] + (values[1] if len(values) > 1 else np.float32(0))
    for v in values[2:]:
        out = out + v
    return out


def _extreme(pick: Any) -> Op:
    return lambda v, a: pick.reduce(np.broadcast_arrays(*v)) if len(v) > 1 else v[0]


def _unary(function: Callable[[Array], Any]) -> Op:
    return lambda v, a: function(v[0])


def _binary(function: Callable[[Array, Array], Any]) -> Op:
    return lambda v, a: function(v[0], v[1])


ELEMENTWISE: Mapping[str, Op] = {
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _binary(np.divide),
    "Pow": _binary(np.power),
    "Sum": lambda v, a: _total(v),
    "Mean": lambda v, a: _total(v) / np.float32(len(v)),
    "Max": _extreme(np.maximum),
    "Min": _extreme(np.minimum),
    "Equal": _binary(np.equal),
    "Greater": _binary(np.greater),
    "GreaterOrEqual": _binary(np.greater_equal),
    "Less": _binary(np.less),
    "LessOrEqual": _binary(np.less_equal),
    "And": _binary(np.logical_and),
    "Or": _binary(np.logical_or),
    "Not": _unary(np.logical_not),
    "Where": lambda v, a: np.where(v[0] != 0, v[1], v[2]),
    "Abs": _unary(np.abs),
    "Neg": _unary(np.negative),
    "Floor": _unary(np.floor),
    "Ceil": _unary(np.ceil),
    "Round": _unary(np.rint),
    "Sign": _unary(np.sign),
    "Reciprocal": _unary(np.reciprocal),
    "Sqrt": _unary(np.sqrt),
    "Exp": _unary(np.exp),
    "Log": _unary(np.log),
    "Sin": _unary(np.sin),
    "Cos": _unary(np.cos),
    "Erf": _unary(erf),
    "Tanh": _unary(np.tanh),
    "Sigmoid": _unary(sigmoid),
    "Softplus": _unary(lambda x: np.logaddexp(x, np.float32(0))),
    "Softsign": _unary(lambda x: x / (1 + np.abs(x))),
    "HardSwish": _unary(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "HardSigmoid": lambda v, a: np.clip(a.get("alpha", 0.2) * v[0] + a.get("beta", 0.5), 0, 1),
    "Elu": lambda v, a: _elu(v[0], a.get("alpha", 1.0)),
    "Mish": _unary(lambda x: x * np.tanh(np.logaddexp(x, np.float32(0)))),
    "Gelu": lambda v, a: _gelu(v[0], a),
}


def fused(step: Mapping[str, Any], x: Array, part: Region, constants: Mapping[str, Array]) -> Array:
    """What a layer does to each element of the part that it made."""
    op = step["op"]
    if op == "Relu":
        return np.maximum(x, np.float32(0))
    if op == "LeakyRelu":
        return np.where(x >= 0, x, x * np.float32(step["alpha"]))
    constant = constants[step["constant"]]
    if op == "QuantizeLinear":
        scale, point, low, high = (np.float32(v) for v in constant)
        return np.clip(np.rint(x / scale) + point, low, high)
    if op == "DequantizeLinear":
        return (x - np.float32(constant[1])) * np.float32(constant[0])
    if op == "Clip":
        return np.clip(x, constant[0], constant[1])
    if op == "Affine":
        return x * _of_channels(constant[0], part) + _of_channels(constant[1], part)
    value = _of_channels(constant, part)
    if op == "PRelu":
        return np.where(x >= 0, x, x * value)
    if op == "Under":
        return value / x
    return np.maximum(x, value) if op == "Max" else np.minimum(x, value)


def _of_channels(values: Array, part: Region) -> Array:
    return values if values.size == 1 else values[part.c0 : part.c1]
