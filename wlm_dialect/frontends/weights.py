"""Values of the constants of an ONNX model, and seeded random ones for models that come with fillers.

The networks of the package `onnx` fill every large weight with one number: all channels are equal, and many an error
cannot be seen. Random weights are scaled so that the estimated second moment of what a layer makes is one, whatever
comes in.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.onnx_file import import_onnx

Array = NDArray[Any]
_WEIGHTED = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}
_VIEWS = ("Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity")


class Values:
    """The constants of a model by name: initializers, and whatever follows from constants alone."""

    def __init__(self, model: Any, opset: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.opset = opset
        self.shapes = shapes
        self._onnx = import_onnx()
        self._initializers = {i.name: i for i in model.graph.initializer}
        self._makers = {name: node for node in model.graph.node for name in node.output if name}
        self._known: dict[str, Array] = {}

    def __call__(self, name: str) -> Array:
        """The value of a constant; FrontendError if the file does not hold it."""
        if name not in self._known:
            self._find(name)
        return self._known[name]

    def _find(self, name: str) -> None:
        tensor = self._initializers.get(name)
        if tensor is not None:
            try:
                self._known[name] = self._onnx.numpy_helper.to_array(tensor)
            except Exception as error:  # external data that is not there, in as many classes as there are ways
                text = " ".join(str(error).split())
                raise FrontendError(f"constant '{name}' cannot be read: {text}; give weights in the file") from None
            return
        node = self._makers.get(name)
        if node is None:
            raise FrontendError(f"constant '{name}' has no value")
        if node.op_type in _VIEWS:  # the evaluator knows only the newest form of some of them
            self._known[name] = self(node.input[0]).reshape(self.shapes[name])
            return
        feeds = {i: self(i) for i in node.input if i}
        from onnx.reference import ReferenceEvaluator

        found = ReferenceEvaluator(node, opsets={"": self.opset}).run(None, feeds)
        self._known.update((o, np.asarray(v)) for o, v in zip(node.output, found, strict=False) if o)


def has_fillers(model: Any) -> bool:
    """Whether the model makes its weights from ConstantOfShape."""
    fillers = {n.output[0] for n in model.graph.node if n.op_type == "ConstantOfShape"}
    return any(i in fillers for n in model.graph.node if n.op_type in _WEIGHTED for i in n.input[1:2])


def randomised(model: Any, shapes: Mapping[str, tuple[int, ...]], seed: int) -> Any:
    """A copy of the model whose fillers are initializers drawn at random; same seed, same bytes.

    `shapes`: of its values.
    """
    onnx = import_onnx()
    values = _Filler(model, shapes, np.random.default_rng(seed)).run()
    out = type(model)()
    out.CopyFrom(model)
    kept = [n for n in out.graph.node if not (n.output and n.output[0] in values)]
    used = {i for n in kept for i in n.input} - values.keys()
    initializers = [i for i in out.graph.initializer if i.name in used]
    gone = {i.name for i in out.graph.initializer}
    inputs = [i for i in out.graph.input if i.name not in gone]
    del out.graph.node[:], out.graph.initializer[:], out.graph.input[:]
    out.graph.input.extend(inputs)
    out.graph.node.extend(kept)
    out.graph.initializer.extend(initializers)
    out.graph.initializer.extend(onnx.numpy_helper.from_array(v, name) for name, v in values.items())
    return out


class _Filler:
    """One walk over the nodes that draws weights and keeps an estimate of the second moment of each value."""

    def __init__(self, model: Any, shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> None:
        self.model = model
        self.rng = rng
        self.shapes = shapes
        self.source = {n.output[0]: n.output[0] for n in model.graph.node if n.op_type == "ConstantOfShape"}
        self.constants = {i.name for i in model.graph.initializer}
        self.floats = {i.name for i in model.graph.initializer if i.data_type == i.FLOAT}
        self.moment: dict[str, float] = {}
        self.drawn: dict[str, Array] = {}

    def run(self) -> dict[str, Array]:
        for node in self.model.graph.node:
            if node.op_type == "Unsqueeze" and node.input[0] in self.floats:  # a trained scale or shift
                self.source.setdefault(node.input[0], node.input[0])
            if node.op_type in _VIEWS and node.input[0] in self.source:
                self.source[node.output[0]] = self.source[node.input[0]]  # a filler under another shape
                continue
            live = [i for i in node.input if i and i not in self.source and i not in self.constants]
            if not live:
                self.constants.update(node.output)
                continue
            before = [self.moment.get(i, 1.0) for i in live]
            for name in node.output:
                self.moment[name] = self._step(node, before)
        return self.drawn

    def _draw(self, name: str, centre: float, spread: float) -> None:
        """A filler gets normal numbers, unless it has them already."""
        source = self.source.get(name)
        if source is not None and source not in self.drawn:
            shape = self.shapes[source]
            numbers = centre + spread * self.rng.standard_normal(shape, np.float32)
            self.drawn[source] = numbers.astype(np.float32)

    def _step(self, node: Any, before: list[float]) -> float:
        """Draw what the node reads; the second moment of what it makes."""
        moment = before[0]
        if node.op_type in _WEIGHTED:
            return self._weights(node, moment)
        if node.op_type == "BatchNormalization":
            for name, centre, spread in zip(node.input[1:5], (1.0, 0.0, 0.0, 1.0), (0.1, 0.1, 0.1, 0.05), strict=True):
                self.source.setdefault(name, name)
                self._draw(name, centre, spread)
            return moment
        for name in node.input:  # scales and shifts of their own
            shift = node.op_type in ("Add", "Sub", "Sum")
            self._draw(name, 0.0 if shift else 1.0, 0.1)
        match node.op_type:
            case "Relu":
                return moment * 0.65  # half, for inputs without a mean
            case "MaxPool":
                return moment * 4
            case "Add" | "Sum":
                return sum(before)
            case "Softmax":
                return 0.01
        return sum(before) / len(before)

    def _weights(self, node: Any, moment: float) -> float:
        name = node.input[1]
        if name not in self.source and name not in self.constants:
            return moment
        for constant in node.input[1:]:  # what the file holds was trained for inputs that it does not make any more
            self.source.setdefault(constant, constant)
        shape = self.shapes[self.source[name]]
        attributes = {a.name: a.i for a in node.attribute}
        fan_in = int(np.prod(shape[1:]))
        if node.op_type in ("Gemm", "MatMul") and not attributes.get("transB"):
            fan_in = shape[0]
        self._draw(name, 0.0, float(1.0 / np.sqrt(fan_in * max(moment, 1e-6))))
        for bias in node.input[2:]:
            self._draw(bias, 0.0, 0.1)
        return 1.0
