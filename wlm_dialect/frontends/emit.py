"""Layers and tilings -> tasks in order of steps: loads, compute, stores, and the buffers between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.layers import Engine, Layer, Network, Region, Shape, Tensor, Use, whole
from wlm_dialect.frontends.residency import resident_parts
from wlm_dialect.frontends.tiling import CHANNEL_UNIT, Tiling, compute_ticks, cut, steps, tile_parts
from wlm_dialect.machine import MachineModel
from wlm_dialect.program.layout import Layout, layout_of
from wlm_dialect.program.model import DDR
from wlm_dialect.program.payload import COMPUTE, STORE, BufferWork, TaskWork

VARIANT_CHANNELS = 64  # output channels per variant of a DPU task
MAX_VARIANTS = 16
MAX_RANGES = 16  # byte ranges a task names per operand; more become the range that holds them all


@dataclass
class BufferTable:
    """Memory objects and views, in order of creation; a view is made once."""

    names: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    root: list[int] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    role: list[str] = field(default_factory=list)
    _views: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def add(self, name: str, memory: int, size: int, role: str = "scratch") -> int:
        """A new memory object."""
        index = len(self.names)
        self._append(name, memory, index, 0, size, role)
        return index

    def view(self, root: int, offset: int, size: int) -> int:
        """A byte range of a memory object; itself if that is all of it."""
        if (offset, size) == (0, self.size[root]):
            return root
        key = (root, offset, size)
        if key not in self._views:
            self._views[key] = len(self.names)
            self._append(self.names[root], self.memory[root], root, offset, size, self.role[root])
        return self._views[key]

    def _append(self, name: str, memory: int, root: int, offset: int, size: int, role: str) -> None:
        self.names.append(name)
        self.memory.append(memory)
        self.root.append(root)
        self.offset.append(offset)
        self.size.append(size)
        self.role.append(role)


@dataclass(frozen=True)
class TaskSpec:
    """A task before it has an engine: any of `engines` may run it; `cycles` of a DMA follow from `bytes`."""

    name: str
    step: int
    engines: tuple[int, ...]
    cycles: int
    slots: int
    bytes: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    work: TaskWork


@dataclass
class Stream:
    """Everything `schedule` needs: tasks in order of steps, and per step the CMX buffers that appear in it."""

    buffers: BufferTable = field(default_factory=BufferTable)
    tasks: list[TaskSpec] = field(default_factory=list)
    fresh: list[list[int]] = field(default_factory=list)  # step -> buffers to allocate
    layer_of_step: list[int] = field(default_factory=list)
    resident: dict[int, int] = field(default_factory=dict)  # buffer -> tensor that stays in CMX
    layouts: dict[int, BufferWork] = field(default_factory=dict)  # buffer -> what it holds


class Emitter:
    """Emits one network for one choice of tilings and resident tensors."""

    def __init__(
        self, network: Network, machine: MachineModel, tilings: Mapping[int, Tiling], resident: frozenset[int]
    ) -> None:
        self.network = network
        self.machine = machine
        self.tilings = tilings
        self.resident = resident
        self.stream = Stream()
        self.tiles = sorted({e.tile for e in machine.engines if e.kind == "dpu"})
        usable = [(i, e) for i, e in enumerate(machine.engines) if e.kind == "dma" and not e.firmware]
        every = tuple(i for i, _ in usable)
        self.load_engines = tuple(i for i, e in usable if e.source in ("ddr", "")) or every
        self.store_engines = tuple(i for i, e in usable if e.source in ("cmx", "")) or every
        self.dpu = {e.tile: i for i, e in reversed(list(enumerate(machine.engines))) if e.kind == "dpu"}
        self.shave = {t: _servers(machine, t) for t in self.tiles}
        b = machine.barriers
        # One layer's tasks on all tiles may meet on one barrier, producers and consumers alike.
        fits = min(b.max_producers, b.max_consumers, b.max_sum // 2) // len(self.tiles)
        self.max_slots = max(1, min(MAX_VARIANTS, fits))
        self.home: dict[int, dict[int, tuple[int, Layout]]] = {}  # tensor -> memory -> (buffer, layout)
        self._cuts = self._channel_cuts()
        self._pending: dict[int, list[int]] = {}  # tensor -> resident buffers not yet allocated

    def run(self) -> Stream:
        """All tasks of the network."""
        self._make_homes()
        for index, layer in enumerate(self.network.layers):
            if layer.engine is Engine.DMA:
                self._move(index, layer)
            else:
                self._layer(index, layer, self.tilings[index])
        return self.stream

    def _channel_cuts(self) -> dict[int, set[int]]:
        cuts: dict[int, set[int]] = {}
        for index, layer in enumerate(self.network.layers):
            root, channel = self.network.locate(layer.output)
            found = cuts.setdefault(root, set())
            found |= {channel, channel + layer.view.c}
            if layer.engine is Engine.DMA:
                axis, parts = self.move_parts(layer)
                found |= {channel + p.c0 for p in parts} if axis == "c" else set()
                continue
            for part in tile_parts(layer, self.tilings[index]):
                found |= {channel + c for c, _ in cut(part.c0, part.c1, self.tilings[index].c, CHANNEL_UNIT)}
        return cuts

    def _make_homes(self) -> None:
        """DDR buffers of all tensors that live there; per tile buffers of the resident ones."""
        for tensor in self.network.tensors:
            if tensor.parent >= 0:
                continue
            if tensor.index not in self.resident:
                layout = self._layout(tensor, whole(tensor.shape))
                buffer = self.stream.buffers.add(tensor.name, DDR, layout.size, tensor.role)
                self.home[tensor.index] = {DDR: (buffer, layout)}
                self.stream.layouts[buffer] = BufferWork(tensor.index, True, layout, tensor.values)
        for index, parts in resident_parts(self.network, self.tilings, self.resident).items():
            tensor = self.network.tensors[index]
            places: dict[int, tuple[int, Layout]] = {}
            for t, region in enumerate(parts):
                if region is not None:
                    layout = self._layout(tensor, region)
                    name = f"{tensor.name}.t{self.tiles[t]}"
                    buffer = self.stream.buffers.add(name, self.tiles[t], layout.size)
                    self.stream.resident[buffer] = index
                    self.stream.layouts[buffer] = BufferWork(index, True, layout, tensor.values)
                    places[t] = (buffer, layout)
            self.home[index] = places
            self._pending[index] = [b for b, _ in places.values()]

    def _layout(self, tensor: Tensor, region: Region) -> Layout:
        return layout_of(region, tensor.shape, tensor.element_bytes, self._cuts.get(tensor.index, ()))

    def _views(self, buffer: int, layout: Layout, part: Region) -> list[int]:
        ranges = layout.ranges(part)
        if len(ranges) > MAX_RANGES:
            ranges = [(ranges[0][0], sum(ranges[-1]) - ranges[0][0])]
        return [self.stream.buffers.view(buffer, offset, size) for offset, size in ranges]

    def _in_ddr(self, use: Use, part: Region) -> list[int]:
        """The DDR bytes of a part of a tensor; all of it when it is seen under another shape."""
        root, channel = self.network.locate(use.tensor)
        buffer, layout = self.home[root][DDR]
        if not self.network.is_direct(use):
            return [buffer]
        return self._views(buffer, layout, part._replace(c0=part.c0 + channel, c1=part.c1 + channel))

    def _task(
        self,
        name: str,
        engines: tuple[int, ...],
        reads: Sequence[int],
        writes: Sequence[int],
        work: TaskWork,
        *,
        cycles: int = 0,
        slots: int = 1,
        size: int = 0,
    ) -> None:
        step = len(self.stream.fresh) - 1
        reads, writes = tuple(dict.fromkeys(reads)), tuple(dict.fromkeys(writes))
        self.stream.tasks.append(TaskSpec(name, step, engines, cycles, slots, size, reads, writes, work))

    def _new_step(self, index: int, tensor: int) -> None:
        root = self.network.locate(tensor)[0]
        self.stream.fresh.append(self._pending.pop(root, []))
        self.stream.layer_of_step.append(index)

    def _fresh(self, name: str, tile: int, tensor: int, view: Shape, part: Region) -> tuple[int, Layout]:
        """A buffer in the CMX of a tile for `part` of a value."""
        kind = self.network.tensors[tensor]
        layout = layout_of(part, view, kind.element_bytes, ())
        buffer = self.stream.buffers.add(name, self.tiles[tile], layout.size)
        self.stream.layouts[buffer] = BufferWork(tensor, False, layout, kind.values)
        self.stream.fresh[-1].append(buffer)
        return buffer, layout

    def move_parts(self, layer: Layer) -> tuple[str, list[Region]]:
        """A DMA layer is cut into one task per load channel, along the axis whose parts are contiguous."""
        r, count = whole(layer.view), len(self.load_engines)
        if layer.view.n >= count:
            return "n", [r._replace(n0=a, n1=b) for a, b in cut(r.n0, r.n1, count)]
        if layer.view.h >= count:
            return "h", [r._replace(h0=a, h1=b) for a, b in cut(r.h0, r.h1, count)]
        return "c", [r._replace(c0=a, c1=b) for a, b in cut(r.c0, r.c1, count, CHANNEL_UNIT)]

    def _move(self, index: int, layer: Layer) -> None:
        self._new_step(index, layer.output)
        tensor = self.network.tensors[layer.output]
        for k, part in enumerate(self.move_parts(layer)[1]):
            reads, args = _flat([self._in_ddr(u, u.needs(part)) for u in layer.inputs])
            writes = self._in_ddr(Use(layer.output, layer.view), part)
            size = part.size(layer.view.w) * tensor.element_bytes
            work = TaskWork(index, COMPUTE, part, args)
            self._task(f"{layer.name}/p{k}", self.load_engines, reads, writes, work, size=size)

    def _layer(self, index: int, layer: Layer, tiling: Tiling) -> None:
        held: list[dict[int, tuple[Region, int]]] = [{} for _ in layer.inputs]  # operand -> tile -> part, buffer
        labels = _labels(layer.inputs)
        for s, parts in enumerate(steps(layer, tiling)):
            self._new_step(index, layer.output)
            reads: list[list[list[int]]] = [[] for _ in parts]  # tile -> operand -> buffers
            for k, use in enumerate(layer.inputs):
                needed = {t: use.needs(p) for t, p in enumerate(parts) if p is not None}
                if self.network.locate(use.tensor)[0] in self.resident:
                    for t, region in needed.items():
                        reads[t].append(self._in_cmx(use.tensor, t, region))
                    continue
                self._load(index, k, labels[k], s, needed, held[k])
                for t in needed:
                    reads[t].append([held[k][t][1]])
            for t, part in enumerate(parts):
                if part is not None:
                    self._compute(index, s, t, part, reads[t])

    def _in_cmx(self, tensor: int, tile: int, part: Region) -> list[int]:
        root, channel = self.network.locate(tensor)
        buffer, layout = self.home[root][tile]
        return self._views(buffer, layout, part._replace(c0=part.c0 + channel, c1=part.c1 + channel))

    def _load(
        self,
        index: int,
        k: int,
        label: str,
        s: int,
        needed: Mapping[int, Region],
        held: dict[int, tuple[Region, int]],
    ) -> None:
        """One DMA per distinct part, written to every tile that needs it and does not hold it yet."""
        name, use = self.network.layers[index].name, self.network.layers[index].inputs[k]
        missing: dict[Region, list[int]] = {}
        for t, region in needed.items():
            if t not in held or held[t][0] != region:
                missing.setdefault(region, []).append(t)
        for region, targets in missing.items():
            size = region.size(use.view.w) * self.network.tensors[use.tensor].element_bytes
            for t in targets:
                called = f"{name}.{label}.t{self.tiles[t]}.s{s}"
                held[t] = (region, self._fresh(called, t, use.tensor, use.view, region)[0])
            where = "" if len(missing) == 1 and len(targets) == len(needed) else f"t{self.tiles[targets[0]]}/"
            source = self._in_ddr(use, region)
            writes = [held[t][1] for t in targets]
            work = TaskWork(index, k, region)
            self._task(f"{name}/load_{label}/{where}s{s}", self.load_engines, source, writes, work, size=size)

    def _compute(self, index: int, s: int, t: int, part: Region, operands: Sequence[Sequence[int]]) -> None:
        """The tasks of one tile in one step, and the store of what they make."""
        layer = self.network.layers[index]
        reads, args = _flat(operands)
        root, channel = self.network.locate(layer.output)
        place = f"t{self.tiles[t]}"
        element = self.network.tensors[layer.output].element_bytes
        size = part.size(layer.view.w) * element
        local: tuple[int, Layout] | None = None
        if root not in self.resident:
            local = self._fresh(f"{layer.name}.out.{place}.s{s}", t, layer.output, layer.view, part)
        pieces = self._pieces(layer, t, part)
        for k, (engine, piece) in enumerate(pieces):
            writes = self._views(*local, piece) if local else self._to_tiles(root, channel, piece)
            name = f"{layer.name}/{place}/s{s}" + (f"/p{k}" if len(pieces) > 1 else "")
            cycles = compute_ticks(self.machine, layer, piece)
            slots = 1
            if layer.engine is Engine.DPU:
                slots = min(self.max_slots, -(-(piece.c1 - piece.c0) // VARIANT_CHANNELS))
            work = TaskWork(index, COMPUTE, piece, args)
            self._task(name, (engine,), reads, writes, work, cycles=cycles, slots=slots)
        if local:
            target = self._in_ddr(Use(layer.output, layer.view), part)
            work = TaskWork(index, STORE, part)
            self._task(f"{layer.name}/store/{place}/s{s}", self.store_engines, [local[0]], target, work, size=size)

    def _pieces(self, layer: Layer, t: int, part: Region) -> list[tuple[int, Region]]:
        """(engine, part of the output): one DPU task, or one task per SHAVE of the tile."""
        if layer.engine is Engine.DPU:
            return [(self.dpu[self.tiles[t]], part)]
        servers = self.shave[self.tiles[t]]
        if not servers:
            tile, name = self.tiles[t], self.machine.name
            raise FrontendError(
                f"layer '{layer.name}' ({layer.op}) needs a SHAVE, but tile {tile} of '{name}' has none"
            )
        if "h" in layer.split and part.h1 - part.h0 > 1:
            regions = [part._replace(h0=a, h1=b) for a, b in cut(part.h0, part.h1, len(servers))]
        elif "c" in layer.split and (part.n1 - part.n0) * (part.h1 - part.h0) * layer.view.w == 1:
            regions = [part._replace(c0=a, c1=b) for a, b in cut(part.c0, part.c1, len(servers), CHANNEL_UNIT)]
        else:
            regions = [part]
        return list(zip(servers, regions, strict=False))

    def _to_tiles(self, root: int, channel: int, part: Region) -> list[int]:
        """A compute task writes what it makes to every tile that will read it (halo and broadcast writes)."""
        moved = part._replace(c0=part.c0 + channel, c1=part.c1 + channel)
        out: list[int] = []
        for buffer, layout in self.home[root].values():
            common = moved.meet(layout.region)
            if common is not None:
                out += self._views(buffer, layout, common)
        return out


def _flat(operands: Sequence[Sequence[int]]) -> tuple[list[int], tuple[int, ...]]:
    """All buffers once, in order, and per operand where its first one stands."""
    reads = list(dict.fromkeys(b for buffers in operands for b in buffers))
    return reads, tuple(reads.index(buffers[0]) for buffers in operands)


def _labels(uses: Sequence[Use]) -> list[str]:
    """A distinct label per operand."""
    out: list[str] = []
    for use in uses:
        out.append(use.label if use.label not in out else f"{use.label}{len(out)}")
    return out


def _servers(machine: MachineModel, tile: int) -> list[int]:
    """The engine of each SHAVE of a tile: a pool counts once per server."""
    out: list[int] = []
    for e in machine.engines_of("shave", tile):
        out += [machine.engine_index[e.name]] * (e.servers if e.order == "pool" else 1)
    return out
