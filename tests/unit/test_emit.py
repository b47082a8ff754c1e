"""Steps -> tasks: what is loaded again, what is shared, how tasks are called."""

from collections import Counter

import pytest

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.emit import Emitter, Stream
from wlm_dialect.frontends.layers import Axis, Engine, Layer, Network, Region, Shape, Use, Window
from wlm_dialect.frontends.lower import lower
from wlm_dialect.frontends.tiling import Tiling, cut, steps
from wlm_dialect.machine import MachineModel, preset

X, Y = Shape(1, 32, 12, 4), Shape(1, 128, 12, 4)


def convolution() -> Network:
    net = Network("net")
    x, w, y = net.add_tensor("x", X, "input"), net.add_tensor("w", Shape(1, 128, 1, 1), "constant", 64), 2
    net.add_tensor("y", Y, "output")
    uses = (
        Use(x.index, X, rows=Axis.WINDOW, channels=Axis.ALL, window=Window(3, 1, 1, 1)),
        Use(w.index, w.shape, Axis.ALL, Axis.ALL, label="w"),
    )
    net.layers.append(Layer("conv", "Conv", Engine.DPU, uses, y, Y, macs=96))
    return net


def emit(net: Network, *tilings: Tiling, machine: str | MachineModel = "npu40xx:2") -> Stream:
    model = preset(machine) if isinstance(machine, str) else machine
    return Emitter(net, model, dict(enumerate(tilings)), frozenset()).run()


def count(stream: Stream) -> Counter[str]:
    return Counter(t.name.split("/")[1] for t in stream.tasks)


@pytest.mark.parametrize(
    ("tiling", "expected"),
    [
        # rows over two tiles: weights are loaded once for both
        (Tiling("h", 2, 1, 1, 1, False), {"load_x": 2, "load_w": 1, "t0": 1, "t1": 1, "store": 2}),
        # channels over two tiles: the image is
        (Tiling("c", 2, 1, 1, 1, False), {"load_x": 1, "load_w": 2, "t0": 1, "t1": 1, "store": 2}),
        # channels within rows: the rows stay, every step needs other weights
        (Tiling("h", 1, 1, 3, 2, False), {"load_x": 3, "load_w": 6, "t0": 6, "store": 6}),
        # rows within channels: the other way round
        (Tiling("h", 1, 1, 3, 2, True), {"load_x": 6, "load_w": 2, "t0": 6, "store": 6}),
    ],
)
def test_what_is_loaded_how_often(tiling: Tiling, expected: dict[str, int]) -> None:
    assert count(emit(convolution(), tiling)) == expected


def test_names_bytes_and_slots() -> None:
    stream = emit(convolution(), Tiling("h", 2, 1, 1, 1, False))
    rows = {t.name: t for t in stream.tasks}
    assert list(rows) == [
        "conv/load_x/t0/s0",
        "conv/load_x/t1/s0",
        "conv/load_w/s0",
        "conv/t0/s0",
        "conv/store/t0/s0",
        "conv/t1/s0",
        "conv/store/t1/s0",
    ]
    assert rows["conv/load_x/t0/s0"].bytes == 7 * 4 * 32 * 2  # six rows and one of halo
    assert rows["conv/load_w/s0"].bytes == 128 * 64
    assert len(rows["conv/load_w/s0"].writes) == 2
    assert rows["conv/t0/s0"].slots == 2  # 128 channels in variants of 64


def test_slots_of_all_tiles_fit_one_barrier() -> None:
    small = preset("npu40xx:2").with_(**{"barriers.max_sum": 4})
    assert {t.slots for t in emit(convolution(), Tiling("h", 2, 1, 1, 1, False), machine=small).tasks} == {1}


@pytest.mark.parametrize(("machine", "tasks"), [("npu40xx:1", 2), ("npu37xx", 2), ("tiny", 1)])
def test_a_task_per_shave_and_per_server_of_a_pool(machine: str, tasks: int) -> None:
    net = Network("net")
    net.add_tensor("x", X, "input")
    net.add_tensor("y", X, "output")
    net.layers.append(Layer("soft", "Softmax", Engine.SHAVE, (Use(0, X, channels=Axis.ALL),), 1, X, passes=6))
    stream = emit(net, Tiling("h", 1, 1, 1, 1, False), machine=machine)
    assert count(stream)["t0"] == tasks
    made = [t for t in stream.tasks if t.name.startswith("soft/t0")]
    assert len({t.writes for t in made}) == tasks  # each its own rows


def test_cuts_are_even_and_in_units() -> None:
    assert cut(0, 10, 3) == [(0, 4), (4, 7), (7, 10)]
    assert cut(0, 40, 2, 16) == [(0, 32), (32, 40)]
    assert cut(0, 40, 9, 16) == [(0, 16), (16, 32), (32, 40)]


def test_steps_cover_the_output_once() -> None:
    layer = convolution().layers[0]
    for tiling in (Tiling("h", 5, 1, 2, 3, True), Tiling("c", 4, 1, 5, 2, False)):
        seen: Counter[tuple[int, int]] = Counter()
        for step in steps(layer, tiling):
            for part in step:
                if part is not None:
                    seen.update((h, c) for h in range(part.h0, part.h1) for c in range(part.c0, part.c1))
        assert set(seen.values()) == {1}
        assert len(seen) == Y.h * Y.c


def test_regions() -> None:
    a, b = Region(0, 1, 0, 4, 0, 8), Region(0, 1, 2, 6, 4, 16)
    assert a.meet(b) == Region(0, 1, 2, 4, 4, 8)
    assert a.hull(b) == Region(0, 1, 0, 6, 0, 16)
    assert a.meet(Region(0, 1, 4, 6, 0, 8)) is None


def test_a_step_that_fits_in_sum_but_not_in_pieces() -> None:
    net = Network("net")
    shape = Shape(1, 40, 16, 4)
    net.add_tensor("x", shape, "input")
    net.add_tensor("y", shape, "output")
    uses = (Use(0, shape, channels=Axis.ALL), Use(0, shape, rows=Axis.ALL, label="w"))
    net.layers.append(Layer("square", "MatMul", Engine.DPU, uses, 1, shape, macs=40))
    text = (
        r"^buffer 'square\.w\.t0\.s1' of 2048 bytes finds no room in the 3000 bytes of CMX of tile 0; "
        r"use a machine with more CMX$"
    )
    with pytest.raises(FrontendError, match=text):
        lower(net, preset("npu40xx:1").with_(**{"memory.cmx_bytes": 3000}))
