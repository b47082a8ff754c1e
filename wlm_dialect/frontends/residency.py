"""Activations that stay in CMX between layers: which ones, and which part of them each tile holds."""

from collections.abc import Mapping

from wlm_dialect.frontends.layers import Network, Region
from wlm_dialect.frontends.tiling import Tiling, tile_parts


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
