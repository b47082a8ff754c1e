"""Pass `wlm-shorten-dependences`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Program


@dataclass(frozen=True)
class ShortenDependencesPass(ProgramPass):
    """Let a task that was run long ahead be awaited by an earlier task of the same engine, where that costs nothing.

    A weight loaded far ahead holds a barrier from its load to its use, and in full mode that barrier must have been
    idle before the load. If the consumer's predecessors in the list start after the load's end, by estimate, one of
    them can wait in its place. Only dependences that span more than `span` other waits are moved, and no farther than
    needed: what slack is left guards against durations that turn out different (docs/rationale.md).

    Precondition: phase graph. Postcondition: every order there was still holds.
    """

    name = "wlm-shorten-dependences"
    phases = ("graph",)
    span: int = 0  # 0: a quarter of the machine's barriers

    def transform(self, program: Program) -> Program:
        span = self.span or max(1, program.machine.barriers.count // 4)
        times = estimate(program)
        rows = program.after.lists()
        waiting = np.concatenate([[0], np.cumsum([len(row) > 0 for row in rows])]).tolist()
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
        for t, row in moved.items():
            rows[t] = sorted(row)
        return program.with_(after=Csr.of(rows)) if moved else program
