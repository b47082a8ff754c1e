"""When barriers are in use, in program order."""

import numpy as np

from wlm_dialect.program import Program


def last_use(program: Program) -> list[int]:
    """Per barrier the last task that waits on it, or updates it if none waits; -1 without any."""
    out = np.full(len(program.barriers), -1, np.int32)
    for table in (program.producers, program.consumers):
        used = np.diff(table.start) > 0
        out[used] = table.index[table.start[1:][used] - 1]
    last: list[int] = out.tolist()
    return last
