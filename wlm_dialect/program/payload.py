"""Payloads: what tasks compute and where the elements of tensors lie, as discardable attributes of the IR.

The graph holds one record per layer (`wlm.layers`), a memory object the part of a tensor that it holds (`wlm.layout`),
a task its layer, what it does for it, and the part of the output that it makes or the part of an operand that it moves
(`wlm.work`). Constants are not in the IR: `wlm.network` names them, and the file that holds them with its hash.

Attributes travel with tasks and buffers through every pass; a program without payloads pays nothing for them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wlm_dialect.errors import ProgramError
from wlm_dialect.program.attributes import to_attribute, to_value
from wlm_dialect.program.layout import Layout
from wlm_dialect.program.model import Program
from wlm_dialect.program.regions import Axis, Region, Rule, Shape, Window

LAYERS, LAYOUT, WORK, NETWORK = "wlm.layers", "wlm.layout", "wlm.work", "wlm.network"
COMPUTE, STORE = -1, -2  # what a task does for its layer; k >= 0: it loads operand k
IMAGE, MATRIX = "nchw", "nhwc"  # order in which the elements of a value follow each other

Value = int | float | str | tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """Where a value lies in the memory of a tensor: channels of it from `channel` on, seen as `shape`, in `order`.

    `reshaped`: the value has the same elements in the same order, but another shape.
    """

    tensor: int
    channel: int
    shape: Shape
    order: str
    reshaped: bool = False


@dataclass(frozen=True)
class Operand:
    """One operand of a layer: how it is seen, which part is needed, and where it lies."""

    rule: Rule
    order: str
    place: Place


@dataclass(frozen=True)
class LayerWork:
    """What a layer computes. `fused`: what follows on every element that the layer itself makes, in order."""

    name: str
    op: str
    operands: tuple[Operand, ...]
    view: Shape
    order: str
    tensor: int  # that the output is, or is channels of
    channel: int  # its first one there
    value: str  # name of the output in the network
    dims: tuple[int, ...]  # of that value
    attributes: Mapping[str, Value] = field(default_factory=dict)
    fused: tuple[Mapping[str, Value], ...] = ()


@dataclass(frozen=True)
class TaskWork:
    """`role`: COMPUTE or STORE `part` of the output of a layer, or the operand whose `part` is loaded.

    `args`: per operand of a task that computes, the position in its reads of the buffer that holds it.
    """

    layer: int
    role: int
    part: Region
    args: tuple[int, ...] = ()


@dataclass(frozen=True)
class BufferWork:
    """The part of a tensor that a memory object holds; `home`: in the channels of the tensor, else of a value."""

    tensor: int
    home: bool
    layout: Layout  # its `element_bytes` are bytes of the machine
    values: int = 1  # numbers per element: constants hold the weights of a channel as one element


@dataclass(frozen=True)
class Boundary:
    """A value at the boundary of the network: an input or an output."""

    name: str
    dims: tuple[int, ...]
    place: Place
    view: Shape
    order: str
    steps: tuple[Mapping[str, Value], ...] = ()  # done to an input before it is in memory


@dataclass(frozen=True)
class NetworkWork:
    """What the network reads and yields. `constants`: tensor -> name in the file of constants."""

    inputs: tuple[Boundary, ...] = ()
    outputs: tuple[Boundary, ...] = ()
    constants: Mapping[int, str] = field(default_factory=dict)
    file: str = ""  # beside the IR; "" = in memory
    sha256: str = ""


@dataclass(frozen=True, eq=False)
class Payload:
    """Everything that the attributes of a program say, decoded."""

    network: NetworkWork
    layers: tuple[LayerWork, ...]
    buffers: Mapping[int, BufferWork]  # memory object ->
    tasks: Mapping[int, TaskWork]


def has_payload(program: Program) -> bool:
    """Whether the tasks of `program` say what they compute."""
    return LAYERS in program.attributes


def with_payload(program: Program, payload: Payload) -> Program:
    """The program with the payload as attributes."""
    extra: dict[int, Mapping[str, Any]] = {t: dict(e) for t, e in program.extra.items()}
    for t, work in payload.tasks.items():
        extra[t] = {**extra.get(t, {}), WORK: to_attribute(_task_row(work))}
    layouts = {b: {LAYOUT: to_attribute(_buffer_row(work))} for b, work in payload.buffers.items()}
    buffers = type(program.buffers)(**{**vars(program.buffers), "extra": layouts})
    attributes = {
        **program.attributes,
        LAYERS: to_attribute([_layer_dict(work) for work in payload.layers]),
        NETWORK: to_attribute(_network_dict(payload.network)),
    }
    return program.with_(extra=extra, buffers=buffers, attributes=attributes)


def read_payload(program: Program) -> Payload:
    """The payload of a program; ProgramError if it has none or one that makes no sense."""
    if not has_payload(program):
        raise ProgramError(
            f"@{program.name}: its tasks do not say what they compute; load the network with its payload "
            "(wlm run NETWORK --check)"
        )
    try:
        return Payload(
            _network_of(to_value(program.attributes[NETWORK])),
            tuple(_layer_of(v) for v in to_value(program.attributes[LAYERS])),
            dict(_rows(program.buffers.extra, LAYOUT, _buffer_of)),
            dict(_rows(program.extra, WORK, _task_of)),
        )
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ProgramError(f"@{program.name}: broken payload: {type(error).__name__}: {error}") from None


def _rows(table: Mapping[int, Mapping[str, Any]], key: str, parse: Any) -> Iterator[tuple[int, Any]]:
    for index, attributes in table.items():
        if key in attributes:
            yield index, parse(to_value(attributes[key]))


def _task_row(work: TaskWork) -> tuple[int, ...]:
    return (work.layer, work.role, *work.part, *work.args)


def _task_of(row: tuple[int, ...]) -> TaskWork:
    return TaskWork(row[0], row[1], Region(*row[2:8]), tuple(row[8:]))


def _buffer_row(work: BufferWork) -> tuple[int, ...]:
    at = work.layout
    return (work.tensor, int(work.home), work.values, at.element_bytes, at.w, *at.region, *at.bounds)


def _buffer_of(row: tuple[int, ...]) -> BufferWork:
    tensor, home, values, element_bytes, w, *rest = row
    return BufferWork(tensor, bool(home), Layout(Region(*rest[:6]), w, element_bytes, tuple(rest[6:])), values)


def _place_dict(place: Place) -> dict[str, Any]:
    return {
        "tensor": place.tensor,
        "channel": place.channel,
        "shape": tuple(place.shape),
        "order": place.order,
        "reshaped": int(place.reshaped),
    }


def _place_of(value: Mapping[str, Any]) -> Place:
    return Place(value["tensor"], value["channel"], Shape(*value["shape"]), value["order"], bool(value["reshaped"]))


def _operand_dict(operand: Operand) -> dict[str, Any]:
    rule, window = operand.rule, operand.rule.window
    return {
        "view": tuple(rule.view),
        "order": operand.order,
        "needs": f"{rule.batches.value} {rule.rows.value} {rule.channels.value}",
        "window": (window.kernel, window.stride, window.dilation, window.pad, window.up),
        "place": _place_dict(operand.place),
    }


def _operand_of(value: Mapping[str, Any]) -> Operand:
    batches, rows, channels = (Axis(word) for word in value["needs"].split())
    rule = Rule(Shape(*value["view"]), batches, rows, channels, Window(*value["window"]))
    return Operand(rule, value["order"], _place_of(value["place"]))


def _layer_dict(work: LayerWork) -> dict[str, Any]:
    return {
        "name": work.name,
        "op": work.op,
        "attributes": work.attributes,
        "fused": list(work.fused),
        "operands": [_operand_dict(operand) for operand in work.operands],
        "view": tuple(work.view),
        "order": work.order,
        "tensor": work.tensor,
        "channel": work.channel,
        "value": work.value,
        "dims": work.dims,
    }


def _layer_of(value: Mapping[str, Any]) -> LayerWork:
    return LayerWork(
        value["name"],
        value["op"],
        tuple(_operand_of(operand) for operand in value["operands"]),
        Shape(*value["view"]),
        value["order"],
        value["tensor"],
        value["channel"],
        value["value"],
        tuple(value["dims"]),
        value["attributes"],
        tuple(value["fused"]),
    )


def _boundary_dict(value: Boundary) -> dict[str, Any]:
    return {
        "name": value.name,
        "dims": value.dims,
        "place": _place_dict(value.place),
        "view": tuple(value.view),
        "order": value.order,
        "steps": list(value.steps),
    }


def _boundary_of(value: Mapping[str, Any]) -> Boundary:
    place = _place_of(value["place"])
    shape = Shape(*value["view"])
    return Boundary(value["name"], tuple(value["dims"]), place, shape, value["order"], tuple(value["steps"]))


def _network_dict(work: NetworkWork) -> dict[str, Any]:
    return {
        "inputs": [_boundary_dict(value) for value in work.inputs],
        "outputs": [_boundary_dict(value) for value in work.outputs],
        "constants": {name: tensor for tensor, name in work.constants.items()},
        "file": work.file,
        "sha256": work.sha256,
    }


def _network_of(value: Mapping[str, Any]) -> NetworkWork:
    return NetworkWork(
        tuple(_boundary_of(v) for v in value["inputs"]),
        tuple(_boundary_of(v) for v in value["outputs"]),
        {tensor: name for name, tensor in value["constants"].items()},
        value["file"],
        value["sha256"],
    )
