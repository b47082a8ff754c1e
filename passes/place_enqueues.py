"""Pass `wlm-place-enqueues`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.analysis.estimate import Estimate, estimate, quiet_place
from wlm_dialect.passes.analysis.known_orders import past_codes
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.analysis.order import Order, enqueuers, fetchers, task_order
from wlm_dialect.passes.analysis.spacing import spaced
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, enqueue_insertion, enqueue_name, insert_tasks
from wlm_dialect.passes.place_programs import refillable
from wlm_dialect.program import Kind, Program


@dataclass(frozen=True)
class PlaceEnqueuesPass(ProgramPass):
    """Full mode: insert the DMAs that push DPU and SHAVE tasks.

    Unless its predecessor in the list protects it, a task may be pushed after its fetch (H4) and after the previous
    instances of the barriers it waits on are over (H1), and in any case when the work FIFO has room, so that no queue
    ever blocks. On the queue that manages its engine that is a first place, known from clocks; the enqueue waits for
    nothing. Tasks whose places overlap share one DMA. DMA lists are linked and enqueued whole, at bootstrap; engines
    that the last resort of wlm-assign-barriers pushes are left alone.

    Where a barrier's refill would find no place before the tasks that wait on it, they are pushed later.

    Precondition: phase physical, assigned for mode full. Postcondition: every DPU and SHAVE task is pushed once.
    """

    name = "wlm-place-enqueues"
    phases = ("physical",)

    def transform(self, program: Program) -> Program:
        placed = _placed(program, late=False)
        if refillable(placed):
            return placed
        later = _placed(program, late=True)
        return later if refillable(later) else placed


def _placed(program: Program, *, late: bool) -> Program:
    placement = _Placement(program, late)
    tasks = placement.insertions()
    changed = _with_grown(program, placement.grown)
    return insert_tasks(changed, tasks).program if tasks else changed


def _with_grown(program: Program, grown: dict[int, int]) -> Program:
    """The program with longer ranges: enqueue task -> new end of its range."""
    if not grown:
        return program
    high, size, cycles, names = program.high.copy(), program.bytes.copy(), program.cycles.copy(), list(program.names)
    for t, end in grown.items():
        queue = program.machine.engines[int(program.engine[t])]
        high[t] = end
        size[t] = (end - int(program.low[t])) * program.machine.management.enqueue_bytes
        cycles[t] = program.machine.transfer_ticks(queue, int(size[t]))
        names[t] = enqueue_name(program.machine, int(program.target[t]), (int(program.low[t]), end))
    return program.with_(high=high, bytes=size, cycles=cycles, names=tuple(names))


class _Placement:
    def __init__(self, program: Program, late: bool) -> None:
        self.program = program
        self.late = late
        self.machine = program.machine
        self.managers = managers(program)
        self.order: Order = task_order(program)
        self.spaced: Order = spaced(program, self.order)  # early enough for barriers to re-arm
        self.past = past_codes(program, self.order)
        self.times: Estimate = estimate(program)
        self.previous = program.barriers.previous.tolist()
        self.producers, self.consumers = program.producers.lists(), program.consumers.lists()
        self.waits = program.waits.lists()
        self.fetch: list[int] = fetchers(program).tolist()
        self.ends: dict[int, I32] = {}  # queue -> per lane what the end of each of its tasks knows
        self.grown: dict[int, int] = {}  # enqueues that are there already, and the new ends of their ranges
        self.starts = {q: np.asarray([self.times.start[t] for t in tasks]) for q, tasks in enumerate(program.lists)}

    def insertions(self) -> list[Insertion]:
        out: list[Insertion] = []
        pushed = enqueuers(self.program) >= 0  # all of them where wlm-assign-barriers had to resort to stretches
        for e, tasks in enumerate(self.program.lists):
            if not pushed[tasks].all():
                out += self._engine(e, tasks.tolist())
        return sorted(out, key=lambda item: item.before)

    def _engine(self, engine: int, tasks: list[int]) -> list[Insertion]:
        queue = self.managers[engine]
        compute = self.machine.engines[engine].descriptor_slots > 0
        if queue < 0:
            return []
        first = [self._first_place(queue, tasks, i, compute) for i in range(len(tasks))]
        if not compute:
            self._linked(tasks, first)
            return []
        out: list[Insertion] = []
        start = floor = 0
        fixed = self._fixed(engine)
        for n, (low, high, push) in enumerate(fixed):
            out += self._stretch(queue, tasks, first, (start, low), floor)
            floor = int(self.program.position[push])
            until = fixed[n + 1][0] if n + 1 < len(fixed) else len(tasks)
            start = high
            while start < until and first[start] <= floor and self._fits(tasks, low, start):
                start += 1
            if start > high:
                self.grown[push] = start
            floor += 1
        return out + self._stretch(queue, tasks, first, (start, len(tasks)), floor)

    def _linked(self, tasks: list[int], first: list[int]) -> None:
        """A DMA list is linked and enqueued whole: of its tasks none may have to be held back."""
        for t, place in zip(tasks, first, strict=True):
            if place > 0:
                on = self.program.engine_name(t)
                raise ScheduleError(
                    f"task '{self.program.names[t]}' may be at head on @{on} before the barrier it waits on is armed, "
                    "and the list of a DMA queue is enqueued whole; assign barriers with "
                    "wlm-assign-barriers{mode=full} [H1]"
                )

    def _fixed(self, engine: int) -> list[tuple[int, int, int]]:
        """Range and task of each enqueue that is there already, because wlm-stall-enqueues holds tasks back with it."""
        program = self.program
        pushes = np.nonzero((program.kind == Kind.ENQUEUE) & (program.target == engine))[0].tolist()
        return sorted((int(program.low[t]), int(program.high[t]), t) for t in pushes)

    def _stretch(
        self, queue: int, tasks: list[int], first: list[int], span: tuple[int, int], floor: int
    ) -> list[Insertion]:
        """Enqueues for the tasks [low, high) of a list, on `queue` from place `floor` on."""
        start, high = span
        engine = int(self.program.engine[tasks[0]])
        out: list[Insertion] = []
        while start < high:
            place = max(floor, first[start], self._timely(queue, tasks[start]))
            end = start + 1
            while end < high and first[end] <= place and self._fits(tasks, start, end):
                end += 1
            floor = lowest = max(floor, *first[start:end])
            quiet = quiet_place(self.times, self.program.lists[queue], lowest, place)
            out.append(self._insertion(queue, engine, quiet, tasks[start], (start, end)))
            start = end
        return out

    def _fits(self, tasks: list[int], start: int, end: int) -> bool:
        """Whether one enqueue may reach from `start` to `end`.

        A chain of linked descriptors does not leave its group, and what does not fit is dropped on some machines.
        """
        one_group = self.machine.management.linked_enqueue or self.machine.full_fifo == "drop"
        return not one_group or self.fetch[tasks[start]] == self.fetch[tasks[end]]

    def _first_place(self, queue: int, tasks: list[int], index: int, compute: bool) -> int:
        """First place on `queue` from which the task at `index` of its list may be pushed."""
        task, place = tasks[index], 0
        if compute:
            fetch = self._fetch_of(task, queue)
            lane, at = int(self.order.lane[fetch]), int(self.order.at[fetch])
            place = self._known(queue, lane, at)  # behind its fetch there is room: slots are no more than places
            if self.order.heads[task, lane] >= at:
                place = min(place, self._room(queue, tasks, index))
        for v in self.waits[task]:
            former = self.previous[v]
            lonely = int(not self.consumers[former])
            for t in [] if former < 0 else self.consumers[former] or self.producers[former]:
                lane, code = int(self.order.lane[t]), int(self.past[t, lonely])
                if self.spaced.heads[task, lane] < code:
                    place = max(place, self._armed(queue, lane, code))
            if self.late and compute:  # DMA lists stay whole
                place = max(place, self._refill_place(queue, v))
        return place

    def _room(self, queue: int, tasks: list[int], index: int) -> int:
        """First place on `queue` where it is known that the FIFO has room for the task at `index` of its list (H6)."""
        former = index - self.machine.engines[int(self.program.engine[tasks[index]])].fifo_depth
        if former < 0:
            return 0
        return self._known(queue, int(self.order.lane[tasks[former]]), int(self.past[tasks[former], 0]))

    def _fetch_of(self, task: int, queue: int) -> int:
        """The fetch of a task, which an enqueue on `queue` relies on."""
        name = self.program.names[task]
        fetch = self.fetch[task]
        if fetch < 0:
            raise ScheduleError(f"task '{name}' is never fetched; run wlm-insert-fetches{{mode=full}} first [H4]")
        if int(self.program.engine[fetch]) != queue:
            on, wanted = self.program.engine_name(fetch), self.machine.engines[queue].name
            raise ScheduleError(
                f"task '{name}' is fetched on @{on}, but @{wanted} enqueues it and must fetch it too [H4]"
            )
        return fetch

    def _refill_place(self, queue: int, barrier: int) -> int:
        """First place for the refill of an instance that bootstrap does not load, so that it fits before the push."""
        former = barrier
        for _ in range(self.machine.barriers.fifo_depth + 1):
            former = self.previous[former]
            if former < 0:
                return 0
        users, lonely = self.consumers[former] or self.producers[former], int(not self.consumers[former])
        known = max(self._known(queue, int(self.order.lane[t]), int(self.past[t, lonely])) for t in users)
        return known + self.machine.barriers.rearm_delta

    def _known(self, queue: int, lane: int, at: int) -> int:
        if queue not in self.ends:
            self.ends[queue] = np.ascontiguousarray(self.order.ends[self.program.lists[queue]].T)
        return int(np.searchsorted(self.ends[queue][lane], at)) + 1

    def _armed(self, queue: int, lane: int, at: int) -> int:
        """As `_known`, with the ticks in between that a barrier takes to re-arm."""
        if self.spaced is self.order:
            return self._known(queue, lane, at)
        return int(np.searchsorted(self.spaced.ends[self.program.lists[queue], lane], at)) + 1

    def _timely(self, queue: int, task: int) -> int:
        """Last place from which the push lands before the task could start, by estimate."""
        cycles = self.machine.transfer_ticks(self.machine.engines[queue], self.machine.management.enqueue_bytes)
        due = self.times.start[task] - cycles
        by_time = int(np.searchsorted(self.starts[queue], due, side="right")) - 1
        return max(0, min(by_time, self._last_place(queue, task)))

    def _last_place(self, queue: int, task: int) -> int:
        return int(np.searchsorted(self.program.lists[queue], task))

    def _insertion(self, queue: int, engine: int, place: int, first: int, span: tuple[int, int]) -> Insertion:
        listed = self.program.lists[queue]
        before = min(first, int(listed[place])) if place < len(listed) else first
        return enqueue_insertion(self.machine, before, queue, engine, span)
