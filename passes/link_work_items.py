"""Pass `wlm-link-work-items`."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr, int32
from wlm_dialect.passes.analysis.estimate import estimate, over_times
from wlm_dialect.passes.analysis.known_orders import past_codes
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.analysis.service import Served, ServiceOrder
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.insert_pulses import Credits, coalesced
from wlm_dialect.program import Kind, Program, WorkItems
from wlm_dialect.program.model import IRQ_LIFTED, IRQ_OVER


@dataclass(frozen=True)
class LinkWorkItemsPass(ProgramPass):
    """Firmware and partial mode: hang each enqueue on the barrier interrupts after which it is safe.

    A task may be pushed once every instance it waits on or updates is programmed and the one before is over (H1, H2:
    their handlers have run; with top-ups the engine's own order may hold the task back instead), its descriptor is
    there (H4: the pulse of a fetch, or its DMA interrupt in firmware mode) and the FIFO has room (H6). What engine
    order or another interrupt implies is left out; equal neighbours form one item.

    Precondition: phase physical, with wlm-insert-fetches and wlm-insert-pulses of the same mode.
    Postcondition: phase managed; interrupts are on exactly where firmware has something to do.
    """

    name = "wlm-link-work-items"
    phases = ("physical",)
    mode: Literal["firmware", "partial"] = "partial"

    def transform(self, program: Program) -> Program:
        barriers = program.barriers
        first = np.nonzero(barriers.instance <= program.machine.firmware.preload)[0].astype(np.int32)
        program = program.with_(bootstrap=first[np.argsort(barriers.pid[first], kind="stable")])
        items = _Linker(program, self.mode).items()
        irq = np.zeros(len(barriers), np.int32)
        irq[program.programmer[program.programmer >= 0]] = IRQ_OVER
        irq[items.at.index] = IRQ_OVER
        if barriers.tail >= 0:
            irq[barriers.tail] = IRQ_LIFTED
        return program.with_(phase="managed", mode=self.mode, barriers=replace(barriers, irq=irq), items=items)


class _Linker:
    def __init__(self, program: Program, mode: str) -> None:
        self.program = program
        self.mode = mode
        self.preload = program.machine.firmware.preload
        self.order: Order = task_order(program)
        self.past = past_codes(program, self.order)
        self.last = last_use(program)
        self.previous, self.programmer = program.barriers.previous.tolist(), program.programmer.tolist()
        self.waits, self.updates = program.waits.lists(), program.updates.lists()
        self.producers, self.consumers = program.producers.lists(), program.consumers.lists()
        self.times = estimate(program)
        self.service = ServiceOrder(program, self.order)
        self.over_time = over_times(program, self.times)
        self.trusts_order = program.machine.firmware.service_order == "arrival"
        self.fetch = self._fetches()

    def items(self) -> WorkItems:
        rows: list[tuple[int, int, int, int, list[int], list[int]]] = []
        for e in range(len(self.program.machine.engines)):
            rows += self._engine(e)
        rows.sort(key=lambda row: row[0])
        return WorkItems(
            int32(r[1] for r in rows),
            int32(r[2] for r in rows),
            int32(r[3] for r in rows),
            Csr.of([r[4] for r in rows]),
            Csr.of([r[5] for r in rows]),
        )

    def _engine(self, engine: int) -> list[tuple[int, int, int, int, list[int], list[int]]]:
        """(first task, engine, low, high, at, done) per item."""
        tasks = self.program.lists[engine].tolist()
        for t in tasks if self.program.machine.engines[engine].descriptor_slots else []:
            if t not in self.group:
                name = self.program.names[t]
                raise ScheduleError(
                    f"task '{name}' is never fetched; run wlm-insert-fetches{{mode={self.mode}}} first [H4]"
                )
        passed = Served(self.service, self.over_time)
        credits = Credits(self.program, tasks, self.last, self.over_time)
        done: set[int] = set()
        out: list[tuple[int, int, int, int, list[int], list[int]]] = []
        for i, t in enumerate(tasks):
            at = self._needed(self._causes(tasks, i, credits), passed)
            fetched = [f for f in self.fetch.get(t, ()) if f not in done]
            joins = bool(out) and self._fits(out[-1][2], i, tasks) and self._joins(out[-1], at, fetched)
            passed.add(at)
            done.update(fetched)
            if joins:
                first, _, low, _, before, after = out[-1]
                out[-1] = (first, engine, low, i + 1, sorted({*before, *at}), [*after, *fetched])
            elif out and not at and not fetched:
                # nothing more to wait for: the next step of the same handler
                out.append((t, engine, i, i + 1, out[-1][4], out[-1][5]))
            else:
                out.append((t, engine, i, i + 1, at, fetched))
        return out

    def _fits(self, low: int, index: int, tasks: list[int]) -> bool:
        """Whether an item may reach from `low` to `index`: as far as the FIFO holds it (H6)."""
        return index - low < self.program.machine.engines[int(self.program.engine[tasks[index]])].fifo_depth

    def _joins(self, item: tuple[int, int, int, int, list[int], list[int]], at: list[int], fetched: list[int]) -> bool:
        """Whether the next task may join an item: what it waits for is over before the item could be pushed anyway.

        In program order, so that nothing deadlocks, and by estimate, so that nothing is late.
        """
        first, _, _, _, before, after = item
        if not at and not fetched:
            return True
        pushed = max([*(self.over_time[v] for v in before), *(self.times.end[f] for f in after)], default=-1)
        in_order = all(self.last[v] < first for v in at) and all(f < first for f in fetched)
        due = max([*(self.over_time[v] for v in at), *(self.times.end[f] for f in fetched)])
        return in_order and due <= pushed

    def _causes(self, tasks: list[int], index: int, credits: Credits) -> set[int]:
        """Instances that must be over before the task at `index` may be pushed."""
        t = tasks[index]
        causes = {self.programmer[v] for v in (*self.waits[t], *self.updates[t])} - {-1}
        causes |= {u for v in self.waits[t] if (u := self.previous[v]) >= 0 and not self._over_before(u, t, head=True)}
        causes |= {
            u for v in self.updates[t] if (u := self.previous[v]) >= 0 and not self._over_before(u, t, head=False)
        }
        model = self.program.machine.engines[int(self.program.engine[t])]
        if model.descriptor_slots and self.mode == "partial":
            causes.add(self.pulse[t])
        if not model.descriptor_slots and index >= model.fifo_depth:
            credit = credits.soonest(index, causes)
            if credit < 0:
                raise ScheduleError(
                    f"nothing tells that the FIFO of @{model.name} has room for '{self.program.names[t]}'; "
                    "run wlm-insert-pulses first [H6]"
                )
            causes.add(credit)
        return causes

    def _over_before(self, barrier: int, task: int, *, head: bool) -> bool:
        """Whether an instance is over before a task is at head, or else before it ends, however early it is pushed."""
        if not self.preload:
            return False  # the handler of the instance before programs this one
        known = self.order.heads[task] if head else self.order.ends[task]
        users = self.consumers[barrier] or self.producers[barrier]
        return all(known[self.order.lane[t]] >= self.past[t, int(not self.consumers[barrier])] for t in users)

    def _needed(self, causes: set[int], passed: Served) -> list[int]:
        """`causes` without what earlier items of the engine or other causes imply."""
        rest = sorted(causes - passed.barriers, key=lambda v: (-self.over_time[v], v))
        kept: list[int] = []
        for v in rest:
            if not (self.trusts_order and (self.service.implied(v, kept) or passed.imply(v))):
                kept.append(v)
        return sorted(kept)

    def _fetches(self) -> dict[int, list[int]]:
        """Firmware mode: task -> the fetch whose DMA interrupt it waits for. Partial mode: fills `pulse` instead."""
        program = self.program
        out: dict[int, list[int]] = {}
        self.pulse: dict[int, int] = {}
        self.group: dict[int, int] = {}  # task -> its fetch
        told = self._told() if self.mode == "firmware" else {}
        for f in np.nonzero(program.kind == Kind.FETCH)[0].tolist():
            tasks = program.lists[int(program.target[f])][int(program.low[f]) : int(program.high[f])].tolist()
            for t in tasks:
                self.group[t] = f
                if self.mode == "firmware":
                    out[t] = [told[f]]
                else:
                    self.pulse[t] = self._pulse(f)
        return out

    def _told(self) -> dict[int, int]:
        """Fetch -> the one whose interrupt tells of it: of neighbours on an ordered queue that share one the last."""
        program, patience = self.program, self.program.machine.firmware.interrupt
        out: dict[int, int] = {}
        for tasks, model in zip(program.lists, program.machine.engines, strict=True):
            runs = np.split(tasks, np.nonzero(program.kind[tasks] != Kind.FETCH)[0])
            for run in runs:
                fetches = [(f, self._first(f)) for f in run.tolist() if program.kind[f] == Kind.FETCH]
                for group in coalesced(fetches, self.times.end, patience if model.ends_in_order else -1):
                    out |= dict.fromkeys(group, group[-1])
        return out

    def _first(self, fetch: int) -> int:
        """The first task of its group."""
        return int(self.program.lists[int(self.program.target[fetch])][int(self.program.low[fetch])])

    def _pulse(self, fetch: int) -> int:
        """The barrier that tells the end of a fetch, or of the last of its neighbours on the queue (it ends later)."""
        first = self._first(fetch)
        queue = self.program.lists[int(self.program.engine[fetch])]
        for t in map(int, queue[self.program.position[fetch] :]):
            told = [v for v in self.updates[t] if self.last[v] < first and v != self.program.barriers.tail]
            if told:
                return min(told, key=lambda v: (self.over_time[v], v))
            if t >= first:
                break
        raise ScheduleError(f"'{self.program.names[fetch]}' has no pulse; run wlm-insert-pulses first [H4]")
