"""Which orders a program has that its graph has not: what barriers and their reuse cost in freedom."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.analysis.reuse import reuse
from wlm_dialect.program import Kind, Program


@dataclass(frozen=True)
class AddedOrders:
    """`waits`: pairs (task, engine) such that the task waits, by a barrier or an inserted task, for a task of that
    engine which the graph does not put before it; `reuses`: barrier instances whose producers must be held back,
    because nothing else tells them that the instance before is over."""

    waits: int
    reuses: int

    @property
    def total(self) -> int:
        """Both."""
        return self.waits + self.reuses


def added_orders(graph: Program, program: Program, known: Order | None = None) -> AddedOrders:
    """Orders of `program`, made from `graph`, that the graph does not imply.

    `known` is `task_order(graph)`. The k-th RUN task of an engine is the k-th task of that engine in the graph.
    """
    return AddedOrders(_added_waits(graph, program, task_order(graph) if known is None else known), _reuses(program))


def graph_tasks(graph: Program, program: Program) -> I32:
    """Per task of a program made from `graph` its index there, -1 for an inserted one.

    ValueError if an engine has more or fewer tasks of the network than in the graph.
    """
    number = np.full(len(program), -1, np.int32)
    for model, tasks, here in zip(graph.machine.engines, graph.lists, program.lists, strict=True):
        own = here[program.kind[here] == Kind.RUN]
        if len(own) != len(tasks):
            raise ValueError(f"{model.name} has {len(own)} tasks of the network, but its graph has {len(tasks)}")
        number[own] = tasks
    return number


def _added_waits(graph: Program, program: Program, known: Order) -> int:
    number = graph_tasks(graph, program)
    lane, at = known.lane.tolist(), known.at.tolist()
    lifted: dict[int, I32] = {}  # barrier -> last position per lane among its producers
    inserted: dict[int, I32] = {}  # inserted task -> the same for all that it stands for
    none = np.full(known.ends.shape[1], -1, np.int32)
    waits, updates = program.waits.lists(), program.updates.lists()
    predecessor = program.predecessor.tolist()
    count = 0
    for t, n in enumerate(number.tolist()):
        row = none.copy()
        for v in waits[t]:
            np.maximum(row, lifted.get(v, none), out=row)
        before = predecessor[t]
        if before in inserted:
            np.maximum(row, inserted[before], out=row)
        if n >= 0:
            count += int(np.count_nonzero(row > known.ends[n]))
            row = none.copy()
            row[lane[n]] = at[n]
        else:
            if before >= 0 and before not in inserted:
                place = lane[int(number[before])]
                row[place] = max(int(row[place]), at[int(number[before])])
            inserted[t] = row
        for v in updates[t]:
            lifted[v] = np.maximum(lifted.get(v, none), row)
    return count


def _reuses(program: Program) -> int:
    """Instances some producer of which does not know that the instance before is over."""
    previous = program.barriers.previous
    later = np.nonzero(previous >= 0)[0]
    if not len(later):
        return 0
    rows = reuse(program, task_order(program))
    return int((rows.users[previous[later]] > rows.known[later]).any(axis=1).sum())
