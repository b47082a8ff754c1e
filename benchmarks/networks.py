"""Synthetic networks of any machine npu40xx:T, as programs in phase graph. Same arguments, same program.

Tasks are listed by start in a b-level list schedule with unlimited barriers, so that program order is a possible order
in time. `python benchmarks/networks.py` prints what there is.
"""

import random
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Arguments, tool

from wlm_dialect import api
from wlm_dialect.errors import MachineError
from wlm_dialect.kernels.durations import dma_ticks, dpu_ticks, shave_ticks
from wlm_dialect.kernels.list_scheduling import list_schedule
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft


class Sketch:
    """Tasks in any topological order; `finish` lists them by start."""

    def __init__(self, name: str, machine: MachineModel) -> None:
        self.name = name
        self.machine = machine
        self.engine: list[int] = []
        self.cycles: list[int] = []
        self.names: list[str] = []
        self.bytes: list[int] = []
        self.after: list[list[int]] = []

    def add(self, engine: str, name: str, cycles: int, after: Sequence[int] = (), size: int = 0) -> int:
        """Append a task of `cycles` ticks that moves `size` bytes; its index."""
        self.engine.append(self.machine.engine_index[engine])
        self.cycles.append(cycles)
        self.names.append(name)
        self.bytes.append(size)
        self.after.append(sorted(set(after)))
        return len(self.engine) - 1

    def finish(self, *, in_order: bool = False) -> Program:
        """The program; with `in_order` tasks are listed as they were added."""
        order = list(range(len(self.engine)))
        if not in_order:
            servers = [e.servers for e in self.machine.engines]
            order = list_schedule(self.engine, self.cycles, self.after, servers)[0]
        place = {task: n for n, task in enumerate(order)}
        draft = Draft(self.name, self.machine)
        for t in order:
            after = sorted(place[a] for a in self.after[t])
            draft.add(self.engine[t], self.names[t], self.cycles[t], bytes=self.bytes[t], after=after)
        return draft.finish()


def layered(machine: MachineModel, tasks: int, seed: int = 1, *, in_order: bool = False) -> Program:
    """Random layers of 12 tasks of 200 to 2,200 ticks on six engines; each follows up to 3 of the last 3 layers."""
    draw = random.Random(seed)
    engines = ("dma0_ddr", "dma0_cmx", "dpu0", "dpu1", "shave0_0", "shave1_0")
    sketch = Sketch(f"layered{tasks}", machine)
    for n in range(tasks):
        engine, cycles = engines[draw.randrange(6)], draw.randrange(200, 2200)
        low, high = max(0, n // 12 * 12 - 36), n // 12 * 12
        after = [draw.randrange(low, high) for _ in range(1 + draw.randrange(3))] if high else []
        sketch.add(engine, f"task{n}", cycles, after)
    return sketch.finish(in_order=in_order)


class _Cnn:
    """A tiled CNN: per layer, slice and tile a weight load, a convolution, sometimes an activation and a spill."""

    def __init__(self, machine: MachineModel, tiles: int, slices: int, buffers: int, seed: int) -> None:
        self.sketch = Sketch(f"cnn{tiles}", machine)
        self.draw = random.Random(seed)
        self.tiles, self.slices = tiles, slices
        # weight buffer -> last task that read it
        self.users: dict[tuple[int, int], list[int]] = {(k, b): [] for k in range(tiles) for b in range(buffers)}
        self.buffers = buffers
        self.made: list[list[list[int]]] = [[[] for _ in range(slices)] for _ in range(tiles)]  # -> who made the slice

    def load(self, engine: str, name: str, mean: float, after: Sequence[int]) -> int:
        """A transfer around `mean` ticks, and the bytes that take so long."""
        machine = self.sketch.machine
        cycles = self.around(mean)
        moving = max(1, cycles - machine.memory.dma_setup)
        size = moving * machine.engine(engine).bandwidth_mbps // machine.clock_mhz
        return self.sketch.add(engine, name, cycles, after, size)

    def around(self, mean: float) -> int:
        """From half of `mean` to one and a half, at least 50 ticks."""
        return max(50, int(mean * (0.5 + self.draw.random())))

    def layer(self, number: int) -> None:
        """One layer; every third has activations on SHAVEs, every fifth goes out to DDR and comes back."""
        mean = 4000 * (0.4 + 1.6 * self.draw.random())
        moved = mean * 0.7 * (0.3 + 1.4 * self.draw.random()) / self.tiles
        made: list[list[list[int]]] = [[[] for _ in range(self.slices)] for _ in range(self.tiles)]
        for s in range(self.slices):
            for k in range(self.tiles):
                made[k][s] = [self.part(number, s, k, mean, moved)]
        self.made = made

    def part(self, number: int, s: int, k: int, mean: float, moved: float) -> int:
        """Slice s of tile k: the task that makes it."""
        at = f"{number}.{s}.{k}"
        tile = k % self.sketch.machine.tiles
        buffer = (k, (number * self.slices + s) % self.buffers)
        weights = self.load("dma0_ddr", f"weights{at}", moved, self.users[buffer])
        halo = self.made[(k + 1) % self.tiles][s] if self.tiles > 1 else []
        inputs = [*self.made[k][s], *halo, *(self.made[k][s - 1] if s else [])]
        last = self.sketch.add(f"dpu{tile}", f"conv{at}", self.around(mean), [weights, *inputs])
        self.users[buffer] = [last]
        if number % 3 == 2:
            last = self.sketch.add(f"shave{tile}_0", f"activation{at}", self.around(mean * 0.6), [last])
        if number % 5 == 4:
            out = self.load("dma0_cmx", f"spill{at}", moved * 0.5, [last])
            last = self.load("dma0_ddr", f"reload{at}", moved * 0.5, [out])
        return last


def cnn(
    machine: MachineModel,
    layers: int,
    tiles: int,
    slices: int = 4,
    buffers: int = 2,
    seed: int = 2,
    *,
    in_order: bool = False,
) -> Program:
    """A CNN made for `tiles` tiles; tile k runs on tile k mod T. Weights have `buffers` places per tile.

    Structure and distributions are those of the study behind the targets: 300 layers of 4 slices for 2 tiles have 6,560
    tasks, 80 layers of 6 slices for 6 tiles, with 4 buffers, 7,848.
    """
    maker = _Cnn(machine, tiles, slices, buffers, seed)
    for number in range(layers):
        maker.layer(number)
    return maker.sketch.finish(in_order=in_order)


class _Decoder:
    """A transformer decoder: hidden size 2,048, 16 heads, feed-forward 8,192, int8 weights, 192 new tokens after 1,024.

    Columns of a matrix are tiled in blocks; block b runs on tile b mod T, its weights come over a DDR channel into one
    of three places in that tile.
    """

    HIDDEN, HEADS, WIDE, TOKENS, PAST, PARTS, PLACES = 2048, 16, 8192, 192, 1024, 8, 3

    def __init__(self, machine: MachineModel) -> None:
        self.sketch = Sketch("decoder", machine)
        self.machine = machine
        self.loaders = [e.name for e in machine.engines_of("dma") if e.source == "ddr"]
        self.storers = [e.name for e in machine.engines_of("dma") if e.source == "cmx"]
        self.places: list[deque[int]] = [deque() for _ in range(machine.tiles)]  # matmuls that hold a weight buffer
        self.moves = {False: 0, True: 0}  # loads, stores

    def move(self, name: str, size: int, after: Sequence[int], *, store: bool = False) -> int:
        """A transfer of `size` bytes; channels take turns."""
        channels = self.storers if store else self.loaders
        channel = channels[self.moves[store] % len(channels)]
        self.moves[store] += 1
        cycles = dma_ticks(self.machine, self.machine.engine(channel), size)
        return self.sketch.add(channel, name, cycles, after, size)

    def dpu(self, name: str, block: int, macs: int, elements: int, after: Sequence[int]) -> int:
        """A DPU task of block `block`."""
        cycles = dpu_ticks(self.machine, macs, elements)
        return self.sketch.add(f"dpu{block % self.machine.tiles}", name, cycles, after)

    def shave(self, name: str, block: int, elements: int, cost: int, after: Sequence[int]) -> int:
        """A SHAVE task of block `block`; the SHAVEs of a tile take turns."""
        tiles = self.machine.tiles
        engine = f"shave{block % tiles}_{block // tiles % 2}"
        return self.sketch.add(engine, name, shave_ticks(self.machine, elements, cost), after)

    def matmul(self, name: str, blocks: int, depth: int, columns: int, after: Sequence[Sequence[int]]) -> list[int]:
        """`blocks` blocks of columns, each behind its weights; `after[b]` is what block b reads."""
        out = []
        for b in range(blocks):
            held = self.places[b % self.machine.tiles]
            free = [held.popleft()] if len(held) == self.PLACES else []
            weights = self.move(f"{name} weights {b}", depth * columns, free)
            work = self.TOKENS * columns
            out.append(self.dpu(f"{name} {b}", b, work * depth, work, [weights, *after[b]]))
            held.append(out[-1])
        return out

    def per_part(self, name: str, cost: int, after: Sequence[Sequence[int]]) -> list[int]:
        """A row-wise SHAVE operation in parts of the tokens."""
        elements = self.TOKENS * self.HIDDEN // self.PARTS
        return [self.shave(f"{name} {p}", p, elements, cost, after[p]) for p in range(self.PARTS)]

    def add_up(self, name: str, residual: Sequence[int], after: Sequence[int]) -> list[int]:
        """Residual addition in parts of the tokens: each part reads all columns."""
        elements = self.TOKENS * self.HIDDEN // self.PARTS
        return [self.dpu(f"{name} {p}", p, 0, elements, [residual[p], *after]) for p in range(self.PARTS)]

    def attention(self, at: str, normed: Sequence[int]) -> list[int]:
        """Heads, each with its projections, the cache behind it, scores, softmax and context."""
        heads, size = self.HEADS, self.HIDDEN // self.HEADS
        q, k, v = (self.matmul(f"{at} {n}", heads, self.HIDDEN, size, [normed] * heads) for n in "qkv")
        out = []
        for h in range(heads):
            elements = self.TOKENS * size
            turned = [self.shave(f"{at} rope {n} {h}", h, elements, 2, [m[h]]) for n, m in (("q", q), ("k", k))]
            cached = self.move(f"{at} cache {h}", 2 * 2 * self.PAST * size, [])
            self.move(f"{at} append {h}", 2 * 2 * elements, [turned[1], v[h]], store=True)
            seen = self.TOKENS * (self.PAST + self.TOKENS)
            scores = self.dpu(f"{at} scores {h}", h, seen * size, seen, [*turned, cached])
            soft = self.shave(f"{at} softmax {h}", h, seen, 1, [scores])
            out.append(self.dpu(f"{at} context {h}", h, seen * size, elements, [soft, v[h], cached]))
        return out

    def layer(self, number: int, residual: list[int]) -> list[int]:
        """One layer; the parts of its output."""
        at = f"layer{number}"
        blocks = self.HEADS
        normed = self.per_part(f"{at} norm", 2, [[r] for r in residual])
        heads = self.attention(at, normed)
        projected = self.matmul(f"{at} out", blocks, self.HIDDEN, self.HIDDEN // blocks, [heads] * blocks)
        middle = self.add_up(f"{at} add", residual, projected)
        normed = self.per_part(f"{at} norm2", 2, [[r] for r in middle])
        wide = 4 * blocks
        columns = self.WIDE // wide
        gate, up = (self.matmul(f"{at} {n}", wide, self.HIDDEN, columns, [normed] * wide) for n in ("gate", "up"))
        act = [self.shave(f"{at} silu {b}", b, self.TOKENS * columns, 2, [gate[b], up[b]]) for b in range(wide)]
        half = 2 * blocks
        down = self.matmul(f"{at} down", half, self.WIDE, self.HIDDEN // half, [act] * half)
        return self.add_up(f"{at} add2", middle, down)


def decoder(machine: MachineModel, layers: int = 32, *, in_order: bool = False) -> Program:
    """A transformer decoder that reads 192 tokens with a cache of 1,024: 656 tasks per layer."""
    maker = _Decoder(machine)
    size = 2 * maker.TOKENS * maker.HIDDEN // maker.PARTS
    parts = [maker.move(f"embedding {p}", size, []) for p in range(maker.PARTS)]
    for number in range(layers):
        parts = maker.layer(number, parts)
    for p, last in enumerate(parts):
        maker.move(f"result {p}", size, [last], store=True)
    return maker.sketch.finish(in_order=in_order)


PER_TILE = (("dpu", ""), ("shave", "_0"), ("shave", "_1"))
SYNTHETIC: dict[str, Callable[[MachineModel], Program]] = {
    "cnn2": lambda machine: cnn(machine, 300, 2),
    "cnn6": lambda machine: cnn(machine, 80, 6, 6, 4),
    "decoder": decoder,
}


def network_names() -> tuple[str, ...]:
    """The networks of the `onnx` package, then the synthetic ones."""
    return (*api.network_names(), *SYNTHETIC)


def load(name: str, machine: MachineModel) -> Program:
    """A network of `network_names` on a machine npu40xx:T."""
    make = SYNTHETIC.get(name)
    return api.load(name, machine) if make is None else make(fitting(machine))


def fitting(machine: MachineModel) -> MachineModel:
    """The machine, if the synthetic networks run on it; else MachineError."""
    per_tile = [f"{kind}{tile}{end}" for tile in range(machine.tiles) for kind, end in PER_TILE]
    for engine in ("dma0_ddr", "dma0_cmx", *per_tile):
        if engine not in machine.engine_index:
            raise MachineError(
                f"machine '{machine.name}' has no engine '{engine}': synthetic networks are for npu40xx:{{1,...,6}}"
            )
    return machine


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """Print what there is."""
    Arguments(__file__, __doc__).parse_args(argv)
    model = api.machine("npu40xx:4")
    for network in network_names():
        program = load(network, model)
        print(f"{network:<14}{len(program):>8,} tasks {len(program.after.index):>8,} dependences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
