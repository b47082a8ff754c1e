"""The layer IR between a network file and tasks: tensors, layers, and the part of an input a part of an output needs.

How tensors are seen, and which part of an input a part of an output needs: program/regions.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from numpy.typing import NDArray

from wlm_dialect.program.regions import ONE_ROW, Axis, Region, Rule, Shape, Window, same_order, whole

__all__ = [
    "Axis",
    "Engine",
    "Kernel",
    "Layer",
    "Lookup",
    "Network",
    "Pack",
    "Region",
    "Shape",
    "Tensor",
    "Use",
    "Window",
    "whole",
]


Lookup = Callable[[str], NDArray[Any]]
"""The value of a constant of the network by its name."""

Pack = Callable[[Lookup], NDArray[Any]]
"""Makes what lies in memory for a constant operand: shape (n, h, w, c), or (n, h, w, c, values per element)."""


class Engine(Enum):
    """What runs a layer."""

    DPU = "dpu"
    SHAVE = "shave"
    DMA = "dma"


@dataclass(frozen=True)
class Use:
    """One operand of a layer: the tensor, how the layer sees its axes, and what a part of the output needs of it."""

    tensor: int
    view: Shape
    batches: Axis = Axis.SAME
    rows: Axis = Axis.SAME
    channels: Axis = Axis.SAME
    window: Window = ONE_ROW
    label: str = "x"
    order: str = ""  # how the elements follow each other in the network: IMAGE, MATRIX; "" = nobody asks

    def needs(self, out: Region) -> Region:
        """The region of `view` that is read to make `out`."""
        return Rule(self.view, self.batches, self.rows, self.channels, self.window).needs(out)


@dataclass
class Tensor:
    """A value of the network. An alias owns no memory: it is its parent, or channels of it from `channel` on."""

    index: int
    name: str
    shape: Shape
    role: str = "scratch"  # input, output, constant, scratch
    element_bytes: int = 2
    parent: int = -1
    channel: int = 0  # first channel within the parent; -1 = the parent under another shape
    shared: bool = False  # more than one consumer, or a network output: nothing may be fused into its producer
    order: str = ""  # as in `Use`
    values: int = 1  # numbers per element: constants hold the weights of a channel as one element

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.shape.elements * self.element_bytes


@dataclass
class Kernel:
    """What a layer computes, for those who run it (docs/numbers.md).

    `record`: the packed constant (a key of `Network.packs`) whose records end in a bias, so that what scales and shifts
    channels can be folded into it.
    """

    op: str
    attributes: dict[str, Any] = field(default_factory=dict)
    fused: list[Mapping[str, Any]] = field(default_factory=list)
    record: str = ""


@dataclass
class Layer:
    """One operation after fusion. `macs` and `passes` are per output element."""

    name: str
    op: str  # the ONNX op type
    engine: Engine
    inputs: tuple[Use, ...]
    output: int  # tensor
    view: Shape  # the output as this layer sees it
    macs: int = 0  # DPU: dense multiply-accumulates
    passes: int = 1  # DPU: trips through the data path; SHAVE: cost of the op
    split: tuple[str, ...] = ("h", "c", "n")  # axes of the output that may be split
    fused: list[str] = field(default_factory=list)  # op types folded into this layer, in order
    kernel: Kernel | None = None  # None: it can be timed, but not computed
    order: str = ""  # of the output
    value: str = ""  # the ONNX value that it makes
    dims: tuple[int, ...] = ()  # of that value


@dataclass
class Network:
    """Layers in topological order, and their tensors."""

    name: str
    tensors: list[Tensor] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    inputs: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)  # ONNX value, its dims, tensor
    outputs: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)
    constants: dict[int, str] = field(default_factory=dict)  # tensor -> key of `packs`
    packs: dict[str, Pack] = field(default_factory=dict)  # constants in memory, and those that tasks carry with them
    input_steps: dict[int, list[Mapping[str, Any]]] = field(default_factory=dict)  # tensor -> done before it is there
    timed_only: str = ""  # a node that nobody can compute where it stands

    def add_tensor(self, name: str, shape: Shape, role: str = "scratch", element_bytes: int = 2) -> Tensor:
        """A new tensor."""
        tensor = Tensor(len(self.tensors), name, shape, role, element_bytes)
        self.tensors.append(tensor)
        return tensor

    def locate(self, tensor: int) -> tuple[int, int]:
        """The tensor that owns the memory, and the first channel in it; -1: part or all of it under another shape."""
        channel = 0
        while self.tensors[tensor].parent >= 0:
            step = self.tensors[tensor].channel
            channel = -1 if step < 0 or channel < 0 else channel + step
            tensor = self.tensors[tensor].parent
        return tensor, channel

    def is_direct(self, use: Use) -> bool:
        """Whether an operand is seen as its tensor lies in memory; if not, it is read as a whole."""
        tensor = self.tensors[use.tensor]
        if self.locate(use.tensor)[1] < 0 or use.view != tensor.shape:
            return False
        return same_order(tensor.shape, use.order or tensor.order, tensor.order)
