"""ONNX graph -> layer IR: constants folded away, views resolved, small ops fused into the layer before."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.layers import Axis, Engine, Kernel, Layer, Network, Pack, Shape, Tensor, Use
from wlm_dialect.frontends.onnx_file import Node, OnnxGraph
from wlm_dialect.frontends.onnx_kernels import absorb, quantize_step
from wlm_dialect.frontends.onnx_ops import SAME_SHAPE
from wlm_dialect.frontends.onnx_shapes import Dims, image, is_image, matrix, order_of
from wlm_dialect.program.regions import same_order

_AUTOMATIC = re.compile(r"n?\d*")  # names that exporters number through


class Importer:
    """State of one import. Handlers (onnx_layers.py) call it to look values up and to add layers."""

    def __init__(self, graph: OnnxGraph, element_bytes: int) -> None:
        self.graph = graph
        self.element_bytes = element_bytes
        self.network = Network(graph.name)
        self.value: dict[str, int] = {}  # ONNX value -> tensor
        self.producer: dict[int, Layer] = {}  # tensor -> layer that writes it
        self.consumers = Counter(name for n in graph.nodes for name in n.inputs if name)
        self.consumers.update(graph.outputs)
        self._names: Counter[str] = Counter()
        for name in graph.inputs:
            if name not in graph.constants:
                dims = self.dims(name, "the network input")
                shape = image(dims) if len(dims) == 4 else matrix(dims)
                tensor = self.new_tensor(name, shape, "input", order=order_of(dims, shape))
                self.bind(name, tensor)
                self.network.inputs.append((name, dims, tensor.index))

    def run(self, handler: Callable[["Importer", Node], None]) -> Network:
        """Import every node; the finished network."""
        for node in self.graph.nodes:
            if self._is_constant(node):
                for name in node.outputs:
                    self.graph.constants[name] = self.graph.shapes.get(name, (1,))
                continue
            handler(self, node)
        self._mark_outputs()
        if not self.network.layers:
            raise FrontendError(f"network '{self.graph.name}' holds no work: all of it is constant or a view")
        return self.network

    def _is_constant(self, node: Node) -> bool:
        return node.op in ("Shape", "Size") or all(not i or i in self.graph.constants for i in node.inputs)

    def _mark_outputs(self) -> None:
        for name in self.graph.outputs:
            if name in self.graph.constants:
                continue
            if name not in self.value:
                raise FrontendError(f"network output '{name}' is made by no node")
            dims = self.graph.shapes.get(name, ())
            root = self.network.tensors[self.network.locate(self.value[name])[0]]
            if root.role == "input":
                use = Use(root.index, root.shape, order=root.order)
                kernel = Kernel("Identity")
                root = self.add_layer(
                    "copy", "Identity", Engine.DMA, (use,), name, root.shape, dims=dims, kernel=kernel
                )
                root.order = use.order
                self.producer[root.index].order = use.order
            root.role = "output"
            self.network.outputs.append((name, dims, self.value[name]))

    def place(self, node: Node) -> str:
        """The node, for messages."""
        called = f"'{node.name}'" if node.name else f"that makes '{node.outputs[0]}'"
        return f"node {called} ({node.op})"

    def dims(self, name: str, where: str) -> Dims:
        """Static shape of a value."""
        dims = self.graph.shapes.get(name)
        if dims is None:
            problem = f": {self.graph.problem}" if self.graph.problem else "; it depends on values"
            raise FrontendError(f"the shape of '{name}' cannot be inferred ({where}){problem}")
        return dims

    def out_dims(self, node: Node, k: int = 0) -> Dims:
        """Static shape of an output of a node."""
        if node.op in SAME_SHAPE and k == 0 and node.outputs[0] not in self.graph.shapes:
            self.graph.shapes[node.outputs[0]] = self.in_dims(node)  # shape inference does not know every version
        return self.dims(node.outputs[k], self.place(node))

    def in_dims(self, node: Node, k: int = 0) -> Dims:
        """Static shape of an input of a node."""
        return self.dims(node.inputs[k], self.place(node))

    def is_constant(self, name: str) -> bool:
        """The value is known at compile time."""
        return name in self.graph.constants

    def tensor(self, name: str, node: Node) -> Tensor:
        """The tensor of a value that is not constant."""
        index = self.value.get(name)
        if index is None:
            raise FrontendError(f"{self.place(node)}: input '{name}' is made by no earlier node")
        return self.network.tensors[index]

    def new_tensor(self, name: str, shape: Shape, role: str = "scratch", order: str = "") -> Tensor:
        """A new activation."""
        tensor = self.network.add_tensor(name, shape, role, self.element_bytes)
        tensor.order = order
        return tensor

    def alias(self, name: str, source: Tensor, dims: Dims) -> None:
        """The value `name` has the elements of `source` in the same order, under another shape."""
        shape = self.interpret(dims, source.shape)
        order = order_of(dims, shape)
        if shape == source.shape and same_order(shape, order, source.order):
            self.bind(name, source)
            return
        alias = self.new_tensor(name, shape, source.role, order)
        alias.parent, alias.channel = source.index, -1
        self.bind(name, alias)

    def bind(self, name: str, tensor: Tensor) -> None:
        """The ONNX value `name` is `tensor` from here on."""
        self.value[name] = tensor.index
        if self.consumers[name] != 1:
            tensor.shared = True

    def constant(
        self,
        label: str,
        shape: Shape,
        per_element: int,
        batches: Axis = Axis.SAME,
        rows: Axis = Axis.SAME,
        channels: Axis = Axis.SAME,
        *,
        pack: Pack | None = None,
    ) -> Use:
        """A constant operand: `per_element` values of the machine's element size for each element of `shape`."""
        size = per_element * self.element_bytes
        tensor = self.network.add_tensor(label, shape, "constant", size)
        tensor.values = per_element
        if pack is not None:
            key = label if label not in self.network.packs else f"{label}.{tensor.index}"
            self.network.packs[key] = pack
            self.network.constants[tensor.index] = key
        return Use(tensor.index, shape, batches, rows, channels, label="w")

    def per_channel(self, label: str, channels: int, values: int, pack: Pack | None = None) -> Use:
        """Weights: `values` of them for each output channel."""
        return self.constant(label, Shape(1, channels, 1, 1), values, batches=Axis.ALL, rows=Axis.ALL, pack=pack)

    def carried(self, label: str, pack: Pack) -> str:
        """A small constant that tasks carry with them; its key."""
        self.network.packs[label] = pack
        return label

    def layer_name(self, node: Node) -> str:
        """Unique and without '/': the node's own name, or its op type and the number of such layers."""
        name = node.name.strip("/").replace("/", ".")
        if _AUTOMATIC.fullmatch(name):
            name = f"{node.op}_{self._names[node.op]}"
            self._names[node.op] += 1
        return self.unique(name)

    def unique(self, name: str) -> str:
        """`name`, or with a number behind it if a layer is called so already."""
        key = f"layer {name}"
        self._names[key] += 1
        return name if self._names[key] == 1 else self.unique(f"{name}_{self._names[key]}")

    def add_layer(
        self,
        name: str,
        op: str,
        engine: Engine,
        inputs: tuple[Use, ...],
        output: str,
        view: Shape,
        *,
        macs: int = 0,
        passes: int = 1,
        split: str = "hcn",
        kernel: Kernel | None = None,
        dims: Dims | None = None,
    ) -> Tensor:
        """Append a layer whose output is a new tensor bound to `output`; that tensor.

        `dims`: of the output, if they are not those of the value `output`. Without `kernel` it can only be timed.
        """
        dims = self.graph.shapes.get(output, ()) if dims is None else dims
        order = order_of(dims, view)
        tensor = self.new_tensor(output, view, order=order)
        layer = Layer(name, op, engine, inputs, tensor.index, view, macs, passes, tuple(split))
        layer.kernel, layer.order, layer.value, layer.dims = kernel, order, output, dims
        self.network.layers.append(layer)
        self.producer[tensor.index] = layer
        self.bind(output, tensor)
        return tensor

    def fuse(self, node: Node, source: str) -> bool:
        """Fold a node into the DPU layer that makes `source`, if nobody else sees that value."""
        index = self.value.get(source)
        if index is None:
            return False
        layer = self.producer.get(index)
        tensor = self.network.tensors[index]
        if layer is None or layer.engine is not Engine.DPU or tensor.shared or tensor.parent >= 0:
            return False
        layer.fused.append(node.op)
        absorb(layer, node, source, self.network.packs)
        self.bind(node.outputs[0], tensor)
        return True

    def free(self, node: Node) -> None:
        """A node that costs nothing: its output is its first input. What it does to numbers, their maker does."""
        tensor = self.tensor(node.inputs[0], node)
        step = quantize_step(node, self.unique(f"{node.op}.constant"), self.network.packs)
        if step is not None and not self._do_to(tensor, step, node):
            self.network.timed_only = self.network.timed_only or self.place(node)
        self.bind(node.outputs[0], tensor)

    def _do_to(self, tensor: Tensor, step: Mapping[str, Any], node: Node) -> bool:
        """Whether nobody sees the value before, and whoever makes it can take the step."""
        if tensor.shared or tensor.parent >= 0:
            return False
        layer = self.producer.get(tensor.index)
        if layer is None:
            self.network.input_steps.setdefault(tensor.index, []).append(step)
            return tensor.role == "input"
        if layer.kernel is not None:
            layer.kernel.fused.append(step)
            layer.value = node.outputs[0]
        return layer.kernel is not None

    def interpret(self, dims: Dims, like: Shape | None) -> Shape:
        """`dims` seen as `like` where that is a way to see them; else as an image (four axes) or a matrix."""
        if like is not None and like == matrix(dims):
            return like
        return image(dims) if len(dims) == 4 or (like is not None and is_image(dims, like)) else matrix(dims)
