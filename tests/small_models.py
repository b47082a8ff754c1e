"""Small ONNX models for tests of numbers: nodes in, a model with seeded random weights out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]


def model(
    nodes: Sequence[Any], dims: Sequence[int], constants: Mapping[str, Array], *, opset: int = 13, result: str = "y"
) -> Any:
    """One input `x` of `dims`, one output."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)
    out = helper.make_tensor_value_info(result, TensorProto.FLOAT, None)
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(list(nodes), "small", [given], [out], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def random(seed: int, *dims: int) -> Array:
    """Normal numbers, scaled by the inputs of each output."""
    scale = 1.0 / np.sqrt(max(1, int(np.prod(dims[1:]))))
    return (scale * np.random.default_rng(seed).standard_normal(dims)).astype(np.float32)


def save(made: Any, folder: Path) -> str:
    """The model in a file; its path."""
    path = folder / "small.onnx"
    path.write_bytes(made.SerializeToString())
    return str(path)


def chain() -> Any:
    """Two convolutions, a pooling and a product: enough for every kind of engine."""
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p", "w2"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["g"], transB=1),
        helper.make_node("Softmax", ["g"], ["y"], axis=1),
    ]
    constants = {
        "w1": random(1, 16, 3, 3, 3),
        "b1": random(2, 16),
        "w2": random(3, 8, 16, 3, 3),
        "w3": random(4, 10, 512),
        "b3": random(5, 10),
    }
    return model(nodes, [1, 3, 16, 16], constants)
