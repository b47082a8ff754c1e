"""Seeded random inputs of a network."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program import Program
from wlm_dialect.program.payload import read_payload


def sample_inputs(program: Program, seed: int, model: Any = None) -> dict[str, NDArray[np.float32]]:
    """A value for each input of a program with a payload: normal numbers, or whole ones where the model wants integers.

    Whole numbers stay below the smallest table that any Gather of the model picks from.
    """
    rng = np.random.default_rng(seed)
    whole = _integer_inputs(model) if model is not None else {}
    out: dict[str, NDArray[np.float32]] = {}
    for value in read_payload(program).network.inputs:
        if value.name in whole:
            out[value.name] = rng.integers(0, whole[value.name], value.dims).astype(np.float32)
        else:
            out[value.name] = rng.standard_normal(value.dims, np.float32)
    return out


def _integer_inputs(model: Any) -> dict[str, int]:
    """Inputs of an integer type, and how many rows the tables have that they pick from (2 if none is known)."""
    rows = {i.name: i.dims[0] for i in model.graph.initializer if i.dims}
    out: dict[str, int] = {}
    for value in model.graph.input:
        if value.type.tensor_type.elem_type in (6, 7):  # INT32, INT64
            tables = [n.input[0] for n in model.graph.node if n.op_type == "Gather" and value.name in n.input[1:]]
            out[value.name] = min((rows[t] for t in tables if t in rows), default=2)
    return out
