"""What the layers of an ONNX graph compute: kernels, and constants packed as they lie in memory.

Weights lie as one record per output channel, its bias last. What scales and shifts channels after such a layer (batch
norm, a constant per channel) is folded into the record; what cannot be folded is applied to each element that the layer
makes, with constants that the task carries.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.frontends.layers import Kernel, Layer, Lookup, Pack, Shape
from wlm_dialect.frontends.onnx_file import Node, OnnxGraph
from wlm_dialect.frontends.onnx_shapes import axis_letters
from wlm_dialect.program.payload import IMAGE

F64 = NDArray[np.float64]
AFFINE = ("BatchNormalization", "Add", "Sum", "Sub", "Mul", "Div", "Mean")


def arranged(array: NDArray[Any], shape: Shape, order: str) -> NDArray[Any]:
    """The elements of a value, in the order of the network, as an array (n, h, w, c)."""
    if order == IMAGE:
        return array.reshape(shape.n, shape.c, shape.h, shape.w).transpose(0, 2, 3, 1)
    return array.reshape(shape.n, shape.h, shape.w, shape.c)


def broadcast_pack(name: str, shape: Shape, order: str) -> Pack:
    """A constant operand of as many elements as `shape`."""
    return lambda look: arranged(np.asarray(look(name), np.float64), shape, order)


def conv_pack(node: Node) -> Pack:
    """Per output channel the weights (rows, columns, input channels) and the bias."""

    def pack(look: Lookup) -> NDArray[Any]:
        weights = np.asarray(look(node.inputs[1]), np.float32)
        if weights.ndim == 3:
            weights = weights[..., None]
        rows = weights.transpose(0, 2, 3, 1).reshape(len(weights), -1)
        return _records(rows, look(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else 0.0)

    return pack


def matrix_pack(node: Node, shape: Shape) -> Pack:
    """The right side of a product, constant: per column its numbers and a bias. `shape`: of the packed tensor."""

    def pack(look: Lookup) -> NDArray[Any]:
        b = np.asarray(look(node.inputs[1]), np.float32)
        if b.ndim == 1:
            b = b[:, None]
        if node.integer("transB", 0):
            b = b.T
        rows = np.swapaxes(b.reshape(-1, *b.shape[-2:]), 1, 2)
        if float(node.attributes.get("alpha", 1.0)) != 1.0:
            rows = rows * float(node.attributes["alpha"])
        bias: Any = 0.0
        if node.op == "Gemm" and len(node.inputs) > 2 and node.inputs[2]:
            bias = np.asarray(look(node.inputs[2]), np.float64).reshape(-1) * float(node.attributes.get("beta", 1.0))
        return _records(rows, bias).reshape(shape.n, 1, 1, shape.c, -1)

    return pack


def left_pack(node: Node, shape: Shape) -> Pack:
    """The left side of a product, constant: per row its numbers."""
    scale = float(node.attributes.get("alpha", 1.0))

    def pack(look: Lookup) -> F64:
        a = np.asarray(look(node.inputs[0]), np.float64) * scale
        a = a.T if node.integer("transA", 0) else a
        return a.reshape(shape.n, shape.h, 1, 1, -1)

    return pack


def scale_pack(node: Node, channels: int, values: int) -> Pack:
    """Per channel a scale and, with two values, a shift: inputs 1 and 2 of a normalization."""

    def pack(look: Lookup) -> F64:
        rows = [np.asarray(look(i), np.float64).reshape(-1) for i in node.inputs[1 : 1 + values] if i]
        return np.stack([np.broadcast_to(r, channels) for r in rows], axis=1).reshape(1, 1, 1, channels, values)

    return pack


def identity_pack(channels: int) -> Pack:
    """Records of scale 1 and shift 0, for an affine op to be folded into."""
    return lambda look: np.tile(np.array([1.0, 0.0]), (channels, 1)).reshape(1, 1, 1, channels, 2)


def _records(rows: NDArray[Any], bias: Any) -> NDArray[Any]:
    """(..., channels, numbers) and one bias per channel."""
    records = np.empty((*rows.shape[:-1], rows.shape[-1] + 1), rows.dtype)
    records[..., :-1] = rows
    records[..., -1] = np.asarray(bias, rows.dtype).reshape(-1)
    return records if records.ndim > 2 else records.reshape(1, 1, 1, *records.shape)


def fold(packs: dict[str, Pack], key: str, node: Node, source: str) -> None:
    """Make the records of `key` do what `node`, affine per channel in the value `source`, does after them."""
    before = packs[key]

    def pack(look: Lookup) -> F64:
        scale, shift = affine(node, source, look)
        records = np.array(before(look), np.float64)
        channels = records.shape[3]
        records *= np.broadcast_to(scale, channels)[:, None]
        records[..., -1] += np.broadcast_to(shift, channels)
        return records

    packs[key] = pack


def affine(node: Node, source: str, look: Lookup) -> tuple[F64, F64]:
    """`node` as scale and shift of the value `source`: arrays of one number, or one per channel."""
    if node.op == "BatchNormalization":
        gamma, beta, mean, variance = (np.asarray(look(i), np.float64).reshape(-1) for i in node.inputs[1:5])
        scale = gamma / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
        return scale, beta - mean * scale
    others = [np.asarray(look(i), np.float64).reshape(-1) for i in node.inputs if i != source]
    one = np.ones(1)
    if node.op == "Mul":
        return others[0], np.zeros(1)
    if node.op == "Div":
        return 1.0 / others[0], np.zeros(1)
    if node.op == "Sub":
        return (one, -others[0]) if node.inputs[0] == source else (-one, others[0])
    total = sum(others, np.zeros(1))
    count = len(node.inputs) if node.op == "Mean" else 1
    return one / count, total / count


def is_affine(node: Node, source: str) -> bool:
    """Whether `node` scales and shifts the value `source`, which it names once."""
    if node.op == "BatchNormalization":
        return True
    return node.op in AFFINE and node.inputs.count(source) == 1 and not (node.op == "Div" and node.inputs[1] == source)


def absorb(layer: Layer, node: Node, source: str, packs: dict[str, Pack]) -> None:
    """`layer` now also does `node` to its output."""
    layer.value = node.outputs[0]
    kernel = layer.kernel
    if kernel is None:
        return
    if kernel.record and not kernel.fused and is_affine(node, source):
        fold(packs, kernel.record, node, source)
        return
    step = fused_step(layer, node, source, packs)
    if step is None:
        layer.kernel = None
    else:
        kernel.fused.append(step)


def fused_step(layer: Layer, node: Node, source: str, packs: dict[str, Pack]) -> Mapping[str, Any] | None:
    """What happens to each element; constants get a key in `packs`. None if nobody knows how."""
    key = f"{layer.name}.{node.op}{sum(k.startswith(layer.name + '.') for k in packs)}"
    match node.op:
        case "Relu":
            return {"op": "Relu"}
        case "LeakyRelu":
            return {"op": "LeakyRelu", "alpha": float(node.attributes.get("alpha", 0.01))}
        case "Clip":
            packs[key] = _clip_pack(node)
            return {"op": "Clip", "constant": key}
        case "PRelu":
            packs[key] = lambda look: np.asarray(look(node.inputs[1]), np.float64).reshape(-1)
            return {"op": "PRelu", "constant": key}
        case "Max" | "Min" if len(node.inputs) == 2:
            other = next(i for i in node.inputs if i != source)
            packs[key] = lambda look: np.asarray(look(other), np.float64).reshape(-1)
            return {"op": node.op, "constant": key}
        case _ if is_affine(node, source):
            packs[key] = lambda look: np.stack(np.broadcast_arrays(*affine(node, source, look)))
            return {"op": "Affine", "constant": key}
        case "Div" if node.inputs.count(source) == 1:
            packs[key] = lambda look: np.asarray(look(node.inputs[0]), np.float64).reshape(-1)
            return {"op": "Under", "constant": key}
    return None


def quantize_step(node: Node, key: str, packs: dict[str, Pack]) -> Mapping[str, Any] | None:
    """What QuantizeLinear or DequantizeLinear does to each number; None for what leaves numbers as they are.

    Scale and zero point are those of the whole tensor. Values stay in cells of floating point, on the grid of integers.
    """
    if node.op not in ("QuantizeLinear", "DequantizeLinear"):
        return None

    def pack(look: Lookup) -> F64:
        scale = np.asarray(look(node.inputs[1]), np.float64).reshape(-1)[0]
        point: Any = look(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else np.zeros(1, np.uint8)
        kind = np.iinfo(np.asarray(point).dtype)
        return np.array([scale, np.asarray(point, np.float64).reshape(-1)[0], kind.min, kind.max])

    packs[key] = pack
    return {"op": node.op, "constant": key}


def _clip_pack(node: Node) -> Pack:
    def pack(look: Lookup) -> F64:
        bounds = [float(node.attributes.get("min", -np.inf)), float(node.attributes.get("max", np.inf))]
        for k in (0, 1):
            if len(node.inputs) > k + 1 and node.inputs[k + 1]:
                bounds[k] = float(np.asarray(look(node.inputs[k + 1])).reshape(()))
        return np.array(bounds)

    return pack


def elementwise(node: Node, args: Sequence[int | str]) -> Kernel:
    """An op on operands that are broadcast; `args`: per input an operand, or the key of a constant that tasks carry."""
    plain = {k: float(v) for k, v in node.attributes.items() if isinstance(v, int | float)}
    words = {k: v.decode() for k, v in node.attributes.items() if isinstance(v, bytes)}
    return Kernel(node.op, {"args": tuple(args), **plain, **words})


def spatial(node: Node, before: Sequence[int], after: Sequence[int], kernel: Sequence[int]) -> dict[str, Any]:
    """A window over one or two axes: kernel, strides, dilations, pads (top, left, bottom, right)."""
    axes = len(before) - 2
    strides = node.integers("strides") or [1] * axes
    dilations = node.integers("dilations") or [1] * axes
    pads = node.integers("pads") or [0] * 2 * axes
    auto = node.attributes.get("auto_pad", b"NOTSET").decode()
    if auto.startswith("SAME"):
        for k in range(axes):
            reach = (kernel[k] - 1) * dilations[k] + 1
            total = max((after[k + 2] - 1) * strides[k] + reach - before[k + 2], 0)
            pads[k] = total // 2 if auto == "SAME_UPPER" else -(-total // 2)
            pads[k + axes] = total - pads[k]
    elif auto == "VALID":
        pads = [0] * 2 * axes
    if axes == 1:
        kernel, strides, dilations, pads = [*kernel, 1], [*strides, 1], [*dilations, 1], [pads[0], 0, pads[1], 0]
    return {"kernel": tuple(kernel), "strides": tuple(strides), "dilations": tuple(dilations), "pads": tuple(pads)}


def reduced(node: Node, dims: Sequence[int], view: Shape, axes: Iterable[int]) -> Kernel | None:
    """An op along `axes` of a value of `dims`. None where `view` joins one of them with an axis that is kept."""
    letters = axis_letters(tuple(dims), view)
    chosen = {letters[a] for a in axes}
    reduced_axes = set(axes)
    if any(letter in chosen and a not in reduced_axes and dims[a] > 1 for a, letter in enumerate(letters)):
        return None
    plain = {k: float(v) for k, v in node.attributes.items() if k in ("epsilon", "p")}
    return Kernel(node.op, {"axes": "".join(sorted(chosen)), **plain})


def moved(
    graph: OnnxGraph, node: Node, name: str, live: Sequence[str], packs: dict[str, Pack], output: int = 0
) -> Kernel | None:
    """Data movement on whole values. Inputs that are constant become attributes, or constants that tasks carry."""
    dims = [graph.shapes[i] for i in live]
    common: dict[str, Any] = {"dims": tuple(tuple(d) for d in dims)}

    def given(key: str, k: int, default: Sequence[int] | None = None) -> list[int] | None:
        if key in node.attributes:
            return node.integers(key)
        if len(node.inputs) > k and node.inputs[k]:
            found = graph.values.get(node.inputs[k])
            return None if found is None else list(found)
        return None if default is None else list(default)

    rank = len(dims[0])
    match node.op:
        case "Concat":
            return Kernel("Concat", {**common, "axis": node.integer("axis", 1) % rank})
        case "Transpose":
            order = tuple(node.integers("perm", range(rank)[::-1]))
            return Kernel("Transpose", {**common, "perm": order})
        case "Slice":
            starts, ends = given("starts", 1), given("ends", 2)
            axes = given("axes", 3, range(len(starts or ())))
            steps = given("steps", 4, [1] * len(starts or ()))
            if starts is None or ends is None or axes is None or steps is None:
                return None
            return Kernel("Slice", {**common, "ranges": tuple(zip(axes, starts, ends, steps, strict=True))})
        case "Split":
            axis = node.integer("axis", 0) % rank
            sizes = [graph.shapes[o][axis] for o in node.outputs]
            low = sum(sizes[:output])
            return Kernel("Slice", {**common, "ranges": ((axis, low, low + sizes[output], 1),)})
        case "Gather":
            attributes = {**common, "axis": node.integer("axis", 0) % rank}
            if len(live) == 1:
                attributes["constant"] = f"{name}.indices"
                packs[attributes["constant"]] = lambda look: np.asarray(look(node.inputs[1]), np.float64)
            return Kernel("Gather", attributes)
        case "Expand" | "Tile":
            return Kernel(node.op, {**common, "out": tuple(graph.shapes[node.outputs[0]])})
    return None
