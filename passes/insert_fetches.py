"""Pass `wlm-insert-fetches`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.machine import EngineModel, MachineModel
from wlm_dialect.passes.analysis.estimate import Estimate, estimate, quiet_place
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, insert_tasks
from wlm_dialect.program import Kind, Program

MODES = ("firmware", "partial", "full")
_RAMP = (1, 4, 16)  # small first groups: compute starts while the rest is fetched


@dataclass(frozen=True)
class InsertFetchesPass(ProgramPass):
    """Insert the DMAs that copy descriptors of DPU and SHAVE tasks into CMX, one per execution group.

    Groups take turns in two halves of the engine's descriptor slots, so a fetch comes after the end of the group
    before the last one (H5). A group is at most half the work FIFO, so a push never meets a full FIFO (H6). All
    management of one engine sits on one DMA queue, in order; it stands where the estimate says that queue is idle.

    Precondition: phase graph without fetches. Postcondition: each DPU and SHAVE task is fetched exactly once.
    """

    name = "wlm-insert-fetches"
    phases = ("graph",)
    mode: Literal["firmware", "partial", "full"] = "full"

    def transform(self, program: Program) -> Program:
        if self.mode not in MODES:
            raise ScheduleError(f"{self.name}: mode is '{self.mode}'{did_you_mean(self.mode, MODES)}")
        if np.any(program.kind == Kind.FETCH):
            raise ScheduleError(f"{self.name}: @{program.name} has fetches already")
        if self.mode == "full" and not any(e.ends_in_order for e in program.machine.engines_of("dma")):
            raise ScheduleError(
                f"@{program.name}: full mode needs a DMA queue that ends tasks in order (serial or prefetching), but "
                f"machine '{program.machine.name}' has none; use mode partial or firmware"
            )
        tasks = _Placement(program, self.mode).insertions()
        return insert_tasks(program, tasks).program if tasks else program


def groups(engine: EngineModel, count: int, mode: str, machine: MachineModel) -> list[tuple[int, int, int]]:
    """Execution groups of `count` tasks: (low, high, first slot). Neighbours use different slots if there are two."""
    half = max(1, min(engine.descriptor_slots // 2, engine.fifo_depth // 2))
    if mode == "firmware":
        half = min(half, machine.firmware.fetch_batch)
    out: list[tuple[int, int, int]] = []
    low = 0
    while low < count:
        size = min(half, _RAMP[len(out)]) if len(out) < len(_RAMP) else half
        high = min(count, low + size)
        slot = half * (len(out) % 2) if engine.descriptor_slots > 1 else 0
        out.append((low, high, slot))
        low = high
    return out


class _Placement:
    def __init__(self, program: Program, mode: str) -> None:
        self.program = program
        self.machine = program.machine
        self.mode = mode
        self.times: Estimate = estimate(program)
        self.out: list[Insertion] = []
        self.managers = managers(program)
        self.begun = np.maximum.accumulate(np.asarray([0, *self.times.start], np.int64))[1:]
        self.starts = {}
        for q in self.machine.engines:
            tasks = program.lists[self.machine.engine_index[q.name]]
            self.starts[q.name] = (tasks, np.asarray([self.times.start[t] for t in tasks.tolist()], np.int64))

    def insertions(self) -> list[Insertion]:
        compute = [e for e in range(len(self.machine.engines)) if self.machine.engines[e].kind != "dma"]
        own = self.machine.firmware_channel if self.mode == "firmware" else None
        for e in compute:
            if len(self.program.lists[e]):
                self._engine(e, own or self.machine.engines[self.managers[e]])
        return self._in_program_order()

    def _engine(self, engine: int, queue: EngineModel) -> None:
        model = self.machine.engines[engine]
        tasks = self.program.lists[engine].tolist()
        plan = groups(model, len(tasks), self.mode, self.machine)
        place = 0
        for g, (low, high, slot) in enumerate(plan):
            former = [f for f in range(g) if plan[f][2] == slot][-1:]
            users = [t for f in former for t in tasks[plan[f][0] : plan[f][1]]]
            if model.ends_in_order:
                users = users[-1:]
            place = max(place, self._place(engine, queue, tasks, (low, high), users))
            self._emit(engine, queue, place, (low, high, slot), users)

    def _place(self, engine: int, queue: EngineModel, tasks: list[int], span: tuple[int, int], users: list[int]) -> int:
        """The task before which a fetch stands: where its queue idles, the slots are free and it is not yet late."""
        low, high = span
        first = tasks[low]
        listed, starts = self.starts[queue.name]
        cycles = self.machine.transfer_ticks(queue, (high - low) * self.machine.engines[engine].descriptor_bytes)
        ready = max((self.times.end[t] for t in users), default=0)
        due = self.times.start[first] - cycles - self._enqueue_ticks(queue)
        earliest = max(users, default=-1) + 1
        at = max(int(np.searchsorted(starts, ready)), int(np.searchsorted(listed, earliest)))
        last = int(np.searchsorted(listed, first))
        until = min(int(np.searchsorted(starts, due, side="right")) - 1, last)
        place = quiet_place(self.times, listed, at, until) if until > at else at
        # on an idle queue the place in the program is free: as early as the fetch can run, others can rely on it then
        begin = max(ready, self.times.end[listed[place - 1]] if place else 0)
        after = max(earliest, int(listed[place - 1]) + 1 if place else 0)
        program_place = max(after, int(np.searchsorted(self.begun, begin)))
        return min(first, program_place, int(listed[place]) if place < len(listed) else first)

    def _enqueue_ticks(self, queue: EngineModel) -> int:
        """From the end of a fetch to the push of its group, with room for two others in front."""
        if self.mode == "full":
            return 3 * self.machine.transfer_ticks(queue, self.machine.management.enqueue_bytes)
        firmware = self.machine.firmware
        return 3 * (firmware.interrupt + firmware.program + firmware.push)

    def _emit(self, engine: int, queue: EngineModel, place: int, group: tuple[int, int, int], users: list[int]) -> None:
        model = self.machine.engines[engine]
        low, high, slot = group
        size = (high - low) * model.descriptor_bytes
        on = self.machine.engine_index[queue.name]
        where = f"{model.name}[{low}:{high}]"
        cycles = self.machine.transfer_ticks(queue, size)
        self.out.append(
            Insertion(
                place, on, f"fetch {where}", Kind.FETCH, cycles, size, tuple(users), target=engine, low=low, high=high,
                slot=slot,
            )
        )  # fmt: skip

    def _in_program_order(self) -> list[Insertion]:
        """Management of several engines meets at one place: the group whose first task starts earliest goes first."""

        def due(item: Insertion) -> tuple[int, int]:
            first = int(self.program.lists[item.target][item.low])
            return item.before, self.times.start[first]

        return sorted(self.out, key=due)
