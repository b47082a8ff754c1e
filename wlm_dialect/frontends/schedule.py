"""Simulating the machine in order to give every transfer a channel, every CMX buffer an address, every task a start."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from wlm_dialect.frontends.emit import Stream, TaskSpec
from wlm_dialect.frontends.memory import Unit
from wlm_dialect.kernels.allocator import Arena
from wlm_dialect.kernels.durations import dma_ticks
from wlm_dialect.kernels.list_scheduling import successors_of
from wlm_dialect.machine import MachineModel


class DoesNotFit(Exception):
    """Buffer `buffer` of step `step` finds no room in CMX at step `at` although nothing runs any more."""

    def __init__(self, at: int, step: int, buffer: int) -> None:
        super().__init__(at, step, buffer)
        self.at = at
        self.step = step
        self.buffer = buffer


@dataclass
class Schedule:
    """Per task its engine, cycles, start and end in ticks; per buffer its address (-1: not in CMX)."""

    engine: list[int]
    cycles: list[int]
    start: list[int]
    end: list[int]
    address: list[int]
    order: list[int]  # tasks by start


class Scheduler:
    """One simulation. Memory is given to the units strictly in order; a task runs once its unit has got it."""

    def __init__(
        self, stream: Stream, machine: MachineModel, after: Sequence[Sequence[int]], units: Sequence[Unit]
    ) -> None:
        self.stream = stream
        self.machine = machine
        self.units = units
        self.next_unit = 0
        self.successors = successors_of(after)
        self.missing = [len(a) + 1 for a in after]  # one more for the memory
        self.free = [e.servers if e.order in ("pool", "outstanding") else 1 for e in machine.engines]
        self.load = [0] * len(machine.engines)
        self.ready: dict[tuple[int, ...], list[int]] = {t.engines: [] for t in stream.tasks}
        self.arenas = {t: Arena(machine.memory.cmx_bytes) for t in range(machine.tiles)}
        root, memory = stream.buffers.root, stream.buffers.memory
        self.touched = [
            [b for b in dict.fromkeys(root[v] for v in (*t.reads, *t.writes)) if memory[b] in self.arenas]
            for t in stream.tasks
        ]
        self.users: dict[int, int] = {}
        for touched in self.touched:
            for b in touched:
                self.users[b] = self.users.get(b, 0) + 1
        self.lasting = self._lasting()
        n = len(stream.tasks)
        self.out = Schedule([0] * n, [0] * n, [0] * n, [0] * n, [-1] * len(root), [])

    def _lasting(self) -> frozenset[int]:
        """Buffers that more than one step uses. They lie at the top, so that they do not part what comes and goes."""
        step: dict[int, int] = {}
        out = set(self.stream.resident)
        for task, touched in zip(self.stream.tasks, self.touched, strict=True):
            out.update(b for b in touched if step.setdefault(b, task.step) != task.step)
        return frozenset(out)

    def run(self) -> Schedule:
        """Simulate to the end; DoesNotFit if a unit can never get its memory."""
        running: list[tuple[int, int]] = []
        now = 0
        while True:
            self._give_memory()
            self._start(now, running)
            if not running:
                break
            now = running[0][0]
            while running and running[0][0] == now:
                self._finish(heappop(running)[1])
        if self.next_unit < len(self.units):
            unit = self.units[self.next_unit]
            raise DoesNotFit(unit.at, unit.step, max(unit.buffers, key=lambda b: self.stream.buffers.size[b]))
        return self.out

    def _give_memory(self) -> None:
        while self.next_unit < len(self.units) and self._allocate(self.units[self.next_unit]):
            for task in self.units[self.next_unit].tasks:
                self._count_down(task)
            self.next_unit += 1

    def _allocate(self, unit: Unit) -> bool:
        """All buffers of the unit, or none."""
        buffers = self.stream.buffers
        for k, b in enumerate(unit.buffers):
            at = self.arenas[buffers.memory[b]].allocate(buffers.size[b], top=b in self.lasting)
            if at is None:
                for other in unit.buffers[:k]:
                    self.arenas[buffers.memory[other]].release(self.out.address[other], buffers.size[other])
                return False
            self.out.address[b] = at
        return True

    def _count_down(self, task: int) -> None:
        self.missing[task] -= 1
        if self.missing[task] == 0:
            heappush(self.ready[self.stream.tasks[task].engines], task)

    def _start(self, now: int, running: list[tuple[int, int]]) -> None:
        """Earlier tasks of the stream first; a DMA takes the free one of its channels that has moved the least."""
        for engines, waiting in self.ready.items():
            while waiting and (idle := [e for e in engines if self.free[e]]):
                engine = min(idle, key=lambda e: (self.load[e], e))
                task = heappop(waiting)
                cycles = self._cycles(self.stream.tasks[task], engine)
                self.free[engine] -= 1
                self.load[engine] += cycles
                self.out.engine[task], self.out.cycles[task] = engine, cycles
                self.out.start[task], self.out.end[task] = now, now + cycles
                self.out.order.append(task)
                heappush(running, (now + cycles, task))

    def _cycles(self, task: TaskSpec, engine: int) -> int:
        return task.cycles or dma_ticks(self.machine, self.machine.engines[engine], task.bytes)

    def _finish(self, task: int) -> None:
        self.free[self.out.engine[task]] += 1
        for s in self.successors[task]:
            self._count_down(s)
        buffers = self.stream.buffers
        for b in self.touched[task]:
            self.users[b] -= 1
            if self.users[b] == 0:
                self.arenas[buffers.memory[b]].release(self.out.address[b], buffers.size[b])
