"""Pass `wlm-insert-fetches`."""

import heapq
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.dialects.task import MODES, Mode
from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.kernels.csr import I32
from wlm_dialect.machine import EngineModel, MachineModel
from wlm_dialect.passes.analysis.estimate import Estimate, estimate, quiet_place
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.analysis.order import enqueuers, task_order
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, fetch_insertion, insert_tasks
from wlm_dialect.program import Kind, Program

SLOTS = ("auto", "halves", "ring")
_BUSY = 10  # "auto" is a ring where fetches fill a tenth of the time of their queue,
_MANY = 32  # and where every engine has slots enough that a part of them is worth a fetch
_RAMP = (1, 4, 16)  # small first groups: compute starts while the rest is fetched


@dataclass(frozen=True)
class InsertFetchesPass(ProgramPass):
    """Insert the DMAs that copy descriptors of DPU and SHAVE tasks into CMX, one per execution group.

    With `slots` "halves" groups take turns in two halves of the engine's descriptor slots, so a fetch comes after the
    end of the group before the last one. As a "ring" the slots are filled one after the other, and a fetch comes after
    the end of the tasks whose slots it fills (H5); its groups are smaller, so there are more fetches, but each holds up
    its queue less. "auto" is a ring in full mode where, by estimate, fetches take a tenth of a queue's time or more
    and every engine has at least 32 slots. The tasks in the slots are no more than the work FIFO holds, so a push never
    meets a full one (H6). All management of one engine sits on one DMA queue, in order; it stands where the estimate
    says that queue is idle.

    Precondition: phase graph without fetches. Postcondition: each DPU and SHAVE task is fetched exactly once.
    """

    name = "wlm-insert-fetches"
    phases = ("graph",)
    mode: Mode = "full"
    slots: str = "auto"

    def transform(self, program: Program) -> Program:
        for what, value, known in (("mode", self.mode, MODES), ("slots", self.slots, SLOTS)):
            if value not in known:
                raise ScheduleError(f"{self.name}: {what} is '{value}'{did_you_mean(value, known)}")
        if np.any(program.kind == Kind.FETCH):
            raise ScheduleError(f"{self.name}: @{program.name} has fetches already")
        if self.mode == "full" and not any(e.ends_in_order for e in program.machine.engines_of("dma")):
            raise ScheduleError(
                f"@{program.name}: full mode needs a DMA queue that ends tasks in order (serial or prefetching), but "
                f"machine '{program.machine.name}' has none; use mode partial or firmware"
            )
        tasks = _Placement(program, self.mode, self.slots).insertions()
        return insert_tasks(program, tasks).program if tasks else program


@dataclass(frozen=True)
class Ramp:
    """How many tasks the first groups hold: few, so that compute starts while the rest is fetched.

    But enough to keep the engine busy, by estimate, for `latency` ticks: so long firmware may take for the next one.
    Without firmware, as many as can be there before the first of them could start.
    """

    starts: Sequence[int] = ()  # of the tasks of the engine, by estimate
    latency: int = 0
    setup: int = 0  # ticks of the queue per group, and per task: for all engines that it fetches for
    cycles: int = 0

    def size(self, group: int, low: int) -> int:
        """Of the group number `group`, which begins with task `low`."""
        if self.latency:
            if group >= len(_RAMP):
                return sys.maxsize
            return max(_RAMP[group], bisect_left(self.starts, self.starts[low] + self.latency) - low)
        least = next((n for i, n in enumerate(_RAMP) if low <= sum(_RAMP[:i])), sys.maxsize)
        if not self.cycles:
            return least
        return max(least, (self.starts[low] - (group + 1) * self.setup) // self.cycles - low)


def groups(
    engine: EngineModel, count: int, mode: str, machine: MachineModel, slots: str = "halves", ramp: Ramp | None = None
) -> list[tuple[int, int, int]]:
    """Execution groups of `count` tasks: (low, high, first slot). Neighbours use different slots if there are two.

    Of "halves" each group begins one, of a "ring" it begins where the one before ends; no group reaches over its end.
    `ramp` says how small the first ones are.
    """
    ramp = ramp or Ramp()
    if slots == "halves":
        most = max(1, min(engine.descriptor_slots, engine.fifo_depth) // 2)
    else:
        area = min(engine.descriptor_slots, engine.fifo_depth + 1)  # the task at head has left the FIFO
        # smaller groups are fetched in time more often and hold up less behind them, but cost more fetches
        most = max(1, area // (4 if mode == "full" else 2))
    if mode == "firmware":
        most = min(most, machine.firmware.fetch_batch)
    out: list[tuple[int, int, int]] = []
    low = 0
    while low < count:
        size = min(most, ramp.size(len(out), low))
        if slots == "ring":
            slot = low % area
            size = min(size, area - slot)
        else:
            slot = most * (len(out) % 2) if engine.descriptor_slots > 1 else 0
        high = min(count, low + size)
        out.append((low, high, slot))
        low = high
    return out


class _Placement:
    def __init__(self, program: Program, mode: str, slots: str) -> None:
        self.program = program
        self.machine = program.machine
        self.mode = mode
        self.times: Estimate = estimate(program)
        self.managers = managers(program)
        self.slots = slots if slots != "auto" else self._best_slots()
        self.pushed = enqueuers(program)  # by wlm-stall-enqueues
        self.out: list[Insertion] = []
        self.filled: dict[str, dict[int, int]] = {}  # queue -> place -> ticks of the fetches there so far
        self.latency = self._latency()
        self.order = task_order(program)
        self.begun = np.maximum.accumulate(np.asarray([0, *self.times.start], np.int64))[1:]
        self.starts = {}
        for q in self.machine.engines:
            tasks = program.lists[self.machine.engine_index[q.name]]
            self.starts[q.name] = (tasks, np.asarray([self.times.start[t] for t in tasks.tolist()], np.int64))

    def insertions(self) -> list[Insertion]:
        compute = [e for e in range(len(self.machine.engines)) if self.machine.engines[e].kind != "dma"]
        own = self.machine.firmware_channel if self.mode == "firmware" else None
        plans = [
            self._engine(e, own or self.machine.engines[self.managers[e]])
            for e in compute
            if len(self.program.lists[e])
        ]
        # whoever is needed first is placed first, so that no engine takes the idle times of a queue from the others
        for _ in heapq.merge(*plans):
            pass
        return self._in_program_order()

    def _engine(self, engine: int, queue: EngineModel) -> Iterator[tuple[int, int]]:
        """Place the groups of an engine, one after each item: when it is needed, by estimate, and the engine."""
        model = self.machine.engines[engine]
        tasks = self.program.lists[engine].tolist()
        ramp = Ramp([self.times.start[t] for t in tasks], self.latency, *self._ticks(engine, queue))
        plan = groups(model, len(tasks), self.mode, self.machine, self.slots, ramp)
        holds: dict[int, int] = {}  # slot -> group
        on = self.machine.engine_index[queue.name]
        place = 0
        for g, (low, high, slot) in enumerate(plan):
            yield self.times.start[tasks[low]], engine
            users = self._users(tasks, plan, (low, high, slot), holds)
            if model.ends_in_order:
                users = users[-1:]
            place = max(place, self._place(engine, queue, tasks, (low, high), users))
            self.out.append(fetch_insertion(self.machine, place, on, engine, (low, high), slot, users))
            holds |= dict.fromkeys(range(slot, slot + high - low), g)

    def _best_slots(self) -> str:
        """A ring where fetches fill much of a queue's time: there a large group in front of a data DMA costs most."""
        load = dict.fromkeys(self.managers, 0)
        for e, (queue, tasks) in enumerate(zip(self.managers, self.program.lists, strict=True)):
            size = len(tasks) * self.machine.engines[e].descriptor_bytes
            load[queue] += self.machine.transfer_ticks(self.machine.engines[queue], size) if size else 0
        busy = _BUSY * max(load.values()) >= max(self.times.end, default=0)
        used = [e for e, tasks in zip(self.machine.engines, self.program.lists, strict=True) if len(tasks)]
        many = all(e.descriptor_slots >= _MANY for e in used if e.kind != "dma")
        return "ring" if self.mode == "full" and busy and many else "halves"

    def _latency(self) -> int:
        """Ticks until firmware has heard of fetches and pushed a group for every engine, in one interrupt."""
        if self.mode == "full":
            return 0
        firmware = self.machine.firmware
        fetched = [
            len(x) > 0 and e.kind != "dma" for e, x in zip(self.machine.engines, self.program.lists, strict=True)
        ]
        return firmware.interrupt + firmware.program + sum(fetched) * firmware.push

    def _ticks(self, engine: int, queue: EngineModel) -> tuple[int, int]:
        """Ticks of `queue` per fetch and enqueue, and per descriptor, if all engines it manages fetch as this one."""
        on = self.machine.engine_index[queue.name]
        share = sum(m == on and len(x) > 0 for m, x in zip(self.managers, self.program.lists, strict=True)) or 1
        size = 100 * self.machine.engines[engine].descriptor_bytes
        empty = self.machine.transfer_ticks(queue, 0)
        return 2 * share * empty, max(1, share * (self.machine.transfer_ticks(queue, size) - empty) // 100)

    def _users(
        self,
        tasks: list[int],
        plan: list[tuple[int, int, int]],
        group: tuple[int, int, int],
        holds: dict[int, int],
    ) -> list[int]:
        """Tasks that must have ended before a group may be fetched: of halves those of the group before the last."""
        low, high, slot = group
        if self.slots == "halves":
            former = holds.get(slot)
            return [] if former is None else tasks[slice(*plan[former][:2])]
        out = [plan[f][0] + s - plan[f][2] for s in range(slot, slot + high - low) if (f := holds.get(s, -1)) >= 0]
        return [tasks[i] for i in out]

    def _place(self, engine: int, queue: EngineModel, tasks: list[int], span: tuple[int, int], users: list[int]) -> int:
        """The task before which a fetch stands: where its queue idles, the slots are free and it is not yet late."""
        low, high = span
        first = tasks[low] if self.pushed[tasks[low]] < 0 else int(self.pushed[tasks[low]])
        listed, starts = self.starts[queue.name]
        cycles = self.machine.transfer_ticks(queue, (high - low) * self.machine.engines[engine].descriptor_bytes)
        ready = max((self.times.end[t] for t in users), default=0)
        due = self.times.start[first] - cycles - self._enqueue_ticks(queue)
        earliest = max(users, default=-1) + 1
        at = max(int(np.searchsorted(starts, ready)), int(np.searchsorted(listed, earliest)))
        last = int(np.searchsorted(listed, first))
        until = min(int(np.searchsorted(starts, due, side="right")) - 1, last)
        filled = self.filled.setdefault(queue.name, {})
        place = quiet_place(self.times, listed, at, until, filled=filled) if until > at else at
        # before a task that the first of them waits for in any case: then its descriptor is there when it is at head
        known = int(self.order.heads[first, self.order.lane[listed[0]]]) >> 1 if len(listed) else -1
        if self.mode == "full" and at <= known < place:
            early = quiet_place(self.times, listed, at, known, filled=filled)
            if self._idle(listed, early, filled) >= min(cycles, self._idle(listed, place, filled)):
                place = early
        filled[place] = filled.get(place, 0) + cycles
        # on an idle queue the place in the program is free: as early as the fetch can run, others can rely on it then
        begin = max(ready, self.times.end[listed[place - 1]] if place else 0)
        after = max(earliest, int(listed[place - 1]) + 1 if place else 0)
        program_place = max(after, int(np.searchsorted(self.begun, begin)))
        return min(first, program_place, int(listed[place]) if place < len(listed) else first)

    def _idle(self, listed: I32, place: int, filled: dict[int, int]) -> int:
        """Ticks, by estimate, that a queue has left before the task at `place` of its list."""
        before = self.times.end[listed[place - 1]] if place else 0
        return int(self.times.start[listed[place]] - before - filled.get(place, 0))

    def _enqueue_ticks(self, queue: EngineModel) -> int:
        """From the end of a fetch to the push of its group, with room for two others in front."""
        if self.mode == "full":
            return 3 * self.machine.transfer_ticks(queue, self.machine.management.enqueue_bytes)
        firmware = self.machine.firmware
        return 3 * (firmware.interrupt + firmware.program + firmware.push)

    def _in_program_order(self) -> list[Insertion]:
        """Management of several engines meets at one place: the group whose first task starts earliest goes first."""

        def due(item: Insertion) -> tuple[int, int]:
            first = int(self.program.lists[item.target][item.low])
            return item.before, self.times.start[first]

        return sorted(self.out, key=due)
