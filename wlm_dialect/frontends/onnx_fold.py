"""Fold what an ONNX graph computes from shapes: exporters spell out sizes in Shape, Gather, Concat and arithmetic.

Inference propagates only some of it. What hangs on known shapes and small constants alone is evaluated node by node
with `onnx.reference`, until nothing changes.
"""

import warnings
from collections.abc import Callable
from typing import Any

_LARGEST = 64  # elements of a value that is still about shapes
_FOLDED = frozenset(
    "Add And Cast Concat ConstantOfShape Div Equal Expand Floor Gather Greater Identity Less Max Min Mod Mul Neg Not "
    "Or Range ReduceProd Reshape Slice Split Sqrt Squeeze Sub Transpose Unsqueeze Where".split()
)


def has_all_shapes(graph: Any) -> bool:
    """Whether the shape of every value in the graph is known."""
    known = _known_dims(graph)
    return all(name in known for node in graph.node for name in node.output if name)


def fold_shapes(onnx: Any, model: Any, opset: int, infer: Callable[[Any], Any]) -> Any:
    """The model with shapes inferred and every small value that is known as a constant.

    `infer` runs shape inference. A node that cannot be evaluated stays as it is.
    """
    model = infer(model)
    while _fold_once(onnx, model, opset):
        model = infer(model)
    return model


def _fold_once(onnx: Any, model: Any, opset: int) -> bool:
    known = _constants(onnx, model.graph)
    dims = _known_dims(model.graph)
    kept: list[Any] = []
    added: list[Any] = []
    for node in model.graph.node:
        values = _evaluate(node, known, dims, opset)
        if values is None:
            kept.append(node)
            continue
        for name, value in zip(node.output, values, strict=False):
            known[name] = value
            added.append(onnx.numpy_helper.from_array(value, name))
    if not added:
        return False
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(added)
    return True


def _constants(onnx: Any, graph: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for tensor in graph.initializer:
        if _small(tensor):
            out[tensor.name] = onnx.numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value" and _small(attribute.t):
                    out[node.output[0]] = onnx.numpy_helper.to_array(attribute.t)
    return out


def _small(tensor: Any) -> bool:
    size = 1
    for d in tensor.dims:
        size *= d
    return size <= _LARGEST and not tensor.external_data


def _known_dims(graph: Any) -> dict[str, list[int]]:
    out: dict[str, list[int]] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(d.dim_value > 0 for d in kind.shape.dim):
            out[value.name] = [d.dim_value for d in kind.shape.dim]
    for tensor in graph.initializer:
        out[tensor.name] = list(tensor.dims)
    return out


def _evaluate(node: Any, known: dict[str, Any], dims: dict[str, list[int]], opset: int) -> list[Any] | None:
    """Values of the outputs, or None if they are not known or not about shapes."""
    import numpy as np
    from onnx.reference import ReferenceEvaluator

    if node.op_type == "Shape" and node.input[0] in dims and not node.attribute:
        return [np.asarray(dims[node.input[0]], np.int64)]
    if node.op_type not in _FOLDED or node.domain not in ("", "ai.onnx"):
        return None
    if not node.input or any(name and name not in known for name in node.input):
        return None
    feeds = {name: known[name] for name in node.input if name}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = ReferenceEvaluator(node, opsets={"": opset}).run(None, feeds)
    except Exception:  # whatever the evaluator does not know stays in the graph, where the importer will name it
        return None
    small = all(isinstance(v, np.ndarray | np.generic) and v.size <= _LARGEST for v in values)
    return [np.asarray(v) for v in values] if small else None
