"""Reading an ONNX file: every way it can be wrong is a FrontendError; shapes are static afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wlm_dialect.errors import FrontendError, UsageError, did_you_mean
from wlm_dialect.frontends.onnx_fold import fold_shapes, has_all_shapes

OPSETS = range(9, 22)
NETWORKS = {
    "resnet50": "resnet50",
    "vgg19": "vgg19",
    "densenet121": "densenet121",
    "squeezenet": "squeezenet",
    "shufflenet": "shufflenet",
    "inception_v1": "inception_v1",
    "inception_v2": "inception_v2",
    "alexnet": "bvlc_alexnet",
    "zfnet512": "zfnet512",
}


@dataclass(frozen=True)
class Node:
    """One ONNX node; missing optional inputs are ''."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def integers(self, key: str, default: Sequence[int] = ()) -> list[int]:
        """An attribute that is a list of integers."""
        return [int(v) for v in self.attributes.get(key, default)]

    def integer(self, key: str, default: int) -> int:
        """An attribute that is an integer."""
        return int(self.attributes.get(key, default))


@dataclass
class OnnxGraph:
    """What the importer needs of a model: no weights, only their shapes."""

    name: str
    nodes: list[Node]
    shapes: dict[str, tuple[int, ...]]
    constants: dict[str, tuple[int, ...]]  # name -> shape
    values: dict[str, tuple[int, ...]] = field(default_factory=dict)  # small integer constants: axes, pads, sizes
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    opset: int = 13
    problem: str = ""  # what strict shape inference objects to


def network_names() -> tuple[str, ...]:
    """Short names of the networks that come with the `onnx` package."""
    return tuple(NETWORKS)


def import_onnx() -> Any:
    """The onnx module; UsageError if the extra is not installed."""
    try:
        import onnx
        import onnx.shape_inference
    except ImportError:
        raise UsageError("reading networks needs the package 'onnx': pip install 'wlm-dialect[onnx]'") from None
    return onnx


def network_path(name: str) -> Path:
    """The file of a network by its short name."""
    folder = Path(import_onnx().__file__).parent / "backend" / "test" / "data" / "light"
    path = folder / f"light_{NETWORKS[name]}.onnx"
    if not path.is_file():
        raise FrontendError(f"network '{name}': this version of the package 'onnx' does not ship {path.name}")
    return path


def read_onnx(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> OnnxGraph:
    """The graph of a model file with static shapes. `shapes` gives inputs with dynamic dimensions their shape."""
    return read_model(load_model(path), path, shapes)


def read_model(model: Any, path: Path, shapes: Mapping[str, tuple[int, ...]]) -> OnnxGraph:
    """The graph of a model from file `path`; its inputs get their static shapes in place."""
    onnx = import_onnx()
    opset = _check_opset(model, path)
    initializers = {i.name for i in model.graph.initializer} | {i.values.name for i in model.graph.sparse_initializer}
    inputs = [i for i in model.graph.input if i.name not in initializers]
    _fix_shapes(path, inputs, shapes)
    _drop_symbols(model, inputs)
    inferred, problem = _infer(onnx, model, path)
    if not has_all_shapes(inferred.graph):
        inferred = fold_shapes(onnx, inferred, opset, lambda m: _infer(onnx, m, path)[0])
    graph = inferred.graph
    known: dict[str, tuple[int, ...]] = {}
    for value in (*graph.value_info, *graph.input, *graph.output):
        dims = _dims(value)
        if dims is not None:
            known[value.name] = dims
    constants = {i.name: tuple(i.dims) for i in graph.initializer}
    constants.update({i.values.name: tuple(i.dims) for i in graph.sparse_initializer})
    values = {i.name: v for i in graph.initializer if (v := _integers(onnx, i)) is not None}
    nodes = [_node(onnx, n) for n in graph.node]
    for node in nodes:
        tensor = node.attributes.get("value")
        if node.op == "Constant" and tensor is not None:
            constants[node.outputs[0]] = tuple(tensor.dims)
            integers = _integers(onnx, tensor)
            if integers is not None:
                values[node.outputs[0]] = integers
    return OnnxGraph(
        name=_identifier(path.stem.removeprefix("light_")),
        nodes=nodes,
        shapes={**known, **constants},
        constants=constants,
        values=values,
        inputs=tuple(i.name for i in inputs),
        outputs=tuple(o.name for o in graph.output),
        opset=opset,
        problem=problem,
    )


def load_model(path: Path) -> Any:
    """The model in a file, as it is there: without external data."""
    onnx = import_onnx()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FrontendError(f"{path}: {error.strerror}") from None
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # the protobuf runtimes raise classes of their own
        raise FrontendError(f"{path}: not an ONNX model, or a truncated one ({type(error).__name__})") from None
    if not model.graph.node:
        raise FrontendError(f"{path}: not an ONNX model: it holds no nodes")
    return model


def _check_opset(model: Any, path: Path) -> int:
    opset = OPSETS.start
    for entry in model.opset_import:
        if entry.domain not in ("", "ai.onnx"):
            continue
        opset = entry.version
        if opset not in OPSETS:
            raise FrontendError(
                f"{path}: opset {opset}, but opsets {OPSETS.start} to {OPSETS.stop - 1} are supported; "
                "convert it with onnx.version_converter"
            )
    return opset


def _fix_shapes(path: Path, inputs: Sequence[Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    names = [i.name for i in inputs]
    for name in shapes:
        if name not in names:
            raise FrontendError(f"{path}: --shape names '{name}', which is no input{did_you_mean(name, names)}")
    for value in inputs:
        dims = value.type.tensor_type.shape.dim
        given = shapes.get(value.name)
        if given is not None:
            has_rank = value.type.tensor_type.HasField("shape")
            if any(g < 1 for g in given) or (has_rank and len(given) != len(dims)):
                rank = f"{len(dims)} dimensions" if has_rank else "positive dimensions"
                text = "x".join(map(str, given))
                raise FrontendError(f"{path}: --shape {value.name}={text}: the input has {rank}, each at least 1")
            for k, (dim, size) in enumerate(zip(dims, given, strict=False)):
                if dim.HasField("dim_value") and dim.dim_value not in (0, size):
                    raise FrontendError(
                        f"{path}: --shape gives dimension {k} of '{value.name}' as {size}, but the model fixes it to "
                        f"{dim.dim_value}"
                    )
            del dims[:]
            for size in given:
                dims.add().dim_value = size
            continue
        for k, dim in enumerate(dims):
            if dim.dim_value < 1:
                example = "x".join(str(d.dim_value) if d.dim_value > 0 else "1" for d in dims)
                called = f" ('{dim.dim_param}')" if dim.dim_param else ""
                raise FrontendError(
                    f"{path}: dimension {k}{called} of input '{value.name}' is dynamic; "
                    f"give the shape, for example --shape {value.name}={example}"
                )


def _drop_symbols(model: Any, inputs: Sequence[Any]) -> None:
    """Shapes that name symbols were true for any size; they would stop inference from finding the sizes."""
    static = [v for v in model.graph.value_info if _dims(v) is not None]
    if inputs and len(static) != len(model.graph.value_info):
        del model.graph.value_info[:]
        model.graph.value_info.extend(static)
    for value in model.graph.output:
        if _dims(value) is None:
            value.type.tensor_type.ClearField("shape")


def _infer(onnx: Any, model: Any, path: Path) -> tuple[Any, str]:
    """The model with the shapes of all values, and why strict inference failed if it did.

    Strict with data propagation first. What that refuses is tried with less: a custom op must not hide all shapes.
    """
    problem = ""
    for options in ({"strict_mode": True, "data_prop": True}, {"strict_mode": True}, {"data_prop": True}):
        try:
            return onnx.shape_inference.infer_shapes(model, **options), problem
        except Exception as error:  # InferenceError, or what protobuf makes of a model that is too large
            problem = problem or " ".join(str(error).split())
    raise FrontendError(f"{path}: shapes cannot be inferred: {problem}")


def _dims(value: Any) -> tuple[int, ...] | None:
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    dims = tuple(d.dim_value if d.HasField("dim_value") else 0 for d in kind.shape.dim)
    return dims if all(d > 0 for d in dims) else None


def _integers(onnx: Any, tensor: Any) -> tuple[int, ...] | None:
    """The values of a small integer tensor that is stored in the file itself."""
    kinds = (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
    if tensor.data_type not in kinds or len(tensor.external_data):
        return None
    if int(_product(tensor.dims)) > 64:
        return None
    return tuple(int(v) for v in onnx.numpy_helper.to_array(tensor).reshape(-1))


def _product(dims: Sequence[int]) -> int:
    out = 1
    for d in dims:
        out *= d
    return out


def _node(onnx: Any, node: Any) -> Node:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return Node(node.name, node.op_type, tuple(node.input), tuple(node.output), attributes)


def _identifier(text: str) -> str:
    """A name that is a symbol of the IR."""
    out = "".join(c if c.isalnum() or c == "_" else "_" for c in text)
    return out if out and not out[0].isdigit() else f"net_{out}"
