"""Pass `wlm-insert-tail`."""

from dataclasses import dataclass, replace

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.happens_before import FORGOTTEN
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import add_to_rows
from wlm_dialect.program import Barriers, Program


@dataclass(frozen=True)
class InsertTailPass(ProgramPass):
    """Declare the tail barrier, which lifts only after every task has ended (H10).

    Only tasks that no other task is known to follow update it. Precondition: phase virtual without a tail.
    """

    name = "wlm-insert-tail"
    phases = ("virtual",)

    def transform(self, program: Program) -> Program:
        if program.barriers.tail >= 0:
            raise ScheduleError(f"{self.name}: @{program.name} has a tail barrier already")
        if not len(program):
            raise ScheduleError(f"{self.name}: @{program.name} has no task, so nothing could lift a tail barrier [H10]")
        tail = len(program.barriers)
        return with_tail(program.with_(barriers=replace(Barriers.virtual(tail + 1), tail=tail)))


def with_tail(program: Program, order: Order | None = None) -> Program:
    """The program with every unfollowed task among the producers of its tail barrier. `order`: its clocks, if known."""
    tail = program.barriers.tail
    missing = [(t, tail) for t in unfollowed(program, order) if tail not in program.updates[t]]
    return program.with_(updates=add_to_rows(program.updates, missing)) if missing else program


def unfollowed(program: Program, order: Order | None = None) -> list[int]:
    """The tasks whose end precedes the start of no other task."""
    order = order or task_order(program)
    lanes = order.ends.shape[1]
    last = np.full(lanes, -1, np.int64)
    np.maximum.at(last, order.lane, np.arange(len(program)))
    used = np.nonzero(last >= 0)[0]
    # a task knows its own end; the last one of a lane is followed only if another task knows it, too
    knowing = np.count_nonzero(order.ends[:, used] >= order.at[last[used]], axis=0)
    # what has no lane is followed at least by who waits for it: else each round of repair would join all of them anew
    awaited = np.diff(program.consumers.start)[program.updates.index] > 0
    apart = np.setdiff1d(np.nonzero(order.at == FORGOTTEN)[0], program.updates.rows()[awaited])
    out: list[int] = np.union1d(last[used][knowing < 2], apart).tolist()
    return out
