"""Reading ONNX files: static shapes, no weights, and every way a file can be wrong."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wlm_dialect.errors import FrontendError, UsageError
from wlm_dialect.frontends import onnx_file
from wlm_dialect.frontends.onnx_file import read_onnx

onnx = pytest.importorskip("onnx")
FLOAT, INT64 = 1, 7


def model(opset: int = 17, dims: tuple[Any, ...] = ("batch", 4), **changes: Any) -> Any:
    """y = relu(x + b)."""
    h = onnx.helper
    nodes = [h.make_node("Add", ["x", "b"], ["s"]), h.make_node("Relu", ["s"], ["y"], name="act")]
    inputs = [h.make_tensor_value_info("x", FLOAT, dims)]
    outputs = [h.make_tensor_value_info("y", FLOAT, dims)]
    weights = [h.make_tensor("b", FLOAT, [4], [0.0] * 4), h.make_tensor("axes", INT64, [2], [1, -1])]
    graph = h.make_graph(changes.get("nodes", nodes), "g", inputs, outputs, weights)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", opset)])


def saved(folder: Path, content: Any) -> Path:
    path = folder / "my-net.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def test_a_dynamic_dimension_takes_its_size_from_the_caller(tmp_path: Path) -> None:
    graph = read_onnx(saved(tmp_path, model()), {"x": (3, 4)})
    assert graph.shapes["s"] == graph.shapes["y"] == (3, 4)
    assert graph.constants == {"b": (4,), "axes": (2,)}
    assert graph.values == {"axes": (1, -1)}
    assert (graph.name, graph.inputs, graph.outputs, graph.opset) == ("my_net", ("x",), ("y",), 17)


def test_weights_in_missing_external_files_are_not_needed(tmp_path: Path) -> None:
    content = model(dims=(2, 4))
    weight = content.graph.initializer[0]
    weight.ClearField("float_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="nowhere.bin")
    assert read_onnx(saved(tmp_path, content), {}).constants["b"] == (4,)


def foreign() -> Any:
    return model(dims=(2, 4), nodes=[onnx.helper.make_node("Thing", ["x"], ["y"], domain="nobody.imported")])


def test_what_strict_inference_objects_to_is_kept(tmp_path: Path) -> None:
    content = model(dims=(2, 4), nodes=[onnx.helper.make_node("MatMul", ["x", "x"], ["z"])])
    assert "Incompatible dimensions for matrix multiplication" in read_onnx(saved(tmp_path, content), {}).problem


CASES: list[tuple[Callable[[], Any], dict[str, tuple[int, ...]], str]] = [
    (lambda: b"not a model at all", {}, "not an ONNX model, or a truncated one (DecodeError)"),
    (lambda: model().SerializeToString()[:-20], {}, "not an ONNX model, or a truncated one (DecodeError)"),
    (lambda: b"", {}, "not an ONNX model: it holds no nodes"),
    (model, {}, "dimension 0 ('batch') of input 'x' is dynamic; give the shape, for example --shape x=1x4"),
    (
        lambda: model(dims=(None, 4)),
        {},
        "dimension 0 of input 'x' is dynamic; give the shape, for example --shape x=1x4",
    ),
    (model, {"X": (1, 4)}, "--shape names 'X', which is no input; "),
    (model, {"x": (1,)}, "--shape x=1: the input has 2 dimensions, each at least 1"),
    (model, {"x": (0, 4)}, "--shape x=0x4: the input has 2 dimensions, each at least 1"),
    (model, {"x": (1, 5)}, "--shape gives dimension 1 of 'x' as 5, but the model fixes it to 4"),
    (
        lambda: model(opset=8),
        {},
        "opset 8, but opsets 9 to 21 are supported; convert it with onnx.version_converter",
    ),
    (foreign, {}, "shapes cannot be inferred: "),
]


@pytest.mark.parametrize(("make", "shapes", "text"), CASES)
def test_refusals(make: Callable[[], Any], shapes: dict[str, tuple[int, ...]], text: str, tmp_path: Path) -> None:
    path = saved(tmp_path, make())
    with pytest.raises(FrontendError, match=f"^{re.escape(f'{path}: {text}')}"):
        read_onnx(path, shapes)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(FrontendError, match=r"^no\.onnx: No such file or directory$"):
        read_onnx(Path("no.onnx"), {})


def test_a_package_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(onnx_file.NETWORKS, "resnet50", "gone")
    text = "network 'resnet50': this version of the package 'onnx' does not ship light_gone.onnx"
    with pytest.raises(FrontendError, match=f"^{re.escape(text)}$"):
        onnx_file.network_path("resnet50")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    text = "reading networks needs the package 'onnx': pip install 'wlm-dialect[onnx]'"
    with pytest.raises(UsageError, match=f"^{re.escape(text)}$"):
        onnx_file.import_onnx()
