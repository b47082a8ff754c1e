"""Layer IR and emitted tasks -> the payload of a program: what each task computes, where each tensor lies."""

from collections.abc import Mapping, Sequence

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.emit import Stream
from wlm_dialect.frontends.layers import Layer, Network, Use
from wlm_dialect.program import Program
from wlm_dialect.program.payload import (
    Boundary,
    LayerWork,
    NetworkWork,
    Operand,
    Payload,
    Place,
    with_payload,
)
from wlm_dialect.program.regions import Rule


def attach(
    program: Program, network: Network, stream: Stream, number: Mapping[int, int], order: Sequence[int]
) -> Program:
    """`program` with its payload. `number`: buffer of the stream -> buffer of the program; `order`: its tasks."""
    if network.timed_only:
        raise FrontendError(
            f"{network.timed_only} can be timed, but there are no numbers for it where it stands: the value before it "
            "is seen by others, or is made by nobody who could take it over; leave --check out"
        )
    payload = Payload(
        NetworkWork(
            tuple(_boundary(network, *value) for value in network.inputs),
            tuple(_boundary(network, *value) for value in network.outputs),
            dict(network.constants),
        ),
        tuple(_layer(network, layer) for layer in network.layers),
        {number[b]: work for b, work in stream.layouts.items() if b in number},
        {t: stream.tasks[i].work for t, i in enumerate(order)},
    )
    return with_payload(program, payload)


def place_of(network: Network, tensor: int) -> Place:
    """Where a value lies in the tensor that owns its memory."""
    reshaped = False
    while network.tensors[tensor].parent >= 0 and network.tensors[tensor].channel < 0:
        reshaped, tensor = True, network.tensors[tensor].parent
    base = network.tensors[tensor]
    root, channel = network.locate(tensor)
    return Place(root, channel, base.shape, base.order, reshaped)


def _operand(network: Network, use: Use) -> Operand:
    place = place_of(network, use.tensor)
    rule = Rule(use.view, use.batches, use.rows, use.channels, use.window)
    reshaped = not network.is_direct(use)
    return Operand(rule, use.order, Place(place.tensor, place.channel, place.shape, place.order, reshaped))


def _layer(network: Network, layer: Layer) -> LayerWork:
    kernel = layer.kernel
    if kernel is None:
        raise FrontendError(
            f"layer '{layer.name}' ({layer.op}) can be timed, but there are no numbers for it: leave --check out"
        )
    return LayerWork(
        layer.name,
        kernel.op,
        tuple(_operand(network, use) for use in layer.inputs),
        layer.view,
        layer.order,
        *network.locate(layer.output),
        layer.value,
        layer.dims,
        dict(kernel.attributes),
        tuple(kernel.fused),
    )


def _boundary(network: Network, name: str, dims: tuple[int, ...], tensor: int) -> Boundary:
    value = network.tensors[tensor]
    steps = tuple(network.input_steps.get(tensor, ()))
    return Boundary(name, dims, place_of(network, tensor), value.shape, value.order, steps)
