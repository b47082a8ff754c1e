"""Pass `wlm-insert-page-fetches`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, add_to_rows, fetch_insertion, insert_tasks
from wlm_dialect.passes.policies.pages.channel import management_queue
from wlm_dialect.program import Kind, Program


@dataclass(frozen=True)
class InsertPageFetchesPass(ProgramPass):
    """Full mode of the baseline `pages`: insert the DMAs that fetch descriptors, after npu_compiler's rule.

    Execution groups fill half of the descriptor slots. Groups 0 and 1 are fetched at the very start. Group g is fetched
    between the first and the last task of group g-1: in front of a DMA of the management queue that lies there, with
    what it waits for, else on its own, which makes the last task of g-1 wait. So the descriptors are there before g is
    at head, and group g-2 has ended. Where g-1 has a single task, or its engine does not end tasks in order, nothing
    can lie between: the fetch comes after g-2, the first task of g waits for it, and an enqueue of its own follows
    (wlm-place-pages).

    Precondition: phase graph without fetches. Postcondition: each DPU and SHAVE task is fetched exactly once.
    """

    name = "wlm-insert-page-fetches"
    phases = ("graph",)

    def transform(self, program: Program) -> Program:
        if np.any(program.kind == Kind.FETCH):
            raise ScheduleError(f"{self.name}: @{program.name} has fetches already")
        plan = _Plan(program)
        for engine, model in enumerate(program.machine.engines):
            if model.descriptor_slots and len(program.lists[engine]):
                plan.engine(engine)
        plan.fetches.sort(key=lambda f: (f.insertion.before, f.group))
        inserted = insert_tasks(program, [f.insertion for f in plan.fetches])
        last = [(int(inserted.old[f.last]), int(inserted.new[i])) for i, f in enumerate(plan.fetches) if f.last >= 0]
        done = inserted.program
        return done.with_(after=add_to_rows(done.after, last)) if last else done


@dataclass(frozen=True)
class _Fetch:
    insertion: Insertion
    group: int
    last: int  # the task that has to wait for it, or -1


class _Plan:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.queue = management_queue(program.machine)
        self.order: Order = task_order(program)
        self.after: Csr = program.after
        self.fetches: list[_Fetch] = []

    def engine(self, engine: int) -> None:
        """The fetches of all groups of an engine."""
        model = self.program.machine.engines[engine]
        tasks = self.program.lists[engine].tolist()
        half = max(1, model.descriptor_slots // 2)
        halves = min(2, model.descriptor_slots)
        for group, low in enumerate(range(0, len(tasks), half)):
            slot = half * (group % halves)
            span = low, min(len(tasks), low + half)
            if group < halves:
                self._add(engine, span, slot, group, 0, ())
                continue
            former = tasks[low - halves * half : low - (halves - 1) * half]
            parent = tasks[low - half : low]
            if halves == 1 or len(parent) == 1 or not model.ends_in_order:
                users = former[-1:] if model.ends_in_order else former
                self._add(engine, span, slot, group, users[-1] + 1, users, tasks[low])
            else:
                self._between(engine, span, slot, group, parent)

    def _between(self, engine: int, span: tuple[int, int], slot: int, group: int, parent: list[int]) -> None:
        first, last = parent[0], parent[-1]
        listed = self.program.lists[self.queue]
        low, high = np.searchsorted(listed, [first, last])
        for t in listed[low:high].tolist():
            if self.order.before_start(first, t) and self.order.before_start(t, last):
                self._add(engine, span, slot, group, t, self.after[t].tolist())
                return
        self._add(engine, span, slot, group, first + 1, (first,), last)

    def _add(
        self,
        engine: int,
        span: tuple[int, int],
        slot: int,
        group: int,
        before: int,
        after: Sequence[int],
        last: int = -1,
    ) -> None:
        insertion = fetch_insertion(self.program.machine, before, self.queue, engine, span, slot, after)
        self.fetches.append(_Fetch(insertion, group, last))
