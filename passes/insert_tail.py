"""Pass `wlm-insert-tail`."""

from dataclasses import dataclass, replace

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.analysis.order import task_order
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


def with_tail(program: Program) -> Program:
    """The program with every unfollowed task among the producers of its tail barrier."""
    tail = program.barriers.tail
    missing = [(t, tail) for t in unfollowed(program) if tail not in program.updates[t]]
    return program.with_(updates=add_to_rows(program.updates, missing)) if missing else program


def unfollowed(program: Program) -> list[int]:
    """The tasks whose end precedes the start of no other task."""
    order = task_order(program)
    followed = order.ends.max(axis=0, initial=-1)
    last: dict[int, int] = {}
    for t in range(len(program)):
        last[int(order.lane[t])] = t
    # the last task of a lane counts as followed only if some *other* task knows its end
    out = []
    for lane, t in sorted(last.items(), key=lambda item: item[1]):
        knows = order.ends[:, lane] == followed[lane]
        knows[t] = False
        if not knows.any():
            out.append(t)
    return out
