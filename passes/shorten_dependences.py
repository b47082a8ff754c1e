"""Pass `wlm-shorten-dependences`."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.estimate import Estimate, estimate
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Kind, Program

_NEAR = 8  # tasks among which one that waits anyway is looked for


@dataclass(frozen=True)
class ShortenDependencesPass(ProgramPass):
    """Let a task that was run long ahead be awaited by an earlier task of the same engine, where that costs nothing.

    A weight loaded far ahead holds a barrier from its load to its use, and in full mode that barrier must have been
    idle before the load. If the consumer's predecessors in the list start after the load's end, by estimate, one of
    them can wait in its place. Only dependences that span more than `span` other waits are moved, and no farther than
    needed: what slack is left guards against durations that turn out different (docs/rationale.md).

    Tasks of a pool start in any order, so none of them can wait for another. If such a dependence spans more waits than
    the machine has barriers, an engine that ends its tasks in order keeps it: one of its tasks waits for the early
    task, unless the engine knows that it has ended, and the late task waits for a later one of them.

    ```mlir
    %a = task.run @shave0 "a" cycles 5
    %b = task.run @dpu0 "b" cycles 5                  // starts after the end of "a" anyway
    %c = task.run @dpu0 "c" cycles 5
    %d = task.run @shave0 "d" after(%a) cycles 5      // and "d" after the end of "c"
    // becomes
    %b = task.run @dpu0 "b" after(%a) cycles 5
    %d = task.run @shave0 "d" after(%c) cycles 5
    ```

    Precondition: phase graph. Postcondition: every order there was still holds.
    """

    name = "wlm-shorten-dependences"
    phases = ("graph",)
    span: int = 0  # 0: a quarter of the machine's barriers

    def transform(self, program: Program) -> Program:
        span = self.span or max(1, program.machine.barriers.count // 4)
        return _relayed(_awaited_earlier(program, span), span)


def _waits_before(program: Program) -> list[int]:
    """How many tasks before each task wait for others."""
    out: list[int] = np.concatenate([[0], np.cumsum(np.diff(program.after.start) > 0)]).tolist()
    return out


def _awaited_earlier(program: Program, span: int) -> Program:
    times = estimate(program)
    rows = program.after.lists()
    waiting = _waits_before(program)
    predecessor = program.predecessor.tolist()
    ordered = [e.ends_in_order for e in program.machine.engines]
    engine = program.engine.tolist()
    moved: dict[int, set[int]] = {}  # rows that change
    for t in range(len(program) - 1, -1, -1):
        if not ordered[engine[t]]:
            continue
        for a in sorted(moved.get(t, rows[t])):
            place, x = t, predecessor[t]
            while waiting[place] - waiting[a] > span and x > a and times.start[x] >= times.end[a]:
                place, x = x, predecessor[x]
            if place != t:
                moved.setdefault(t, set(rows[t])).discard(a)
                moved.setdefault(place, set(rows[place])).add(a)
    return _with_rows(program, moved)


def _with_rows(program: Program, changed: dict[int, set[int]]) -> Program:
    if not changed:
        return program
    rows = program.after.lists()
    for t, row in changed.items():
        rows[t] = sorted(row)
    return program.with_(after=Csr.of(rows))


class _Lane:
    """The tasks of the network on an engine that ends them in order."""

    def __init__(self, program: Program, engine: int, times: Estimate, waiting: list[int]) -> None:
        self.tasks = [t for t in program.lists[engine].tolist() if program.kind[t] == Kind.RUN]
        self.start, self.end = [times.start[t] for t in self.tasks], [times.end[t] for t in self.tasks]
        self.waiting = [waiting[t] for t in self.tasks]


def _relayed(program: Program, span: int) -> Program:
    """The program without far dependences of tasks that start in any order, as far as engines in order can keep them.

    What is known before a task stays known before it: dependences are replaced in the order of the tasks that wait.
    """
    rows, before = program.after.rows(), program.after.index
    waiting, most = _waits_before(program), program.machine.barriers.count
    loose = np.asarray([not e.ends_in_order for e in program.machine.engines])[program.engine]
    spans = np.asarray(waiting)
    far = np.nonzero((spans[rows] - spans[before] > most) & loose[rows])[0]
    if not len(far):
        return program
    times, order, table = estimate(program), task_order(program), program.after.lists()
    ordered = [e for e, model in enumerate(program.machine.engines) if model.ends_in_order]
    lanes = [_Lane(program, e, times, waiting) for e in ordered]

    def route(task: int, first: int, lane: _Lane) -> tuple[int, int, int, int] | None:
        """(cost, place in time, task that `task` waits for in place of `first`, task that waits for that or -1)."""
        # the last task that has ended when `task` starts; of those before, the first that is near enough
        last = min(bisect_right(lane.end, times.start[task]), bisect_left(lane.tasks, task)) - 1
        place = min(last, bisect_left(lane.waiting, waiting[task] - span))
        if place < 0 or waiting[task] - lane.waiting[place] > most:
            return None
        stands = lane.tasks[place]
        if order.before_start(first, stands):
            return 0, -stands, stands, -1
        low = max(bisect_left(lane.start, times.end[first]), bisect_right(lane.tasks, first))
        near = lane.tasks[low : min(low + _NEAR, place + 1)]
        if not near or waiting[near[0]] - waiting[first] > most:
            return None
        waits = next((t for t in near if table[t]), near[0])
        return 1 + (not table[waits]), -stands, stands, waits

    moved: dict[int, set[int]] = {}
    for task, first in zip(rows[far].tolist(), before[far].tolist(), strict=True):
        routes = [found for lane in lanes if (found := route(task, first, lane)) is not None]
        if not routes:
            continue
        _, _, stands, waits = min(routes)
        row = moved.setdefault(task, set(table[task]))
        row.discard(first)
        row.add(stands)
        if waits >= 0:
            moved.setdefault(waits, set(table[waits])).add(first)
    return _with_rows(program, moved)
