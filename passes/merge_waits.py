"""Pass `wlm-merge-waits`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I64, Csr
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, insert_tasks, sync_insertion
from wlm_dialect.passes.merge_barriers import renamed
from wlm_dialect.program import Barriers, Program


@dataclass(frozen=True)
class MergeWaitsPass(ProgramPass):
    """Let no task wait on more barriers than its engine allows (`max_waits`; usually 1 on compute engines).

    In place of the barriers that are too many the task waits on one that all their producers update: no task starts
    later. Where a hardware barrier could not count them, waits move to earlier tasks of the engine that start, by
    estimate, when the barrier has lifted anyway; what is left is joined by a SYNC DMA. Engines without a limit keep
    their waits. Precondition: phase virtual; wlm-reduce-barriers first, else implied waits are merged instead of
    dropped. Postcondition: waits are within limits (H9), no order is lost. Slots may be exceeded by consumers:
    wlm-split-barriers comes after.

    ```mlir
    task.run @dma0 "a" updates(%v) cycles 3
    task.run @dma1 "b" updates(%w) cycles 3
    task.run @dpu0 "c" waits(%v, %w) cycles 5
    // becomes
    task.run @dma0 "a" updates(%v) cycles 3
    task.run @dma1 "b" updates(%v) cycles 3
    task.run @dpu0 "c" waits(%v) cycles 5
    ```
    """

    name = "wlm-merge-waits"
    phases = ("virtual",)

    def transform(self, program: Program) -> Program:
        limits = np.asarray([e.max_waits for e in program.machine.engines])[program.engine]
        tasks = np.nonzero((limits > 0) & (np.diff(program.waits.start) > limits))[0]
        return _Merger(program, limits).merged(tasks.tolist()) if len(tasks) else program


class _Merger:
    """The program with its waits and updates as lists, and barriers and SYNC DMAs that are added to it."""

    def __init__(self, program: Program, limits: I64) -> None:
        self.program, self.limits = program, limits
        self.waits, self.updates = program.waits.lists(), program.updates.lists()
        self.producers = program.producers.lists()
        self.counted: I64 = program.producers.sums(program.slots)
        self.syncs: list[Insertion] = []
        self.count = len(program.barriers)

    def merged(self, tasks: list[int]) -> Program:
        slots, limits = self.program.slots, self.program.machine.barriers
        for barriers, waiting in self._groups(tasks).items():
            for v in barriers:
                if not self.producers[v]:
                    name = self.program.names[waiting[0]]
                    raise ScheduleError(
                        f"task '{name}' waits on {self.program.barrier_name(v)}, which has no producer [H7]"
                    )
            feeding = sorted({p for v in barriers for p in self.producers[v]})
            room = min(limits.max_producers, limits.max_sum - int(slots[waiting].max()))
            if int(slots[feeding].sum()) <= room:
                self._replace(waiting, barriers, feeding)
            else:
                self._linearise(waiting, barriers)
        return self._finished()

    def _groups(self, tasks: list[int]) -> dict[tuple[int, ...], list[int]]:
        """Barriers that have to become one, and the tasks that wait on them: those with the fewest producers."""
        out: dict[tuple[int, ...], list[int]] = {}
        for t in tasks:
            by_size = sorted(self.waits[t], key=lambda v: (self.counted[v], v))
            out.setdefault(tuple(sorted(by_size[: len(by_size) - int(self.limits[t]) + 1])), []).append(t)
        return out

    def _replace(self, tasks: list[int], barriers: Iterable[int], producers: list[int]) -> None:
        """These tasks wait on one new barrier in place of `barriers`."""
        gone = set(barriers)
        for t in tasks:
            self.waits[t] = [*(v for v in self.waits[t] if v not in gone), self.count]
        for p in producers:
            self.updates[p].append(self.count)
        self.count += 1

    def _linearise(self, tasks: list[int], barriers: tuple[int, ...]) -> None:
        """Move waits to earlier tasks where that costs nothing by estimate; join the rest before the first task."""
        times = estimate(self.program)
        rest: dict[tuple[int, ...], list[int]] = {}
        for t in tasks:
            left = list(barriers)
            for v in barriers:
                lifted = max(times.end[p] for p in self.producers[v])
                earlier = self._earlier(t, v, lifted, times.start) if len(left) > 1 else -1
                if earlier >= 0:
                    left.remove(v)
                    self.waits[t].remove(v)
                    self.waits[earlier].append(v)
            if len(left) > 1:
                rest.setdefault(tuple(left), []).append(t)
        for left_over, waiting in rest.items():
            self._join(waiting, left_over)

    def _earlier(self, task: int, barrier: int, lifted: int, start: list[int]) -> int:
        """The nearest task before `task` on its engine that can wait on the barrier and starts when it has lifted."""
        engine = int(self.program.engine[task])
        if not self.program.machine.engines[engine].ends_in_order:
            return -1
        listed = self.program.lists[engine]
        for q in map(int, listed[: int(self.program.position[task])][::-1]):
            if q <= self.producers[barrier][-1] or start[q] < lifted:
                return -1
            if barrier not in self.waits[q] and len(self.waits[q]) < self.limits[q]:
                return q
        return -1

    def _join(self, tasks: list[int], barriers: tuple[int, ...]) -> None:
        """SYNC DMAs wait on the barriers, as many as one of them may, and update one new barrier for the tasks."""
        machine = self.program.machine
        channel = machine.engines_of("dma")[0]
        queue, each = machine.engine_index[channel.name], channel.max_waits or len(barriers)
        for first in range(0, len(barriers), each):
            waits = barriers[first : first + each]
            self.syncs.append(sync_insertion(machine, tasks[0], queue, waits, (self.count,)))
        self._replace(tasks, barriers, [])

    def _finished(self) -> Program:
        waited = {v for row in self.waits for v in row}.union(*(s.waits for s in self.syncs))
        had = np.nonzero(np.diff(self.program.consumers.start))[0].tolist()
        gone = set(had) - waited
        changed = self.program.with_(
            waits=Csr.of([sorted(row) for row in self.waits]),
            updates=Csr.of([[v for v in row if v not in gone] for row in self.updates]),
            barriers=Barriers.virtual(self.count, self.program.barriers.tail),
        )
        grown = insert_tasks(changed, self.syncs).program if self.syncs else changed
        return renamed(grown, np.arange(self.count, dtype=np.int32))
