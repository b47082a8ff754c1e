"""A small vision transformer and a decoder block as ONNX files: `python examples/transformers.py vit vit.onnx`.

Both hold seeded random weights. `wlm run vit.onnx --check` computes one and compares it with onnxruntime.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """Nodes and initializers of a model under construction; values are named by number."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        """One node with one output; its name."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[np.generic]) -> str:
        """An initializer."""
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def shape(self, *dims: int) -> str:
        """A shape, or a list of axes."""
        return self.constant(np.array(dims, np.int64))

    def random(self, *dims: int, scale: float) -> str:
        """Normal numbers."""
        return self.constant((scale * self.rng.standard_normal(dims)).astype(np.float32))

    def linear(self, x: str, rows: int, columns: int, *, bias: bool = True) -> str:
        """x W + b."""
        y = self.op("MatMul", x, self.random(rows, columns, scale=rows**-0.5))
        return self.op("Add", y, self.random(columns, scale=0.1)) if bias else y

    def norm(self, x: str, size: int) -> str:
        """Layer normalization with a scale and a shift."""
        scale = self.constant((1 + 0.1 * self.rng.standard_normal(size)).astype(np.float32))
        return self.op("LayerNormalization", x, scale, self.random(size, scale=0.1), axis=-1)

    def rms_norm(self, x: str, size: int) -> str:
        """Root-mean-square normalization, spelled out as exporters do."""
        mean = self.op("ReduceMean", self.op("Mul", x, x), self.shape(-1), keepdims=1)
        root = self.op("Sqrt", self.op("Add", mean, self.constant(np.array(1e-6, np.float32))))
        scale = self.constant((1 + 0.1 * self.rng.standard_normal(size)).astype(np.float32))
        return self.op("Mul", self.op("Div", x, root), scale)

    def heads(self, x: str, tokens: int, count: int, size: int, order: Sequence[int]) -> str:
        """(1, tokens, count * size) -> (1, count, tokens, size), or as `order` says."""
        return self.op("Transpose", self.op("Reshape", x, self.shape(1, tokens, count, size)), perm=list(order))

    def model(self, name: str, given: onnx.ValueInfoProto, result: str, dims: Sequence[int]) -> onnx.ModelProto:
        """The finished model, checked."""
        out = helper.make_tensor_value_info(result, TensorProto.FLOAT, dims)
        graph = helper.make_graph(self.nodes, name, [given], [out], self.initializers)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.checker.check_model(made, full_check=True)
        return made


def vit(
    size: int = 64, patch: int = 8, width: int = 96, heads: int = 3, depth: int = 4, classes: int = 100
) -> onnx.ModelProto:
    """A vision transformer: patches, a class token, `depth` blocks of attention and GELU layers, a classifier."""
    g = Graph(1)
    side, each = size // patch, width // heads
    tokens = side * side + 1
    weights = g.random(width, 3, patch, patch, scale=(3 * patch * patch) ** -0.5)
    x = g.op("Conv", "image", weights, g.random(width, scale=0.1), strides=[patch, patch], kernel_shape=[patch, patch])
    x = g.op("Transpose", g.op("Reshape", x, g.shape(1, width, side * side)), perm=[0, 2, 1])
    x = g.op("Concat", g.random(1, 1, width, scale=1.0), x, axis=1)
    x = g.op("Add", x, g.random(1, tokens, width, scale=0.5))
    for _ in range(depth):
        y = g.norm(x, width)
        q = g.heads(g.linear(y, width, width), tokens, heads, each, (0, 2, 1, 3))
        k = g.heads(g.linear(y, width, width), tokens, heads, each, (0, 2, 3, 1))
        v = g.heads(g.linear(y, width, width), tokens, heads, each, (0, 2, 1, 3))
        scores = g.op("Mul", g.op("MatMul", q, k), g.constant(np.array(each**-0.5, np.float32)))
        mixed = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
        joined = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), g.shape(1, tokens, width))
        x = g.op("Add", x, g.linear(joined, width, width))
        y = g.op("Gelu", g.linear(g.norm(x, width), width, 2 * width))
        x = g.op("Add", x, g.linear(y, 2 * width, width))
    x = g.op("Gather", g.norm(x, width), g.constant(np.array(0, np.int64)), axis=1)
    x = g.op("Gemm", x, g.random(width, classes, scale=width**-0.5), g.random(classes, scale=0.1))
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, size, size])
    return g.model("vit", given, x, [1, classes])


def decoder(tokens: int = 64, width: int = 128, heads: int = 4, words: int = 320) -> onnx.ModelProto:
    """A decoder block: embedding, rotary attention under a causal mask, a gated layer, scores of words."""
    g = Graph(2)
    each = width // heads
    x = g.op("Gather", g.random(words, width, scale=1.0), "tokens", axis=0)
    y = g.rms_norm(x, width)
    angles = np.outer(np.arange(tokens), 10000.0 ** (-np.arange(0, each, 2) / each))
    cosine = g.constant(np.concatenate([np.cos(angles)] * 2, axis=1).astype(np.float32))
    sine = g.constant(np.concatenate([np.sin(angles)] * 2, axis=1).astype(np.float32))
    rotated = []
    for _ in range(2):
        z = g.heads(g.linear(y, width, width, bias=False), tokens, heads, each, (0, 2, 1, 3))
        low = g.op("Slice", z, g.shape(0), g.shape(each // 2), g.shape(3))
        high = g.op("Slice", z, g.shape(each // 2), g.shape(each), g.shape(3))
        turned = g.op("Concat", g.op("Neg", high), low, axis=3)
        rotated.append(g.op("Add", g.op("Mul", z, cosine), g.op("Mul", turned, sine)))
    v = g.heads(g.linear(y, width, width, bias=False), tokens, heads, each, (0, 2, 1, 3))
    keys = g.op("Transpose", rotated[1], perm=[0, 1, 3, 2])
    scores = g.op("Mul", g.op("MatMul", rotated[0], keys), g.constant(np.array(each**-0.5, np.float32)))
    mask = np.triu(np.full((1, 1, tokens, tokens), -1e4, np.float32), 1)
    weights = g.op("Softmax", g.op("Add", scores, g.constant(mask)), axis=-1)
    mixed = g.op("Transpose", g.op("MatMul", weights, v), perm=[0, 2, 1, 3])
    joined = g.op("Reshape", mixed, g.shape(1, tokens, width))
    x = g.op("Add", x, g.linear(joined, width, width, bias=False))
    y = g.rms_norm(x, width)
    gate = g.linear(y, width, 2 * width, bias=False)
    gated = g.op("Mul", g.op("Mul", gate, g.op("Sigmoid", gate)), g.linear(y, width, 2 * width, bias=False))
    x = g.op("Add", x, g.linear(gated, 2 * width, width, bias=False))
    x = g.linear(g.rms_norm(x, width), width, words, bias=False)
    given = helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, tokens])
    return g.model("decoder", given, x, [1, tokens, words])


MODELS = {"vit": vit, "decoder": decoder}


def main(argv: Sequence[str]) -> int:
    """Write one of the models."""
    if len(argv) != 2 or argv[0] not in MODELS:
        print(f"usage: transformers.py {{{','.join(MODELS)}}} FILE.onnx", file=sys.stderr)
        return 1
    Path(argv[1]).write_bytes(MODELS[argv[0]]().SerializeToString())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
