"""Networks with their numbers: the program with its payload, the constants, and the model for whoever checks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import UsageError, did_you_mean
from wlm_dialect.frontends.lower import lower
from wlm_dialect.frontends.onnx_file import load_model, network_names, network_path, read_model
from wlm_dialect.frontends.onnx_import import Importer
from wlm_dialect.frontends.onnx_layers import import_node
from wlm_dialect.frontends.weights import Values, has_fillers, randomised
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Program

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Numbers:
    """A program that says what it computes, its constants as they lie in memory, and the ONNX model it came from."""

    program: Program
    constants: Mapping[str, F32]
    model: Any  # onnx.ModelProto, its fillers drawn at random


def load_numbers(
    source: str, machine: MachineModel, *, shapes: Mapping[str, tuple[int, ...]] = {}, seed: int = 0
) -> Numbers:
    """A network by name or from an ONNX file. Weights that are mere fillers are drawn at random by `seed`.

    FrontendError as `load`, and if there are no numbers for a layer.
    """
    if source not in network_names() and not source.endswith(".onnx"):
        raise UsageError(
            f"'{source}' is neither a network nor an .onnx file: only those say what they compute"
            f"{did_you_mean(source, network_names())}"
        )
    path = Path(source) if source.endswith(".onnx") else network_path(source)
    model = load_model(path)
    graph = read_model(model, path, shapes)
    full = randomised(model, graph.shapes, seed) if has_fillers(model) else model
    importer = Importer(graph, machine.compute.element_bytes)
    network = importer.run(partial(import_node, unknown_ops="error"))
    values = Values(full, graph.opset, graph.shapes)
    program = lower(network, machine, payload=True)
    constants = {name: np.ascontiguousarray(pack(values), np.float32) for name, pack in network.packs.items()}
    return Numbers(program, constants, full)
