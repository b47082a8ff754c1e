"""ONNX nodes -> layers: what is fused, free, computed where, and what a layer reads."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends import load
from wlm_dialect.frontends.layers import Axis, Engine, Network, Region, Shape
from wlm_dialect.frontends.onnx_file import read_onnx
from wlm_dialect.frontends.onnx_import import Importer
from wlm_dialect.frontends.onnx_layers import import_node, supported_ops
from wlm_dialect.machine import preset

onnx = pytest.importorskip("onnx")
FLOAT, INT64 = 1, 7
IMAGE = (1, 32, 16, 16)


class Model:
    """A model written node by node; the last output is the network's."""

    def __init__(self, folder: Path, dims: tuple[Any, ...] = IMAGE, opset: int = 17) -> None:
        self.path = folder / "m.onnx"
        self.dims, self.opset = dims, opset
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, *dims: int) -> str:
        """Stored outside the file, and never read."""
        t = onnx.TensorProto(name=f"w{len(self.weights)}", data_type=FLOAT, dims=dims)
        t.data_location = onnx.TensorProto.EXTERNAL
        t.external_data.add(key="location", value="nowhere.bin")
        self.weights.append(t)
        return str(t.name)

    def integers(self, *values: int) -> str:
        name = f"i{len(self.weights)}"
        self.weights.append(onnx.helper.make_tensor(name, INT64, [len(values)], values))
        return name

    def node(self, op: str, *inputs: str, outputs: int = 1, name: str = "", **attributes: Any) -> str:
        made = [f"v{len(self.nodes)}"] + [f"v{len(self.nodes)}_{k}" for k in range(1, outputs)]
        self.nodes.append(onnx.helper.make_node(op, inputs, made, name=name, **attributes))
        return made[0]

    def save(self, *outputs: str) -> Path:
        h = onnx.helper
        infos = [h.make_empty_tensor_value_info(o) for o in outputs or (self.nodes[-1].output[0],)]
        inputs = [h.make_tensor_value_info("x", FLOAT, self.dims)]
        graph = h.make_graph(self.nodes, "m", inputs, infos, self.weights)
        content = h.make_model(graph, opset_imports=[h.make_opsetid("", self.opset)])
        self.path.write_bytes(content.SerializeToString())
        return self.path

    def network(self, *outputs: str, **shapes: tuple[int, ...]) -> Network:
        graph = read_onnx(self.save(*outputs), shapes)
        return Importer(graph, 2).run(partial(import_node, unknown_ops="error"))

    def conv(self, x: str = "x", to: int = 32, channels: int = 32, **attributes: Any) -> str:
        k = attributes.pop("kernel", 3)
        group = attributes.get("group", 1)
        pads = attributes.pop("pads", [k // 2] * 4)
        return self.node("Conv", x, self.weight(to, channels // group, k, k), pads=pads, **attributes)


def kinds(net: Network) -> list[tuple[str, str, list[str]]]:
    return [(layer.op, layer.engine.value, layer.fused) for layer in net.layers]


def test_normalization_scale_chains_and_activations_go_into_the_convolution(tmp_path: Path) -> None:
    m = Model(tmp_path, opset=12)
    x = m.node("BatchNormalization", m.conv(), *(m.weight(32) for _ in range(4)))
    x = m.node("Mul", x, m.node("Unsqueeze", m.weight(32), axes=[1, 2]))
    x = m.node("Add", x, m.node("Unsqueeze", m.weight(32), axes=[1, 2]))
    m.node("Dropout", m.node("Relu", x))
    net = m.network()
    assert kinds(net) == [("Conv", "dpu", ["BatchNormalization", "Mul", "Add", "Relu"])]
    assert [t.role for t in net.tensors] == ["input", "constant", "output"]
    weights = net.tensors[1]
    assert weights.bytes == 32 * (32 * 9 + 1) * 2
    assert net.layers[0].macs == 32 * 9


def test_nothing_is_fused_into_a_value_that_somebody_else_sees(tmp_path: Path) -> None:
    m = Model(tmp_path)
    x = m.conv()
    m.node("Add", x, m.node("Relu", x))
    assert kinds(m.network()) == [("Conv", "dpu", []), ("Relu", "dpu", []), ("Add", "dpu", [])]
    m = Model(tmp_path)
    x = m.conv()
    assert kinds(m.network(x, m.node("Relu", x))) == [("Conv", "dpu", []), ("Relu", "dpu", [])]


def test_a_constant_of_full_size_is_an_operand(tmp_path: Path) -> None:
    m = Model(tmp_path)
    m.node("Add", m.conv(), m.weight(1, 1, 16, 16))
    net = m.network()
    assert kinds(net) == [("Conv", "dpu", []), ("Add", "dpu", [])]
    x, w = net.layers[1].inputs
    assert (x.rows, x.channels) == (Axis.SAME, Axis.SAME)
    assert (w.rows, w.channels, w.view) == (Axis.SAME, Axis.ALL, Shape(1, 1, 16, 16))


def test_concatenation_of_channels_is_free_even_nested(tmp_path: Path) -> None:
    m = Model(tmp_path)
    a, b = m.conv(to=16), m.conv(to=32)
    ab = m.node("Concat", a, b, axis=1)
    m.conv(m.node("Concat", ab, m.conv(ab, to=8, channels=48), axis=1), channels=56)
    net = m.network()
    assert [layer.op for layer in net.layers] == ["Conv"] * 4
    places = [net.locate(layer.output) for layer in net.layers]
    assert [p[1] for p in places] == [0, 16, 48, 0]
    assert len({p[0] for p in places[:3]}) == 1
    assert net.tensors[places[0][0]].shape == Shape(1, 56, 16, 16)


def test_what_cannot_lie_in_the_concatenation_is_copied(tmp_path: Path) -> None:
    m = Model(tmp_path)
    a = m.conv(to=16)
    m.conv(m.node("Concat", a, a, "x", m.weight(1, 8, 16, 16), axis=1), channels=72)
    net = m.network()
    assert [(layer.op, layer.engine.value) for layer in net.layers] == [
        ("Conv", "dpu"),
        ("Concat", "dma"),
        ("Concat", "dma"),
        ("Concat", "dma"),
        ("Conv", "dpu"),
    ]
    assert [net.locate(layer.output)[1] for layer in net.layers[:4]] == [0, 16, 32, 64]


def test_concatenation_of_rows_is_a_transfer(tmp_path: Path) -> None:
    m = Model(tmp_path)
    m.node("Concat", m.conv(), m.conv(), axis=2)
    assert [(la.op, la.engine.value) for la in m.network().layers][2:] == [("Concat", "dma")]


def test_shapes_are_free_and_other_views_read_everything(tmp_path: Path) -> None:
    m = Model(tmp_path)
    x = m.node("Flatten", m.node("GlobalAveragePool", m.conv()))
    m.node("Gemm", x, m.weight(10, 32), m.weight(10), transB=1)
    net = m.network()
    assert [layer.op for layer in net.layers] == ["Conv", "GlobalAveragePool", "Gemm"]
    assert net.layers[2].inputs[0].tensor == net.layers[1].output  # 32 pixels of 1 x 1 are a row of 32
    m = Model(tmp_path)
    m.node("Gemm", m.node("Flatten", m.conv()), m.weight(32 * 256, 10))
    net = m.network()
    assert net.locate(net.layers[1].inputs[0].tensor) == (net.layers[0].output, -1)


def test_shape_arithmetic_is_constant(tmp_path: Path) -> None:
    m = Model(tmp_path)
    x = m.conv()
    n = m.node("Gather", m.node("Shape", x), m.integers(0), axis=0)
    m.node("Reshape", x, m.node("Concat", n, m.integers(-1), axis=0))
    assert kinds(m.network()) == [("Conv", "dpu", [])]


def test_depthwise_convolution_reads_its_own_channels(tmp_path: Path) -> None:
    m = Model(tmp_path)
    m.conv(group=32, strides=[2, 2])
    (layer,) = m.network().layers
    assert (layer.macs, layer.passes, layer.view) == (0, 9, Shape(1, 32, 8, 8))
    assert layer.inputs[0].needs(Region(0, 1, 2, 4, 16, 32)) == Region(0, 1, 3, 8, 16, 32)


@pytest.mark.parametrize(("pad", "low"), [("SAME_UPPER", 1), ("SAME_LOWER", 0)])
def test_automatic_padding(pad: str, low: int, tmp_path: Path) -> None:
    m = Model(tmp_path)
    m.node("Conv", "x", m.weight(8, 32, 4, 4), auto_pad=pad)  # 3 rows of padding in all
    (layer,) = m.network().layers
    assert layer.inputs[0].needs(Region(0, 1, 2, 3, 0, 8))[2] == low


def test_transposed_convolution(tmp_path: Path) -> None:
    m = Model(tmp_path)
    m.node("ConvTranspose", "x", m.weight(32, 8, 2, 2), strides=[2, 2])
    (layer,) = m.network().layers
    assert (layer.view, layer.macs) == (Shape(1, 8, 32, 32), 32)
    assert layer.inputs[0].needs(Region(0, 1, 4, 8, 0, 8)) == Region(0, 1, 2, 4, 0, 32)


def test_resize_reads_neighbouring_rows(tmp_path: Path) -> None:
    m = Model(tmp_path, opset=13)
    m.weights.append(onnx.helper.make_tensor("scales", FLOAT, [4], [1.0, 1.0, 2.0, 2.0]))
    m.node("Resize", "x", "", "scales")
    (layer,) = m.network().layers
    assert (layer.engine, layer.view) == (Engine.SHAVE, Shape(1, 32, 32, 32))
    assert layer.inputs[0].needs(Region(0, 1, 8, 10, 0, 32)) == Region(0, 1, 3, 6, 0, 32)


@pytest.mark.parametrize(
    ("op", "dims", "opset", "attributes", "split"),
    [
        ("Softmax", (2, 4, 8), 17, {}, ("h", "n")),
        ("Softmax", (2, 4, 8), 17, {"axis": 1}, ("c", "n")),
        ("Softmax", (2, 4, 8), 11, {}, ("n",)),  # before opset 13: all axes from 1 on
        ("Softmax", IMAGE, 17, {"axis": 1}, ("h", "n")),
        ("ReduceMax", (2, 4, 8), 17, {"axes": [1]}, ("c", "n")),
        ("LRN", IMAGE, 17, {"size": 5}, ("h", "n")),
        ("Sigmoid", IMAGE, 17, {}, ("h", "c", "n")),
    ],
)
def test_what_an_op_needs_whole_is_not_split(
    op: str, dims: tuple[int, ...], opset: int, attributes: dict[str, Any], split: tuple[str, ...], tmp_path: Path
) -> None:
    m = Model(tmp_path, dims, opset)
    m.node(op, "x", **attributes)
    (layer,) = m.network().layers
    assert (layer.engine, layer.split) == (Engine.SHAVE, split)


def test_normalizations_of_images(tmp_path: Path) -> None:
    m = Model(tmp_path, opset=21)
    x = m.node("InstanceNormalization", "x", m.weight(32), m.weight(32))
    m.node("GroupNormalization", x, m.weight(32), m.weight(32), num_groups=4)
    instance, group = m.network().layers
    assert (instance.split, group.split) == (("c", "n"), ("n",))
    assert group.inputs[0].needs(Region(0, 1, 0, 1, 0, 1)) == Region(0, 1, 0, 16, 0, 32)


def test_mean_over_rows_and_columns_is_a_pooling(tmp_path: Path) -> None:
    m = Model(tmp_path)
    m.node("ReduceMean", "x", axes=[2, 3], keepdims=0)
    (layer,) = m.network().layers
    assert (layer.engine, layer.passes, layer.view.c) == (Engine.DPU, 256, 32)


def test_products_keep_batches_and_broadcast_weights(tmp_path: Path) -> None:
    m = Model(tmp_path, (4, 6, 8))
    a = m.node("MatMul", "x", m.weight(8, 16))
    b = m.node("MatMul", a, m.node("Transpose", a, perm=[0, 2, 1]))
    m.node("MatMul", m.weight(3, 6), b)
    net = m.network()
    first, turn, second, third = net.layers
    part = Region(1, 2, 0, 3, 0, 6)
    assert first.inputs[1].needs(part) == Region(0, 1, 0, 1, 0, 6)
    assert turn.engine is Engine.DMA
    assert [u.needs(part) for u in second.inputs] == [Region(1, 2, 0, 3, 0, 16), Region(1, 2, 0, 16, 0, 6)]
    assert third.inputs[0].needs(part) == Region(0, 1, 0, 3, 0, 1)
    assert (first.macs, second.macs, third.macs) == (8, 16, 6)


def test_vectors_in_products(tmp_path: Path) -> None:
    m = Model(tmp_path, (4, 8))
    m.node("MatMul", m.weight(4), m.node("MatMul", "x", m.weight(8, 8)))
    assert [layer.view for layer in m.network().layers] == [Shape(1, 8, 4, 1), Shape(1, 8, 1, 1)]


def test_moves_embeddings_and_unused_outputs(tmp_path: Path) -> None:
    m = Model(tmp_path, (1, 6, 8))
    a = m.node("Relu", "x")
    parts = m.node("Split", a, m.integers(4, 4), outputs=2, axis=2)
    m.node("Gather", m.weight(100, 8), m.node("Cast", m.node("ArgMax", parts, axis=2, keepdims=0), to=INT64))
    net = m.network()
    assert [(la.op, la.engine.value) for la in net.layers] == [
        ("Relu", "dpu"),
        ("Split", "dma"),
        ("ArgMax", "shave"),
        ("Gather", "dma"),
    ]
    assert net.tensors[net.layers[3].inputs[0].tensor].role == "constant"


def test_a_transposition_of_single_rows_is_free(tmp_path: Path) -> None:
    m = Model(tmp_path, (1, 6, 8))
    m.node("Relu", m.node("Transpose", m.node("Sigmoid", "x"), perm=[1, 0, 2]))
    assert [layer.op for layer in m.network().layers] == ["Sigmoid", "Relu"]


def test_an_output_that_is_an_input_is_copied(tmp_path: Path) -> None:
    m = Model(tmp_path)
    m.node("Identity", "x")
    net = m.network()
    assert [(la.name, la.engine) for la in net.layers] == [("copy", Engine.DMA)]
    assert net.tensors[net.layers[0].output].role == "output"


def test_names_come_from_nodes_or_count_the_op(tmp_path: Path) -> None:
    m = Model(tmp_path)
    x = m.conv(name="/stem/conv")
    x = m.conv(x, name="n7")
    m.conv(m.conv(x), name="stem/conv")
    assert [layer.name for layer in m.network().layers] == ["stem.conv", "Conv_0", "Conv_1", "stem.conv_2"]


def test_unknown_ops_are_refused_or_run_on_shaves(tmp_path: Path) -> None:
    m = Model(tmp_path, (2, 8))
    m.node("Relu", m.node("CumSum", "x", m.integers(1), name="sum"))
    text = "node 'sum' (CumSum): op type 'CumSum' is not supported; supported: Abs, Add, And, ArgMax"
    with pytest.raises(
        FrontendError, match=f"^{re.escape(text)}.*; or run such ops on the SHAVEs with unknown_ops = shave$"
    ):
        m.network()
    p = load(str(m.path), preset("npu37xx"), unknown_ops="shave")
    assert [n for n in p.names if n.startswith("sum/t")] == ["sum/t0/s0"]
    assert {"Conv", "LayerNormalization", "Concat"} <= set(supported_ops())


@pytest.mark.parametrize(
    ("op", "dims", "weights", "text"),
    [
        ("Conv", (1, 4, 8, 8, 8), (8, 4, 3, 3, 3), "node that makes 'v0' (Conv): 3 spatial dimensions, but 1 or 2 are"),
        ("GlobalMaxPool", (1, 4, 8, 8, 8), (), "node that makes 'v0' (GlobalMaxPool): 3 spatial dimensions, but 1 or"),
    ],
)
def test_volumes(op: str, dims: tuple[int, ...], weights: tuple[int, ...], text: str, tmp_path: Path) -> None:
    m = Model(tmp_path, dims)
    m.node(op, "x", *([m.weight(*weights)] if weights else []))
    with pytest.raises(FrontendError, match=f"^{re.escape(text)}"):
        m.network()


def refused(m: Model, text: str, *outputs: str) -> None:
    with pytest.raises(FrontendError, match=f"^{text}"):
        m.network(*outputs)


def test_graphs_that_make_no_sense(tmp_path: Path) -> None:
    m = Model(tmp_path)
    m.node("Relu", m.weight(4))
    refused(m, "network 'm' holds no work: all of it is constant or a view$")
    m = Model(tmp_path)
    m.conv()
    refused(m, "network output 'nothing' is made by no node$", "nothing")
    m = Model(tmp_path)
    m.node("Reshape", "later", m.integers(1, 4))
    refused(m, r"node that makes 'v0' \(Reshape\): input 'later' is made by no earlier node$")


def test_shapes_that_stay_unknown(tmp_path: Path) -> None:
    m = Model(tmp_path, (2, 8))
    m.node("MatMul", "x", "x")
    refused(m, r"the shape of 'v0' cannot be inferred \(.*\): .*Incompatible dimensions")
    m = Model(tmp_path, (2, 8))
    m.node("Relu", m.node("NonZero", "x"))
    m.save()
    with pytest.raises(FrontendError, match=r"^the shape of 'v0' cannot be inferred \(.*\); it depends on values$"):
        load(str(m.path), preset("npu37xx"), unknown_ops="shave")
