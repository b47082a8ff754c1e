"""What is known to happen before what in a program: `wlm_dialect.kernels.happens_before` on its tasks and barriers."""

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.kernels.happens_before import (
    OUTSTANDING,
    POOL,
    PREFETCHING,
    SERIAL,
    Graph,
    HappensBefore,
    graph_of,
    happens_before,
)
from wlm_dialect.passes.analysis.once import once_per_program
from wlm_dialect.program import Kind, Program

Order = HappensBefore

_KINDS = {"serial": SERIAL, "prefetching": PREFETCHING, "outstanding": OUTSTANDING, "pool": POOL}


def enqueuers(program: Program) -> I32:
    """Per task the ENQUEUE task that pushes it, or -1."""
    return _in_range_of(program, Kind.ENQUEUE)


def fetchers(program: Program) -> I32:
    """Per task the FETCH task that brings its descriptor, or -1."""
    return _in_range_of(program, Kind.FETCH)


def _in_range_of(program: Program, kind: Kind) -> I32:
    out = np.full(len(program), -1, np.int32)
    for t in np.nonzero(program.kind == kind)[0].tolist():
        tasks = program.lists[int(program.target[t])]
        out[tasks[int(program.low[t]) : int(program.high[t])]] = t
    return out


def order_graph(program: Program) -> Graph:
    """Dependences, barriers, engines and enqueue DMAs as the kernel takes them. Work items of firmware are not used."""
    engines = program.machine.engines
    return graph_of(
        program.engine,
        np.asarray([_KINDS[e.order] for e in engines], np.int32),
        np.asarray([e.servers for e in engines], np.int32),
        program.after,
        program.waits,
        program.updates,
        enqueuers(program),
    )


@once_per_program
def task_order(program: Program) -> Order:
    """Clocks over dependences, barriers, engine order and enqueue DMAs."""
    return happens_before(order_graph(program), len(program.barriers))
