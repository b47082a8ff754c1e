"""How a layer is cut: over the tiles along one axis, and into steps that fit a tile's CMX twice (double buffering)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.layers import Axis, Engine, Layer, Network, Region, Use, whole
from wlm_dialect.kernels.durations import dpu_ticks, shave_ticks
from wlm_dialect.machine import MachineModel

CHANNEL_UNIT = 16  # channels are cut at multiples of this
HELD_PERCENT = 100  # of the time to load a tile's share of a layer counts as its cost in memory
KEPT = 5  # feasible row counts that are looked at per channel count
DEPTH = 2  # steps that should fit a CMX together
_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192)


@dataclass(frozen=True)
class Tiling:
    """`axis` is cut over `tiles`; each tile's part into n x h x c steps. `rows_inside`: channels are the outer loop."""

    axis: str
    tiles: int
    n: int
    h: int
    c: int
    rows_inside: bool


def cut(low: int, high: int, count: int, unit: int = 1) -> list[tuple[int, int]]:
    """[low, high) in at most `count` ranges that differ by at most `unit`, the larger ones first."""
    units = -(-(high - low) // unit)
    count = min(count, units)
    base, extra = divmod(units, count)
    out: list[tuple[int, int]] = []
    at = low
    for k in range(count):
        to = min(high, at + (base + (k < extra)) * unit)
        out.append((at, to))
        at = to
    return out


def _unit(axis: str) -> int:
    return CHANNEL_UNIT if axis == "c" else 1


def tile_parts(layer: Layer, tiling: Tiling) -> list[Region]:
    """The part of the output that each tile makes; fewer than there are tiles if the axis is short."""
    r = whole(layer.view)
    low, high = {"n": (r.n0, r.n1), "h": (r.h0, r.h1), "c": (r.c0, r.c1)}[tiling.axis]
    ranges = cut(low, high, tiling.tiles, _unit(tiling.axis))
    names = {"n": ("n0", "n1"), "h": ("h0", "h1"), "c": ("c0", "c1")}[tiling.axis]
    return [r._replace(**dict(zip(names, part, strict=True))) for part in ranges]


def steps(layer: Layer, tiling: Tiling) -> Iterator[list[Region | None]]:
    """Per step the part of the output that each tile makes (None: nothing)."""
    cuts = [
        (cut(p.n0, p.n1, tiling.n), cut(p.h0, p.h1, tiling.h), cut(p.c0, p.c1, tiling.c, CHANNEL_UNIT))
        for p in tile_parts(layer, tiling)
    ]
    counts = [max(len(c[k]) for c in cuts) for k in range(3)]
    outer, inner = product(range(counts[0]), range(counts[1])), range(counts[2])
    order = [(o, c) for c, o in product(inner, outer)] if tiling.rows_inside else list(product(outer, inner))
    for (i, j), k in order:
        yield [Region(*n[i], *h[j], *c[k]) if i < len(n) and j < len(h) and k < len(c) else None for n, h, c in cuts]


def compute_ticks(machine: MachineModel, layer: Layer, part: Region) -> int:
    """Ticks to make `part` of the output on one DPU, or on one SHAVE."""
    elements = part.size(layer.view.w)
    if layer.engine is Engine.SHAVE:
        return shave_ticks(machine, elements, layer.passes)
    return dpu_ticks(machine, elements * layer.macs, elements * layer.passes)


Streamed = tuple[bool, ...]


@dataclass(frozen=True)
class Candidate:
    """A tiling, its ticks with steps that overlap or in turn, its tasks, and the bytes a step needs in a tile."""

    tiling: Tiling
    ticks: int
    in_turn: int
    tasks: int
    working_set: int


class Tiler:
    """Chooses tilings for one machine. `resident` tensors are in CMX already: no loads, no stores, no buffers."""

    def __init__(self, network: Network, machine: MachineModel) -> None:
        self.network = network
        self.machine = machine
        self._known: dict[tuple[int, Tiling, Streamed], Candidate] = {}
        self.tiles = sorted({e.tile for e in machine.engines if e.kind == "dpu"})
        self.dma = machine.engines_of("dma")
        self.mbps = max(1, sum(e.bandwidth_mbps for e in self.dma if e.source in ("ddr", "")))
        self.channels = max(1, sum(1 for e in self.dma if e.source in ("ddr", "")))
        self.shared = any(e.source == "" for e in self.dma)

    def choose(self, layer: Layer, resident: frozenset[int], room: int, pushes: int) -> Tiling:
        """The cheapest tiling whose steps fit twice into `room` bytes of each tile, else once; FrontendError if none.

        A task costs its time and `pushes` firmware pushes.
        """
        task_cost = pushes * self.machine.firmware.push
        widest = max(self._spread(layer, axis) for axis in "hcn")
        axes = [axis for axis in "hcn" if self._spread(layer, axis) == widest]
        streamed = self._streamed(layer, resident)
        found = [c for axis in axes for c in self._candidates(layer, axis, streamed, room)]
        # What does not fit twice loads, computes and stores in turn: the last resort.
        found.sort(key=lambda c: (c.in_turn if DEPTH * c.working_set > room else c.ticks) + c.tasks * task_cost)
        found.sort(key=lambda c: DEPTH * c.working_set > room)
        for candidate in found:
            if self.working_set(layer, candidate.tiling, streamed) <= room:
                return candidate.tiling
        raise self._too_large(layer, room)

    def _streamed(self, layer: Layer, resident: frozenset[int]) -> Streamed:
        """What of a layer is not in CMX: one flag per operand, and one for the output."""
        tensors = (*(u.tensor for u in layer.inputs), layer.output)
        return tuple(self.network.locate(t)[0] not in resident for t in tensors)

    def _spread(self, layer: Layer, axis: str) -> int:
        """On how many tiles the layer can run when `axis` is cut."""
        return min(len(self.tiles), _extent(layer)[axis]) if axis in layer.split else 1

    def _candidates(self, layer: Layer, axis: str, streamed: Streamed, room: int) -> Iterator[Candidate]:
        extent = _extent(layer)
        tiles = self._spread(layer, axis)
        extent[axis] = -(-extent[axis] // tiles)
        for c in _counts(extent["c"] if "c" in layer.split else 1):
            kept = 0
            for n, h in _outer(layer, extent):
                for rows_inside in (False, True) if c > 1 and n * h > 1 else (False,):
                    candidate = self._estimate(layer, Tiling(axis, tiles, n, h, c, rows_inside), streamed)
                    if candidate.working_set <= room:
                        kept += 1
                        yield candidate
                if kept >= KEPT:
                    break

    def _estimate(self, layer: Layer, tiling: Tiling, streamed: Streamed) -> Candidate:
        """A quick estimate from a step in the middle."""
        key = (layer.output, tiling, streamed)
        if key not in self._known:
            self._known[key] = self._measure(layer, tiling, streamed)
        return self._known[key]

    def _measure(self, layer: Layer, tiling: Tiling, streamed: Streamed) -> Candidate:
        part = tile_parts(layer, tiling)[0]
        n, h = cut(part.n0, part.n1, tiling.n), cut(part.h0, part.h1, tiling.h)
        c = cut(part.c0, part.c1, tiling.c, CHANNEL_UNIT)
        step = Region(*n[0], *h[len(h) // 2], *c[0])
        outer, inner = len(n) * len(h), len(c)
        count = outer * inner
        first = loads = size = transfers = 0
        for use, needed in zip(layer.inputs, streamed, strict=False):
            if not needed:
                continue
            bytes_ = self._bytes(use, step)
            size += bytes_
            times = _times(use, tiling, outer, inner)
            copies = 1 if _same_for_all(use, tiling.axis) else tiling.tiles
            transfers += times * copies
            loads += bytes_ * times * copies
            first += self._transfer(bytes_ * copies, copies, spread=copies)
        stored = step.size(layer.view.w) * self.network.tensors[layer.output].element_bytes if streamed[-1] else 0
        stores = count * tiling.tiles if stored else 0
        load, store = self._transfer(loads, transfers), self._transfer(stored * stores, stores)
        compute = compute_ticks(self.machine, layer, step) * count
        held = self._transfer(self._footprint(layer, part) * HELD_PERCENT // 100, 0)
        if self.shared:
            load = store = load + store
        # A pipeline: the slowest of the three, filled and drained by one step.
        ticks = max(load, compute, store) + first + (compute + store) // count
        tasks = transfers + stores + count * tiling.tiles
        return Candidate(tiling, ticks + held, load + compute + store + held, tasks, size + stored)

    def _footprint(self, layer: Layer, part: Region) -> int:
        """Bytes that a tile needs for its whole part of the layer: what it holds cannot be filled ahead of time."""
        out = part.size(layer.view.w) * self.network.tensors[layer.output].element_bytes
        return out + sum(self._bytes(use, part) for use in layer.inputs)

    def _bytes(self, use: Use, step: Region) -> int:
        return use.needs(step).size(use.view.w) * self.network.tensors[use.tensor].element_bytes

    def _transfer(self, size: int, transfers: int, *, spread: int = 1 << 30) -> int:
        """Ticks to load `size` bytes with `transfers` DMAs on at most `spread` channels."""
        channels = min(spread, self.channels)
        mbps = self.mbps * channels // self.channels
        return size * self.machine.clock_mhz // mbps + transfers * self.machine.memory.dma_setup // channels

    def working_set(self, layer: Layer, tiling: Tiling, streamed: Streamed) -> int:
        """The most bytes that one step needs in one tile."""
        worst = 0
        out_bytes = self.network.tensors[layer.output].element_bytes if streamed[-1] else 0
        uses = [u for u, needed in zip(layer.inputs, streamed, strict=False) if needed]
        for step in steps(layer, tiling):
            for part in step:
                if part is not None:
                    size = part.size(layer.view.w) * out_bytes + sum(self._bytes(u, part) for u in uses)
                    worst = max(worst, size)
        return worst

    def _too_large(self, layer: Layer, room: int) -> FrontendError:
        tensors: Mapping[int, int] = {u.tensor: self.network.tensors[u.tensor].bytes for u in layer.inputs}
        tensor = self.network.tensors[max(tensors, key=lambda t: tensors[t])]
        return FrontendError(
            f"layer '{layer.name}': no step of it fits the {room} bytes of CMX that a tile has for it; its largest "
            f"operand '{tensor.name}' has {tensor.bytes} bytes; use a machine with more CMX (memory.cmx_bytes)"
        )


def _extent(layer: Layer) -> dict[str, int]:
    """Units along each axis of the output."""
    return {"n": layer.view.n, "h": layer.view.h, "c": -(-layer.view.c // CHANNEL_UNIT)}


def _outer(layer: Layer, extent: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Batches are cut first, then rows."""
    batches = _counts(extent["n"] if "n" in layer.split else 1)
    for n in batches:
        yield n, 1
    for h in _counts(extent["h"] if "h" in layer.split else 1)[1:]:
        yield batches[-1], h


def _counts(limit: int) -> tuple[int, ...]:
    """Numbers of steps worth a try along an axis of `limit` units."""
    return (*(c for c in _COUNTS if c < limit), limit)


def _times(use: Use, tiling: Tiling, outer: int, inner: int) -> int:
    """How often an operand is loaded per tile."""
    by_rows = use.rows is not Axis.ALL or use.batches is not Axis.ALL
    by_channels = use.channels is not Axis.ALL
    if by_rows and by_channels:
        return outer * inner
    if by_rows:
        return outer * inner if tiling.rows_inside and inner > 1 and outer > 1 else outer
    if by_channels:
        return outer * inner if not tiling.rows_inside and outer > 1 and inner > 1 else inner
    return 1


def _same_for_all(use: Use, axis: str) -> bool:
    """All tiles need the same part of the operand."""
    return {"n": use.batches, "h": use.rows, "c": use.channels}[axis] is Axis.ALL
