"""Stream of steps -> scheduled tasks: channels, CMX addresses and an order, by simulating the machine.

CMX is given to steps strictly in order, so a later step never takes what an earlier one needs: prefetch goes as far
ahead as memory allows, and no further.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from wlm_dialect.frontends.emit import Stream, TaskSpec
from wlm_dialect.kernels.allocator import Arena
from wlm_dialect.kernels.durations import dma_ticks
from wlm_dialect.kernels.list_scheduling import successors_of
from wlm_dialect.machine import MachineModel


class DoesNotFit(Exception):
    """Step `step` needs buffer `buffer` in CMX and there is no room although nothing else runs."""

    def __init__(self, step: int, buffer: int) -> None:
        super().__init__(step, buffer)
        self.step = step
        self.buffer = buffer


@dataclass
class Scheduled:
    """Per task its engine, cycles, start and end in ticks; per CMX buffer its address (-1: not in CMX)."""

    engine: list[int]
    cycles: list[int]
    start: list[int]
    end: list[int]
    address: list[int]
    peak: dict[int, int]  # tile -> bytes
    order: list[int]  # tasks by start


class Scheduler:
    """One simulation."""

    def __init__(self, stream: Stream, machine: MachineModel, after: Sequence[Sequence[int]]) -> None:
        self.stream = stream
        self.machine = machine
        self.tasks = stream.tasks
        self.successors = successors_of(after)
        # A task also waits for its step to get memory.
        self.missing = [len(a) + 1 for a in after]
        self.free = [e.servers if e.order in ("pool", "outstanding") else 1 for e in machine.engines]
        self.load = [0] * len(machine.engines)
        self.ready: dict[tuple[int, ...], list[int]] = {t.engines: [] for t in self.tasks}
        self.arenas = {t: Arena(machine.memory.cmx_bytes) for t in range(machine.tiles)}
        self.users = self._count_users()
        self.members: list[list[int]] = [[] for _ in stream.fresh]
        for i, task in enumerate(self.tasks):
            self.members[task.step].append(i)
        self.next_step = 0
        n = len(self.tasks)
        self.out = Scheduled([0] * n, [0] * n, [0] * n, [0] * n, [-1] * len(stream.buffers.names), {}, [])

    def _roots(self, task: TaskSpec) -> list[int]:
        root = self.stream.buffers.root
        return list(dict.fromkeys(root[b] for b in (*task.reads, *task.writes)))

    def _count_users(self) -> dict[int, int]:
        users: dict[int, int] = {}
        for task in self.tasks:
            for b in self._roots(task):
                users[b] = users.get(b, 0) + 1
        return users

    def run(self) -> Scheduled:
        """Simulate to the end; DoesNotFit if a step can never get its memory."""
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
        if self.next_step < len(self.stream.fresh):
            self._give_memory(final=True)
        self.out.peak = {t: a.peak for t, a in self.arenas.items()}
        return self.out

    def _give_memory(self, *, final: bool = False) -> None:
        buffers = self.stream.buffers
        while self.next_step < len(self.stream.fresh):
            taken: list[int] = []
            for b in self.stream.fresh[self.next_step]:
                arena = self.arenas[buffers.memory[b]]
                at = arena.allocate(buffers.size[b], top=b in self.stream.resident)
                if at is None:
                    for t in taken:
                        self.arenas[buffers.memory[t]].release(self.out.address[t], buffers.size[t])
                    if final:
                        raise DoesNotFit(self.next_step, b)
                    return
                self.out.address[b] = at
                taken.append(b)
            for task in self.members[self.next_step]:
                self._count_down(task)
            self.next_step += 1

    def _count_down(self, task: int) -> None:
        self.missing[task] -= 1
        if self.missing[task] == 0:
            heappush(self.ready[self.tasks[task].engines], task)

    def _start(self, now: int, running: list[tuple[int, int]]) -> None:
        """Earlier tasks of the stream first; a DMA takes the free channel that has moved the least."""
        for engines, ready in self.ready.items():
            while ready:
                free = [e for e in engines if self.free[e]]
                if not free:
                    break
                engine = min(free, key=lambda e: (self.load[e], e))
                task = heappop(ready)
                spec = self.tasks[task]
                model = self.machine.engines[engine]
                cycles = spec.cycles or dma_ticks(self.machine, model, spec.bytes)
                self.free[engine] -= 1
                self.load[engine] += cycles
                self.out.engine[task], self.out.cycles[task] = engine, cycles
                self.out.start[task], self.out.end[task] = now, now + cycles
                self.out.order.append(task)
                heappush(running, (now + cycles, task))

    def _finish(self, task: int) -> None:
        self.free[self.out.engine[task]] += 1
        for s in self.successors[task]:
            self._count_down(s)
        buffers = self.stream.buffers
        for b in self._roots(self.tasks[task]):
            self.users[b] -= 1
            if self.users[b] == 0 and buffers.memory[b] in self.arenas:
                self.arenas[buffers.memory[b]].release(self.out.address[b], buffers.size[b])


Duration = Callable[[str, int], int]
"""(task name, estimated ticks) -> ticks."""
