"""What layers compute, in numpy, on parts: operands (n, h, w, c) of a region in, the part of the output out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import SimulationError
from wlm_dialect.program.payload import LayerWork
from wlm_dialect.program.regions import Region
from wlm_dialect.runtime.functional.dense import affine, conv, matmul, pool
from wlm_dialect.runtime.functional.elementwise import ELEMENTWISE, fused
from wlm_dialect.runtime.functional.moves import MOVES, move
from wlm_dialect.runtime.functional.normalize import NORMALIZE

Array = NDArray[Any]
Kernel = Callable[[LayerWork, Region, Sequence[Array], Sequence[Region]], Array]

KERNELS: Mapping[str, Kernel] = {"Conv": conv, "MatMul": matmul, "Gemm": matmul, "Pool": pool, "Affine": affine}
KERNELS = {**KERNELS, **NORMALIZE}


def compute(
    layer: LayerWork, part: Region, arrays: Sequence[Array], regions: Sequence[Region], constants: Mapping[str, Array]
) -> Array:
    """`part` of the output of a layer from the parts of its operands that it needs. `constants`: what tasks carry."""
    if layer.op in KERNELS:
        made = KERNELS[layer.op](layer, part, arrays, regions)
    elif layer.op == "Identity":
        made = arrays[0]
    elif layer.op in MOVES:
        made = move(layer, part, arrays, constants)
    elif layer.op in ELEMENTWISE:
        made = _elementwise(layer, part, arrays, constants)
    else:
        raise SimulationError(f"layer '{layer.name}': there is no numpy for op '{layer.op}'")
    for step in layer.fused:
        made = fused(step, made, part, constants)
    return made


def _elementwise(layer: LayerWork, part: Region, arrays: Sequence[Array], constants: Mapping[str, Array]) -> Array:
    args: Any = layer.attributes["args"]
    values = [constants[a].reshape(()) if isinstance(a, str) else arrays[a] for a in args]
    made = np.asarray(ELEMENTWISE[layer.op](values, layer.attributes), np.float32)
    shape = (part.n1 - part.n0, part.h1 - part.h0, layer.view.w, part.c1 - part.c0)
    return made if made.shape == shape else np.broadcast_to(made, shape)
