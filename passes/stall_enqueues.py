"""Pass `wlm-stall-enqueues`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I64, int64
from wlm_dialect.passes.analysis.estimate import Estimate, estimate
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.choices import Choices
from wlm_dialect.passes.editing import Insertion, enqueue_insertion, insert_tasks
from wlm_dialect.passes.policies import CHAINS, check_policy
from wlm_dialect.passes.reduce_dependences import reduced
from wlm_dialect.program import Kind, Program

_TRIES = 16  # of sets of stalls, each a run of the rest of the pipeline; fewer on large programs
_TASKS = 40_000  # lowered in all those runs together
_SPARE = 2  # enqueues that fit between the end of what a push waits for and the start of what it pushes


@dataclass(frozen=True)
class Stall:
    """A task that an enqueue at a place of a queue (before its task number `place`) holds back."""

    task: int
    queue: int
    place: int
    margin: int  # ticks by which the push is early, or what it delays may be later still; the lesser


@dataclass(frozen=True)
class StallEnqueuesPass(ProgramPass):
    """Full mode: let an empty work FIFO stand for barriers. A task that is pushed late enough need not wait.

    Where all that a DPU or SHAVE task comes after has ended at a place of the DMA queue that manages its engine, an
    enqueue there keeps the order, and the dependences are dropped: no barrier is made of them. Chosen only where, by
    estimate, the task starts no later (its engine is still busy when the push lands), and nothing that the enqueue
    delays ends the program later. A queue knows most if it carries data as well (`management.queue`).

    All that is left of full mode is tried with and without them: stalls stay if barriers are saved and, by an estimate
    that counts management, nothing ends later; of a set that fails the halves are tried.

    Precondition: phase graph without fetches. Postcondition: the same tasks are ordered, some by enqueues, which
    wlm-place-enqueues keeps and fills the gaps between.
    """

    name = "wlm-stall-enqueues"
    phases = ("graph",)
    policy: str = CHAINS
    slots: str = "auto"

    def transform(self, program: Program) -> Program:
        check_policy(self.policy)  # what cannot be compiled is taken for too slow below
        if np.any((program.kind == Kind.FETCH) | (program.kind == Kind.ENQUEUE)):
            raise ScheduleError(
                f"{self.name}: @{program.name} has fetches or enqueues already; it stands before wlm-insert-fetches"
            )
        start = program.with_(after=reduced(program))
        chunks = [_Stalls(start).chosen()]
        if not chunks[0]:
            return program
        choices = Choices(policy=self.policy, slots=self.slots)
        best, least = program, _cost(program, choices)
        kept: list[Stall] = []
        for _ in range(max(2, min(_TRIES, _TASKS // len(program)))):
            if not chunks:
                break
            chunk = chunks.pop(0)
            stalled = with_stalls(start, [*kept, *chunk])
            cost = _cost(stalled, choices)
            if cost is not None and (least is None or (cost[0] < least[0] and cost[1] <= least[1])):
                best, least, kept = stalled, cost, [*kept, *chunk]
            elif len(chunk) > 1:
                half = len(chunk) // 2
                chunks += [chunk[:half], chunk[half:]]
        return best


def with_stalls(program: Program, stalls: Sequence[Stall]) -> Program:
    """The program with an enqueue for each of these tasks, which takes the place of their dependences."""
    tasks = sorted((_insertion(program, stall) for stall in stalls), key=lambda item: item.before)
    changed = insert_tasks(program, tasks).program
    return changed.with_(after=reduced(changed))


def _insertion(program: Program, stall: Stall) -> Insertion:
    queue, task = stall.queue, stall.task
    low, listed = int(program.position[task]), program.lists[queue]
    before = min(task, int(listed[stall.place])) if stall.place < len(listed) else task
    return enqueue_insertion(program.machine, before, queue, int(program.engine[task]), (low, low + 1))


def _cost(program: Program, choices: Choices) -> tuple[int, int] | None:
    """Barriers, and the estimated end, of what full mode makes of it; None if it is not proved."""
    from wlm_dialect.passes.pipelines import after_stalls  # which this pass is part of

    try:
        for step in after_stalls(choices):
            assert isinstance(step, ProgramPass)
            program = step.run(program)
    except ScheduleError:
        return None
    return len(program.barriers), max(estimate(program, managed=True).end, default=0)


class _Stalls:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.machine = program.machine
        self.order: Order = task_order(program)
        self.times: Estimate = estimate(program)
        self.after = program.after.lists()
        self.latest = self._latest_starts()

    def chosen(self) -> list[Stall]:
        """What may be stalled, the safest first."""
        usual = managers(self.program)
        out: list[Stall] = []
        for engine, model in enumerate(self.machine.engines):
            queue = usual[engine]
            if model.descriptor_slots and queue >= 0 and self.machine.engines[queue].ends_in_order:
                out += self._engine(engine, queue, out)
        return sorted(out, key=lambda stall: (-stall.margin, stall.task))

    def _engine(self, engine: int, queue: int, others: Sequence[Stall]) -> list[Stall]:
        """Tasks of an engine that an enqueue on `queue` can hold back, beside those of `others`."""
        listed = self.program.lists[queue]
        if not len(listed):
            return []
        ends = np.ascontiguousarray(self.order.ends[listed].T)
        over = np.asarray([self.times.end[t] for t in listed.tolist()], np.int64)
        spare = self._spare(queue)
        ticks = self.machine.transfer_ticks(self.machine.engines[queue], self.machine.management.enqueue_bytes)
        taken = {stall.place for stall in others if stall.queue == queue}
        out: list[Stall] = []
        floor = 0
        tasks = self.program.lists[engine].tolist()
        for before, task in zip([-1, *tasks], tasks, strict=False):
            if not self.after[task] or any(self.program.engine[a] == engine for a in self.after[task]):
                continue
            known = max(int(np.searchsorted(ends[self.order.lane[a]], self.order.at[a])) + 1 for a in self.after[task])
            # behind the task before it in program order, too: then what is pushed earlier has its place in front
            low = max(floor, known, int(np.searchsorted(listed, before)))
            by_time = int(np.searchsorted(over, self.times.start[task] - _SPARE * ticks, side="right"))
            high = min(by_time, int(np.searchsorted(listed, task)))
            used = (len(taken) + len(out) + 1) * ticks  # all those before it delay the same tasks
            fitting = np.nonzero(spare[low : high + 1] >= used)[0] + low
            place = next((p for p in map(int, fitting) if p not in taken), -1)
            if place >= 0:
                early = self.times.start[task] - (int(over[place - 1]) if place else 0) - ticks
                out.append(Stall(task, queue, place, min(early, int(spare[place]) - used)))
                floor = place + 1
        return out

    def _spare(self, queue: int) -> I64:
        """By how many ticks what follows each place of the queue may be delayed, so that nothing ends later."""
        listed = self.program.lists[queue].tolist()
        ends = [0, *(self.times.end[t] for t in listed)]
        latest = [*(self.latest[t] for t in listed), 1 << 60]
        return int64(latest) - int64(ends)

    def _latest_starts(self) -> list[int]:
        """Per task the latest start with which the program ends no later."""
        program = self.program
        cycles = program.cycles.tolist()
        latest = [max(self.times.end, default=0) - c for c in cycles]
        predecessor = program.predecessor.tolist()
        for t in range(len(program) - 1, -1, -1):
            for a in (*self.after[t], *([predecessor[t]] if predecessor[t] >= 0 else [])):
                latest[a] = min(latest[a], latest[t] - cycles[a])
        return latest
