"""Random networks on small memories: whatever is cut, kept or spilled, no race, no unwritten byte, no overflow."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.graph_checks import check_data, check_memory, check_races
from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.layers import Axis, Engine, Layer, Network, Shape, Tensor, Use, Window
from wlm_dialect.frontends.lower import lower
from wlm_dialect.machine import preset

MACHINES = {name: preset(name) for name in ("npu40xx:1", "npu37xx", "npu40xx:3")}


class Random:
    """A network grown layer by layer; `draw` decides."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.net = Network("random")
        shape = Shape(draw(st.integers(1, 2)), draw(st.sampled_from([3, 16, 40])), draw(st.integers(1, 20)), 4)
        self.live = [self.net.add_tensor("input", shape, "input")]

    def pick(self) -> Tensor:
        return self.live[self.draw(st.integers(0, len(self.live) - 1))]

    def layer(
        self, op: str, engine: Engine, inputs: tuple[Use, ...], view: Shape, split: str = "hcn", **more: int
    ) -> Tensor:
        index = len(self.net.layers)
        out = self.net.add_tensor(f"t{index}", view)
        self.net.layers.append(Layer(f"{op}{index}", op, engine, inputs, out.index, view, split=tuple(split), **more))
        self.live.append(out)
        return out

    def grow(self) -> None:
        x = self.pick()
        kind = self.draw(st.sampled_from(["conv", "pool", "add", "concat", "softmax", "move", "matmul"]))
        s = x.shape
        if kind in ("conv", "pool"):
            kernel, stride = self.draw(st.sampled_from([1, 3])), self.draw(st.sampled_from([1, 2]))
            window = Window(kernel, stride, 1, kernel // 2)
            c = s.c if kind == "pool" else self.draw(st.sampled_from([8, 32, 72]))
            view = Shape(s.n, c, -(-s.h // stride), s.w)
            channels = Axis.SAME if kind == "pool" else Axis.ALL
            uses = [Use(x.index, s, rows=Axis.WINDOW, channels=channels, window=window)]
            if kind == "conv":
                w = self.net.add_tensor(f"w{len(self.net.tensors)}", Shape(1, c, 1, 1), "constant", 2 * kernel * s.c)
                uses.append(Use(w.index, w.shape, Axis.ALL, Axis.ALL, label="w"))
            self.layer(kind, Engine.DPU, tuple(uses), view, macs=s.c * kernel)
        elif kind == "add":
            other = next((t for t in self.live if t is not x and t.shape == s), x)
            self.layer(kind, Engine.DPU, (Use(x.index, s), Use(other.index, s)), s)
        elif kind == "concat":
            self.concat(x)
        elif kind == "softmax":
            self.layer(kind, Engine.SHAVE, (Use(x.index, s, channels=Axis.ALL),), s, split="hn", passes=6)
        elif kind == "matmul":
            uses = (Use(x.index, s, channels=Axis.ALL), Use(x.index, s, rows=Axis.ALL, label="w"))
            self.layer(kind, Engine.DPU, uses, s, macs=s.c)
        else:
            self.layer(kind, Engine.DMA, (Use(x.index, s, Axis.ALL, Axis.ALL, Axis.ALL),), Shape(s.n, s.c, s.w, s.h))

    def concat(self, x: Tensor) -> None:
        free = [t for t in self.live if t.parent < 0 and t.role == "scratch" and t is not x]
        other = next((t for t in free if t.shape._replace(c=0) == x.shape._replace(c=0)), None)
        if other is None or x.parent >= 0 or x.role != "scratch":
            return
        parent = self.net.add_tensor(f"t{len(self.net.tensors)}c", x.shape._replace(c=x.shape.c + other.shape.c))
        x.parent, other.parent, other.channel = parent.index, parent.index, x.shape.c
        self.live.append(parent)

    def finish(self) -> Network:
        last = self.net.layers[-1]
        self.net.tensors[self.net.locate(last.output)[0]].role = "output"
        return self.net


@st.composite
def networks(draw: st.DrawFn) -> Network:
    grown = Random(draw)
    for _ in range(draw(st.integers(1, 9))):
        grown.grow()
    if not grown.net.layers:
        grown.layer("add", Engine.DPU, (Use(0, grown.live[0].shape),), grown.live[0].shape)
    return grown.finish()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=120)
@given(networks(), st.sampled_from(sorted(MACHINES)), st.sampled_from([6_000, 20_000, 60_000, 1_000_000]))
def test_random_networks(net: Network, machine: str, cmx: int) -> None:
    try:
        p = lower(net, MACHINES[machine].with_(**{"memory.cmx_bytes": cmx}))
    except FrontendError as error:
        if cmx == 1_000_000 or "use a machine with more CMX" not in str(error):
            raise
        return  # the smallest memories do not hold one step of every layer
    assert len(set(p.names)) == len(p)
    check_memory(p)
    check_races(p)
    check_data(p)
