"""`load`: one entry for every kind of source."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from wlm_dialect.errors import UsageError, did_you_mean
from wlm_dialect.frontends.durations_file import apply_durations
from wlm_dialect.frontends.json_graph import read_json
from wlm_dialect.frontends.lower import lower
from wlm_dialect.frontends.mlir_file import read_mlir
from wlm_dialect.frontends.onnx_file import network_names, network_path, read_onnx
from wlm_dialect.frontends.onnx_import import Importer
from wlm_dialect.frontends.onnx_layers import import_node
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Program

UNKNOWN_OPS = ("error", "shave")


def load(
    source: str,
    machine: MachineModel,
    *,
    shapes: Mapping[str, tuple[int, ...]] = {},
    unknown_ops: str = "error",
    durations: str | None = None,
) -> Program:
    """A program from a network name, an .onnx, .json or .mlir file: phase graph, IR files in the phase they are in.

    `shapes` gives inputs with dynamic dimensions their shape, `unknown_ops` says what happens to an ONNX op type that
    is not known ("error", or "shave": it runs there), `durations` names a CSV that replaces estimated cycles.
    """
    if unknown_ops not in UNKNOWN_OPS:
        raise UsageError(f"unknown_ops is '{unknown_ops}'{did_you_mean(unknown_ops, UNKNOWN_OPS)}")
    is_network = source in network_names() or source.endswith(".onnx")
    if shapes and not is_network:
        raise UsageError(f"'{source}': --shape is for networks; task graphs and IR have no shapes")
    if is_network:
        path = Path(source) if source.endswith(".onnx") else network_path(source)
        program = load_network(path, machine, shapes=shapes, unknown_ops=unknown_ops)
    elif source.endswith(".json"):
        program = read_json(Path(source), machine)
    elif source.endswith(".mlir"):
        program = read_mlir(Path(source), machine)
    else:
        raise UsageError(
            f"'{source}' is neither a network nor a .onnx, .json or .mlir file{did_you_mean(source, network_names())}"
        )
    return program if durations is None else apply_durations(program, Path(durations))


def load_network(
    path: Path, machine: MachineModel, *, shapes: Mapping[str, tuple[int, ...]], unknown_ops: str
) -> Program:
    """A network from an ONNX file as a task graph on `machine`."""
    graph = read_onnx(path, shapes)
    importer = Importer(graph, machine.compute.element_bytes)
    return lower(importer.run(partial(import_node, unknown_ops=unknown_ops)), machine)
