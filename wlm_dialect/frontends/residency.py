"""Activations that stay in CMX between layers: which ones, and which part of them each tile holds."""

from collections.abc import Mapping

from wlm_dialect.frontends.layers import Engine, Network, Region
from wlm_dialect.frontends.tiling import Tiler, Tiling, tile_parts
from wlm_dialect.machine import MachineModel

SHARE_PERCENT = 60  # of CMX that resident tensors may take; the rest streams weights and spilled activations


def resident_parts(
    network: Network, tilings: Mapping[int, Tiling], resident: frozenset[int]
) -> dict[int, list[Region | None]]:
    """Per resident tensor and tile the part that the layers reading it there need (with halo)."""
    tiles = max((t.tiles for t in tilings.values()), default=0)
    out: dict[int, list[Region | None]] = {t: [None] * tiles for t in sorted(resident)}
    for index, layer in enumerate(network.layers):
        for use in layer.inputs:
            root, channel = network.locate(use.tensor)
            if root not in resident:
                continue
            for t, part in enumerate(tile_parts(layer, tilings[index])):
                need = use.needs(part)
                need = need._replace(c0=need.c0 + channel, c1=need.c1 + channel)
                before = out[root][t]
                out[root][t] = need if before is None else before.hull(need)
    return out


def lifetimes(network: Network) -> dict[int, tuple[int, int]]:
    """Per tensor that could stay in CMX its first writer and its last reader (layers).

    It must be made and read by compute layers only, each of which sees it as it is, and be neither input nor output.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    barred = {t.index for t in network.tensors if t.role != "scratch"}
    for index, layer in enumerate(network.layers):
        root, channel = network.locate(layer.output)
        first.setdefault(root, index)
        if layer.engine is Engine.DMA or channel < 0:
            barred.add(root)
        for use in layer.inputs:
            root = network.locate(use.tensor)[0]
            last[root] = index
            if layer.engine is Engine.DMA or not network.is_direct(use):
                barred.add(root)
    return {t: (first[t], last[t]) for t in sorted(last) if t in first and t not in barred}


class Residency:
    """The resident tensors with the tilings that go with them; `drop` gives one up when the plan does not fit.

    `pushes`: what a task costs in the choice of tilings (`Tiler.choose`).
    """

    def __init__(self, network: Network, machine: MachineModel, tiler: Tiler, pushes: int) -> None:
        self.network = network
        self.machine = machine
        self.tiler = tiler
        self.pushes = pushes
        self.live = lifetimes(network)
        self.resident = frozenset(self.live)
        self.tilings = self._tile([0] * len(network.layers))
        self.resident = self._greedy()
        self._settle()

    def drop(self, layer: int) -> bool:
        """Give up the largest tensor that is resident while `layer` runs; False if there is none."""
        sizes = self._sizes()
        there = [t for t in sizes if self.live[t][0] <= layer <= self.live[t][1]]
        if not there:
            return False
        self.resident -= {max(there, key=lambda t: (sizes[t], t))}
        self._settle()
        return True

    def _tile(self, load: list[int]) -> dict[int, Tiling]:
        room = self.machine.memory.cmx_bytes
        return {
            i: self.tiler.choose(layer, self.resident, room - load[i], self.pushes)
            for i, layer in enumerate(self.network.layers)
            if layer.engine is not Engine.DMA
        }

    def _sizes(self) -> dict[int, int]:
        """Per resident tensor the bytes that it takes in the tile where it takes most."""
        out: dict[int, int] = {}
        for tensor, parts in resident_parts(self.network, self.tilings, self.resident).items():
            t = self.network.tensors[tensor]
            out[tensor] = max(p.size(t.shape.w) * t.element_bytes for p in parts if p is not None)
        return out

    def _load(self) -> tuple[list[int], dict[int, int]]:
        """Bytes of CMX per layer that resident tensors take, and per tensor."""
        sizes = self._sizes()
        load = [0] * len(self.network.layers)
        for tensor, size in sizes.items():
            first, last = self.live[tensor]
            for layer in range(first, last + 1):
                load[layer] += size
        return load, sizes

    def _greedy(self) -> frozenset[int]:
        """Short-lived and small tensors first, as long as every layer keeps its share of CMX for streaming."""
        sizes = self._sizes()
        limit = self.machine.memory.cmx_bytes * SHARE_PERCENT // 100
        load = [0] * len(self.network.layers)
        kept: list[int] = []
        for tensor in sorted(sizes, key=lambda t: (self.live[t][1] - self.live[t][0], sizes[t], t)):
            first, last = self.live[tensor]
            if max(load[first : last + 1]) + sizes[tensor] <= limit:
                kept.append(tensor)
                for layer in range(first, last + 1):
                    load[layer] += sizes[tensor]
        return frozenset(kept)

    def _settle(self) -> None:
        """Tile again for the tensors that are resident; what then takes too much is given up, largest first."""
        limit = self.machine.memory.cmx_bytes * SHARE_PERCENT // 100
        while True:
            load, sizes = self._load()
            for _ in range(2):  # tilings depend on the room, the room on the tilings; a second look suffices
                self.tilings = self._tile([min(x, limit) for x in load])
                load, sizes = self._load()
            worst = max(range(len(load)), key=lambda i: load[i])
            if load[worst] <= limit:
                return
            there = [t for t in sizes if self.live[t][0] <= worst <= self.live[t][1]]
            self.resident -= {max(there, key=lambda t: (sizes[t], t))}
