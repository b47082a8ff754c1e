"""Sizes that a model computes from shapes: folded until every shape is known."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from wlm_dialect import api
from wlm_dialect.frontends.onnx_fold import fold_shapes, has_all_shapes


def model() -> onnx.ModelProto:
    """Reshape to (2, floor(width / 2) * 2, -1), with the width read from the input and halved in floating point."""

    def constant(name: str, values: list[float], kind: int) -> onnx.NodeProto:
        return helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind, [len(values)], values))

    nodes = [
        constant("one", [1], TensorProto.INT64),
        constant("two", [2], TensorProto.INT64),
        constant("half", [0.5], TensorProto.FLOAT),
        constant("rest", [-1], TensorProto.INT64),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["width"]),
        helper.make_node("Cast", ["width"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "half"], ["halved"]),
        helper.make_node("Floor", ["halved"], ["floored"]),
        helper.make_node("Cast", ["floored"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Mul", ["whole", "two"], ["even"]),
        helper.make_node("Concat", ["two", "even", "rest"], ["size"], axis=0),
        helper.make_node("Reshape", ["x", "size"], ["y"]),
        helper.make_node("Softmax", ["y"], ["z"], axis=-1),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 8, 16])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    return helper.make_model(helper.make_graph(nodes, "sizes", [x], [z]), opset_imports=[helper.make_opsetid("", 17)])


def test_shapes_that_inference_leaves_open_are_computed() -> None:
    inferred = onnx.shape_inference.infer_shapes(model(), data_prop=True)
    assert not has_all_shapes(inferred.graph)  # else the test tests nothing
    folded = fold_shapes(onnx, model(), 17, lambda m: onnx.shape_inference.infer_shapes(m, data_prop=True))
    assert has_all_shapes(folded.graph)
    assert [n.op_type for n in folded.graph.node if n.op_type != "Constant"] == ["Reshape", "Softmax"]


def test_such_a_model_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "sizes.onnx"
    onnx.save(model(), path)
    program = api.load(str(path), "npu40xx:1")
    assert any("Softmax" in name for name in program.names)
