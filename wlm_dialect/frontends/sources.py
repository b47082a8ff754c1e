"""`load`: one entry for every kind of source."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from wlm_dialect.errors import FrontendError, did_you_mean
from wlm_dialect.frontends.lower import lower
from wlm_dialect.frontends.onnx_file import network_names, network_path, read_onnx
from wlm_dialect.frontends.onnx_import import Importer
from wlm_dialect.frontends.onnx_layers import import_node
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Program


def load(
    source: str,
    machine: MachineModel,
    *,
    shapes: Mapping[str, tuple[int, ...]] = {},
    unknown_ops: str = "error",
    durations: str | None = None,
) -> Program:
    """A program in phase graph from a network name, an .onnx, .json or .mlir file (the last in any phase)."""
    if source.endswith(".onnx") or source in network_names():
        path = Path(source) if source.endswith(".onnx") else network_path(source)
        graph = read_onnx(path, shapes)
        network = Importer(graph, machine.compute.element_bytes).run(partial(import_node, unknown_ops=unknown_ops))
        return lower(network, machine)
    raise FrontendError(f"'{source}' is neither a network nor a file{did_you_mean(source, network_names())}")
