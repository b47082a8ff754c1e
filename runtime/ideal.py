"""What a task graph would take without management, and what no schedule of it can beat."""

import numpy as np

from wlm_dialect.errors import SimulationError
from wlm_dialect.program import Program
from wlm_dialect.runtime.conflicts import dependences
from wlm_dialect.runtime.result import RunResult
from wlm_dialect.runtime.run import run


def ideal(program: Program) -> RunResult:
    """Run a graph program with its own order per engine and its dependences, unlimited barriers and no management."""
    _need_graph(program)
    return run(program)


def bound(program: Program) -> int:
    """Ticks that no schedule of a graph program can beat: its critical path or the load of its busiest engine.

    An engine with several descriptors in flight (outstanding) or several servers (pool) divides its load by them.
    """
    _need_graph(program)
    start, index = (a.tolist() for a in (dependences(program).start, dependences(program).index))
    end: list[int] = []
    for task, cycles in enumerate(program.cycles.tolist()):
        end.append(cycles + max((end[p] for p in index[start[task] : start[task + 1]]), default=0))
    load = np.zeros(len(program.machine.engines), np.int64)
    np.add.at(load, program.engine, program.cycles)
    shares = [-(-int(n) // e.servers) for n, e in zip(load, program.machine.engines, strict=True)]
    return max([0, *end, *shares])


def _need_graph(program: Program) -> None:
    if program.phase != "graph":
        raise SimulationError(
            f"@{program.name} is in phase {program.phase}, but its ideal is that of the graph it was made from: "
            "give the program as it was before barriers"
        )
