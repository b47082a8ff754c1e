"""A transformer block as exporters write it: dynamic batch, weights outside the file, matrices only."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.property.graph_checks import check_data, check_memory, check_races
from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends import load
from wlm_dialect.machine import preset

onnx = pytest.importorskip("onnx")
WIDTH, HEADS, ROWS = 128, 4, 64


class Block:
    """Attention and a feed-forward network, each behind a normalization and with a residual."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        x = self.attention("x")
        self.feed_forward(x)

    def weight(self, *dims: int) -> str:
        t = onnx.TensorProto(name=f"p{len(self.initializers)}", data_type=1, dims=dims)
        t.data_location = onnx.TensorProto.EXTERNAL
        t.external_data.add(key="location", value="block.onnx.data")
        self.initializers.append(t)
        return str(t.name)

    def integers(self, *values: int) -> str:
        self.initializers.append(onnx.helper.make_tensor(f"p{len(self.initializers)}", 7, [len(values)], values))
        return str(self.initializers[-1].name)

    def node(self, name: str, op: str, *inputs: str, **attributes: Any) -> str:
        self.nodes.append(onnx.helper.make_node(op, inputs, [f"{name}_out"], name=f"/block/{name}", **attributes))
        return f"{name}_out"

    def linear(self, name: str, x: str, depth: int, width: int) -> str:
        product = self.node(name, "MatMul", x, self.weight(depth, width))
        return self.node(f"{name}_bias", "Add", product, self.weight(width))

    def heads(self, name: str, x: str, order: list[int]) -> str:
        y = self.linear(name, x, WIDTH, WIDTH)
        y = self.node(f"{name}_heads", "Reshape", y, self.integers(0, 0, HEADS, WIDTH // HEADS))
        return self.node(f"{name}_turn", "Transpose", y, perm=order)

    def attention(self, x: str) -> str:
        y = self.node("norm1", "LayerNormalization", x, self.weight(WIDTH), self.weight(WIDTH), axis=-1)
        q, k, v = (self.heads(n, y, o) for n, o in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])))
        self.initializers.append(onnx.helper.make_tensor("scale", 1, [], [0.125]))
        scores = self.node("scale", "Mul", self.node("scores", "MatMul", q, k), "scale")
        y = self.node("mix", "MatMul", self.node("softmax", "Softmax", scores, axis=-1), v)
        y = self.node("merge", "Transpose", y, perm=[0, 2, 1, 3])
        y = self.node("flat", "Reshape", y, self.integers(0, 0, WIDTH))
        return self.node("residual1", "Add", x, self.linear("out", y, WIDTH, WIDTH))

    def feed_forward(self, x: str) -> None:
        y = self.node("norm2", "LayerNormalization", x, self.weight(WIDTH), self.weight(WIDTH), axis=-1)
        y = self.node("gelu", "Gelu", self.linear("up", y, WIDTH, 4 * WIDTH))
        self.node("residual2", "Add", x, self.linear("down", y, 4 * WIDTH, WIDTH))

    def save(self, folder: Path) -> str:
        h = onnx.helper
        x, y = (h.make_tensor_value_info(n, 1, ["batch", ROWS, WIDTH]) for n in ("x", "residual2_out"))
        graph = h.make_graph(self.nodes, "block", [x], [y], self.initializers)
        path = folder / "block.onnx"
        path.write_bytes(h.make_model(graph, opset_imports=[h.make_opsetid("", 20)]).SerializeToString())
        return str(path)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("machine", ["npu40xx:4", "npu37xx", "npu40xx:1"])
def test_transformer_block(machine: str, batch: int, tmp_path: Path) -> None:
    model = preset(machine)
    p = load(Block().save(tmp_path), model, shapes={"x": (batch, ROWS, WIDTH)})
    check_memory(p)
    assert check_races(p) > 50
    check_data(p)
    kinds: dict[str, Counter[str]] = {}
    for t, name in enumerate(p.names):
        layer = name.split("/")[0].removeprefix("block.")
        kinds.setdefault(layer, Counter())[model.engines[int(p.engine[t])].kind] += 1
    assert set(kinds) == {
        *("norm1", "q", "k", "v", "q_turn", "k_turn", "v_turn", "scores", "softmax", "mix", "merge"),
        *("out", "residual1", "norm2", "up", "gelu", "down", "residual2"),
    }  # biases and the scale are fused, reshapes are free
    assert {n for n, k in kinds.items() if k["shave"]} == {"norm1", "softmax", "norm2", "gelu"}
    assert {n for n, k in kinds.items() if set(k) == {"dma"}} == {"q_turn", "k_turn", "v_turn", "merge"}


def test_the_batch_has_to_be_given(tmp_path: Path) -> None:
    text = r"dimension 0 \('batch'\) of input 'x' is dynamic; give the shape, for example --shape x=1x64x128$"
    with pytest.raises(FrontendError, match=text):
        load(Block().save(tmp_path), preset("npu37xx"))
