"""The same machine as SimPy processes: what a general simulation library makes of it, and a second opinion.

Full mode on serial engines with blocking FIFOs: one process per engine, a `Store` per work FIFO, an event per state of
a barrier instance. No hazards are looked for. Firmware and partial mode: firmware is a process that takes interrupts
from a `Store`.
"""

import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import generate
from command_line import Arguments, at_least, need, tool

try:
    import simpy
except ModuleNotFoundError:
    need("simpy", "dev")

from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_OVER
from wlm_dialect.runtime.run import run

Process = Generator[simpy.Event, Any, None]


class Machine:
    """One run of a managed program; `makespan` when it is through."""

    def __init__(self, program: Program) -> None:
        assert program.phase == "managed"
        assert all(e.order == "serial" for e in program.machine.engines)
        self.program = program
        self.env = env = simpy.Environment()
        barriers = program.barriers
        self.waits, self.updates = program.waits.lists(), program.updates.lists()
        self.slots, self.cycles = program.slots.tolist(), program.cycles.tolist()
        self.producers, self.consumers = barriers.producers.tolist(), barriers.consumers.tolist()
        self.lifted = [env.event() for _ in range(len(barriers))]
        self.interrupts: simpy.Store = simpy.Store(env)
        self.start = [0] * len(program)
        full = program.mode == "full"
        self.raises = [not full and irq == IRQ_OVER for irq in barriers.irq.tolist()]
        self.lists = [tasks.tolist() for tasks in program.lists]
        depth = [e.fifo_depth for e in program.machine.engines]
        dma = [full and e.kind == "dma" for e in program.machine.engines]
        booted = self._bootstrap()
        self.fifo = [
            simpy.Store(env, float("inf") if b and d else n) for b, d, n in zip(booted, dma, depth, strict=True)
        ]
        for e, tasks in enumerate(booted):
            env.process(self._engine(e))
            for t in tasks:
                self.fifo[e].put(t)
        if not full:
            self.need = [0] * len(program.items)
            self.next = [0] * len(depth)
            env.process(self._firmware())

    def _bootstrap(self) -> list[list[int]]:
        items = self.program.items
        booted: list[list[int]] = [[] for _ in self.lists]
        for n in range(len(items)):
            if len(items.at[n]) + len(items.done[n]) == 0:
                e = int(items.engine[n])
                booted[e] += self.lists[e][int(items.low[n]) : int(items.high[n])]
        return booted

    def run(self) -> int:
        self.env.run()
        return int(self.env.now)

    def _engine(self, e: int) -> Process:
        env, p = self.env, self.program
        kind = p.kind
        for _ in self.lists[e]:
            t = yield self.fifo[e].get()
            for v in self.waits[t]:
                if not self.lifted[v].triggered:
                    yield self.lifted[v]
            self.start[t] = int(env.now)
            for v in self.waits[t]:
                self.consumers[v] -= self.slots[t]
                self._over(v)
            yield env.timeout(self.cycles[t])
            if kind[t] == Kind.ENQUEUE:
                target = int(p.target[t])
                for x in self.lists[target][int(p.low[t]) : int(p.high[t])]:
                    yield self.fifo[target].put(x)
            for v in self.updates[t]:
                self.producers[v] -= self.slots[t]
                if self.producers[v] == 0:
                    self.lifted[v].succeed()
                    self._over(v)

    def _over(self, v: int) -> None:
        if self.producers[v] == 0 and self.consumers[v] == 0 and self.raises[v]:
            self.interrupts.put(v)

    def _firmware(self) -> Process:
        env, p = self.env, self.program
        cost, items = p.machine.firmware, p.items
        after = p.barriers.next.tolist()
        booted = set(p.bootstrap.tolist())
        named: dict[int, list[int]] = {}
        for n in range(len(items)):
            self.need[n] = len(items.at[n])
            for v in items.at[n].tolist():
                named.setdefault(v, []).append(n)
        left = [n for n in range(len(items)) if self.need[n]]
        while True:
            v = yield self.interrupts.get()
            yield env.timeout(cost.interrupt)
            if after[v] >= 0 and after[v] not in booted:
                yield env.timeout(cost.program)
            for n in named.get(v, ()):
                self.need[n] -= 1
            blocked: set[int] = set()
            for n in list(left):
                e = int(items.engine[n])
                if self.need[n] or e in blocked:
                    blocked.add(e)
                    continue
                left.remove(n)
                yield env.timeout(cost.push)
                for t in self.lists[e][int(items.low[n]) : int(items.high[n])]:
                    self.fifo[e].put(t)


@tool
def main(argv: Sequence[str] | None = None) -> int:
    parser = Arguments(__file__, __doc__)
    parser.add_argument("--tasks", metavar="N", type=at_least(1), default=100_000)
    program = generate.generate(parser.parse_args(argv).tasks)
    begin = time.process_time()
    machine = Machine(program)
    makespan = machine.run()
    seconds = time.process_time() - begin
    begin = time.process_time()
    ours = run(program, engine="events", compiled=False)
    own = time.process_time() - begin
    agree = makespan == ours.makespan and machine.start == ours.start.tolist()
    print(f"{len(program)} tasks: simpy {seconds:.2f} s, event loop {own:.2f} s, {seconds / own:.1f} times as fast")
    print("same times" if agree else f"different: simpy {makespan}, event loop {ours.makespan}")
    return 0 if agree else 2


if __name__ == "__main__":
    sys.exit(main())
