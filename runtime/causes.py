"""What held each task back, traced from the recorded times to the management that caused them."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.conflicts import dependences
from wlm_dialect.runtime.result import Handler, RunResult

NEVER = 2**62
"""A tick after everything, for what did not happen."""


@dataclass(frozen=True, eq=False)
class Causes:
    """Who did the management work for whom; -1 = nobody. Shapes: (tasks,), for `program` (barriers,)."""

    fetch: I32  # the fetch that brought the task's descriptor
    enqueue: I32  # the enqueue DMA that pushed the task
    item: I32  # the work item that pushed the task
    program: I32  # the program DMA that pushed the barrier instance


def find_causes(program: Program) -> Causes:
    """The management of a program; of a graph without any, nobody everywhere."""
    fetch, enqueue, item = (np.full(len(program), -1, np.int32) for _ in range(3))
    armed_by = np.full(len(program.barriers), -1, np.int32)
    for t in np.nonzero(program.kind != Kind.RUN)[0].tolist():
        kind = int(program.kind[t])
        if kind in (Kind.FETCH, Kind.ENQUEUE):
            table = fetch if kind == Kind.FETCH else enqueue
            table[program.lists[int(program.target[t])][int(program.low[t]) : int(program.high[t])]] = t
        elif kind == Kind.PROGRAM:
            armed_by[program.programs[t]] = t
    rows = zip(program.items.engine.tolist(), program.items.low.tolist(), program.items.high.tolist(), strict=True)
    for n, (engine, low, high) in enumerate(rows):
        item[program.lists[engine][low:high]] = n
    return Causes(fetch, enqueue, item, armed_by)


class HandlerIndex:
    """Finds the handler that was running at a tick; firmware is one server, so handlers do not overlap."""

    def __init__(self, handlers: tuple[Handler, ...]) -> None:
        self.handlers = tuple(sorted(handlers, key=lambda h: (h.start, h.end)))
        self._ends = [h.end for h in self.handlers]

    def at(self, tick: int) -> int:
        """Position in `handlers` of the one with start < tick <= end; -1 = none."""
        n = bisect_left(self._ends, tick)
        return n if n < len(self._ends) and self.handlers[n].start < tick else -1


def last_producer(result: RunResult, barrier: int) -> int:
    """The producer of `barrier` that ended last; -1 if none has."""
    users = result.program.producers[barrier]
    if not len(users):
        return -1
    ends = result.end[users]
    best = int(np.argmax(ends))
    return int(users[best]) if ends[best] >= 0 else -1


def ready_ticks(result: RunResult) -> list[int]:
    """Per task the tick from which nothing but management, its engine and dispatch held it: all dependences were met.

    With barriers that is when the last wait lifted; in a run of a graph, when the last task it depends on ended.
    """
    program = result.program
    table, ticks = (program.waits, result.lifted) if program.phase != "graph" else (dependences(program), result.end)
    ready = np.zeros(len(program), np.int64)
    if len(table.index):
        awaited = ticks[table.index]
        np.maximum.at(ready, table.rows(), np.where(awaited < 0, NEVER, awaited))
    return [int(t) for t in ready]
