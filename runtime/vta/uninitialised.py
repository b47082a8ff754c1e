"""Who reads scratchpad elements that nobody wrote: they hold whatever the launch before left there."""

import numpy as np

from wlm_dialect.program.vta import Memory, VtaProgram, find_accesses
from wlm_dialect.runtime.vta.order import Order

_HELD = (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC)


def find_reads(program: VtaProgram, order: Order, limit: int = 20) -> list[str]:
    """Per memory and instruction of the first launch, executed in `order`, the first unwritten element it reads.

    At most `limit` lines, and how many more there are. Micro-ops that a STORE overwrites in DRAM are not seen.
    """
    written = {m: np.zeros(program.config.depth(m), np.bool_) for m in _HELD}
    accesses = list(find_accesses(program))
    found: list[str] = []
    for i in order.insns.tolist():
        for memory, elements in accesses[i].reads:
            inside = elements[elements < len(written[memory])]
            missing = inside[~written[memory][inside]]
            if len(missing):
                found.append(
                    f"INSTRUCTION {i} reads element {missing[0]} of {memory.name}, which nothing wrote"
                    + (f" ({len(missing)} such elements)" if len(missing) > 1 else "")
                )
        for memory, elements in accesses[i].writes:
            written[memory][elements[elements < len(written[memory])]] = True
    if len(found) > limit:
        return [*found[:limit], f"... and {len(found) - limit} more reads of what nothing wrote"]
    return found
