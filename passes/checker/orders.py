"""Translation validation: the orders that a task graph requires still hold after each pass.

Tasks are told by engine, name and, of several of one name, by place on the engine: passes may list them anew, and
insert management among them.
"""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.passes.checker.exact import Search
from wlm_dialect.passes.checker.races import conflicts
from wlm_dialect.passes.checker.ranges import Ranges
from wlm_dialect.program import Kind, Program

Key = tuple[str, str, int]
"""Engine, name, how many of that name come before on the engine."""

_SHOWN = 20


@dataclass(frozen=True, eq=False)
class Orders:
    """Pairs of tasks of a graph of which one has to end before the other starts: dependences, conflicting accesses."""

    tasks: tuple[Key, ...]
    before: I32
    after: I32

    def missing(self, program: Program) -> list[str]:
        """What no longer holds in a program made from the graph, in words; empty if all does.

        Decided for every timing by what engines, barriers and pushes guarantee; in a managed program firmware's order
        of service counts, too.
        """
        place = {key: t for t, key in zip(*_keys(program), strict=True)}
        lost = [f"{_text(key)} is gone" for key in self.tasks if key not in place]
        here = np.array([place.get(key, -1) for key in self.tasks], np.int32)
        before, after = here[self.before], here[self.after]
        graph = _graph(program)
        stuck = graph.never(np.arange(len(graph.clocks.network), dtype=np.int32)) if graph.clocks.cyclic else None
        search = Search(graph)
        for a, b in zip(before.tolist(), after.tolist(), strict=True):
            if a < 0 or b < 0:
                continue
            first, then = int(graph.node(Event.END, a)), int(graph.node(Event.START, b))
            if stuck is not None and stuck[then]:
                continue  # what never starts comes after everything; the checker says why it does not
            if not graph.clocks.before(first, then) and not (graph.inexact and search.precedes(first, then)):
                names = [f"'{program.names[t]}' on {program.engine_name(t)}" for t in (a, b)]
                lost.append(f"{names[1]} no longer starts after the end of {names[0]}")
        return lost


def required_orders(graph: Program) -> Orders:
    """The orders that `after` and the accesses of memory of a program in phase graph require.

    Raises ScheduleError in a later phase: there the dependences have become barriers already.
    """
    if graph.phase != "graph":
        raise ScheduleError(f"@{graph.name} is in phase {graph.phase}; what has to be ordered is read off phase graph")
    before, after = _pairs(graph)
    order = np.lexsort((before, after))
    tasks, keys = _keys(graph)
    number = np.full(len(graph), -1, np.int32)
    number[tasks] = np.arange(len(tasks), dtype=np.int32)
    before, after = number[before[order]], number[after[order]]
    known = (before >= 0) & (after >= 0)
    return Orders(tuple(keys), before[known], after[known])


def require_orders(orders: Orders, program: Program, by: str) -> None:
    """ScheduleError that names the pass `by` unless all orders hold in `program`."""
    lost = orders.missing(program)
    if lost:
        shown = lost[:_SHOWN]
        if len(lost) > _SHOWN:
            shown.append(f"and {len(lost) - _SHOWN} more")
        raise ScheduleError("\n".join([f"after {by}, @{program.name} has lost an order: {shown[0]}", *shown[1:]]))


def _pairs(graph: Program) -> tuple[I32, I32]:
    first, then = conflicts(graph)
    before = np.concatenate([graph.after.index, first]).astype(np.int32)
    return before, np.concatenate([graph.after.rows(), then]).astype(np.int32)


def _keys(program: Program) -> tuple[list[int], list[Key]]:
    """The tasks that are no management, and their keys."""
    tasks, keys = [], []
    seen: dict[tuple[str, str], int] = {}
    for t in np.nonzero(program.kind == Kind.RUN)[0].tolist():
        name = program.engine_name(t), program.names[t]
        tasks.append(t)
        keys.append((*name, seen.get(name, 0)))
        seen[name] = keys[-1][2] + 1
    return tasks, keys


def _text(key: Key) -> str:
    return f"'{key[1]}' on {key[0]}"


def _graph(program: Program) -> EventGraph:
    return EventGraph(program, Ranges(program), given=_pairs(program) if program.phase == "graph" else None)
