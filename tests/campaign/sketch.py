"""Sketches of managed programs: things that know one another, and no numbers.

So an op can still be put anywhere, or an order be added; ranges, counts and interrupts are counted when the program is
built.
"""

from dataclasses import dataclass, field

import numpy as np

from wlm_dialect.kernels.csr import Csr, int32, int64
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_LIFTED, IRQ_OFF, IRQ_OVER, Barriers, Buffers, Draft, WorkItems

BUFFER = 64  # bytes


@dataclass(eq=False)
class Instance:
    """One use of a physical barrier; instances of one pid follow in order of `Sketch.instances`."""

    pid: int
    interrupts: bool = False  # although no item needs it


@dataclass(eq=False)
class Op:
    """A task. `group`: whose descriptors a fetch moves; `first`: where the range of an enqueue begins."""

    kind: Kind
    engine: int
    slots: int = 1
    waits: list[Instance] = field(default_factory=list)
    updates: list[Instance] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    group: list["Op"] = field(default_factory=list)
    slot: int = 0
    first: "Op | None" = None
    programs: list[Instance] = field(default_factory=list)


@dataclass(eq=False)
class Item:
    """What firmware pushes: from `first` to where the next push of that engine begins."""

    first: Op
    at: list[Instance] = field(default_factory=list)
    done: list[Op] = field(default_factory=list)


@dataclass(eq=False)
class Sketch:
    """A program before anything is counted. `ops` are in program order, the tail is the last of `instances`."""

    machine: MachineModel
    mode: str
    ops: list[Op] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    boot: list[Instance] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    buffers: int = 0

    def on(self, engine: int) -> list[Op]:
        """The list of an engine."""
        return [op for op in self.ops if op.engine == engine]

    def of(self, pid: int) -> list[Instance]:
        """The instances of a physical barrier."""
        return [v for v in self.instances if v.pid == pid]

    def pushers(self) -> dict[Op, Op | Item]:
        """First task of a range -> who pushes it."""
        return {
            **{op.first: op for op in self.ops if op.first is not None},
            **{item.first: item for item in self.items},
        }

    def pusher(self, op: Op) -> Op | Item | None:
        """Who pushes a task."""
        pushers, found = self.pushers(), None
        for task in self.on(op.engine):
            found = pushers.get(task, found)
            if task is op:
                break
        return found

    def build(self) -> Program:
        """The program, with counts that fit its users."""
        place = {op: n for tasks in self._lists() for n, op in enumerate(tasks)}
        number = {op: n for n, op in enumerate(self.ops)}
        rank = {v: n for n, v in enumerate(self.instances)}
        spans = self._spans(place)
        draft = Draft("foreign", self.machine, "managed", self.mode)
        for n, op in enumerate(self.ops):
            low = high = 0
            if op.group:
                low, high = place[op.group[0]], place[op.group[0]] + len(op.group)
            elif op.first is not None:
                low, high = spans[op.first]
            draft.add(
                op.engine,
                f"x{n}" if op.kind == Kind.RUN else "",
                10,
                kind=op.kind,
                slots=op.slots,
                waits=[rank[v] for v in op.waits],
                updates=[rank[v] for v in op.updates],
                reads=op.reads,
                writes=op.writes,
                target=(op.group[0] if op.group else op.first or op).engine if op.group or op.first else -1,
                low=low,
                high=high,
                slot=op.slot,
                programs=[rank[v] for v in op.programs],
            )
        ranges = [(item.first.engine, *spans[item.first]) for item in self.items]
        items = WorkItems(
            *(int32([row[n] for row in ranges]) for n in range(3)),
            Csr.of([[rank[v] for v in item.at] for item in self.items]),
            Csr.of([[number[op] for op in item.done] for item in self.items]),
        )
        boot = [rank[v] for v in self.boot]
        return draft.finish(buffers=self._buffers(), barriers=self._barriers(rank), bootstrap=boot, items=items)

    def _lists(self) -> list[list[Op]]:
        return [self.on(e) for e in range(len(self.machine.engines))]

    def _spans(self, place: dict[Op, int]) -> dict[Op, tuple[int, int]]:
        """First task of a range -> the range: pushes share the list of an engine among them."""
        out: dict[Op, tuple[int, int]] = {}
        firsts = sorted(self.pushers(), key=lambda op: (op.engine, place[op]))
        for n, op in enumerate(firsts):
            more = n + 1 < len(firsts) and firsts[n + 1].engine == op.engine
            fresh = n == 0 or firsts[n - 1].engine != op.engine
            out[op] = (0 if fresh else place[op], place[firsts[n + 1]] if more else len(self.on(op.engine)))
        return out

    def _barriers(self, rank: dict[Instance, int]) -> Barriers:
        counts = np.zeros((2, len(rank)), np.int32)
        for op in self.ops:
            for row, uses in enumerate((op.updates, op.waits)):
                for v in uses:
                    counts[row, rank[v]] += op.slots
        irq = [IRQ_OVER if self.mode != "full" and self._interrupts(v) else IRQ_OFF for v in self.instances]
        irq[-1] = IRQ_LIFTED
        return Barriers(int32([v.pid for v in self.instances]), counts[0], counts[1], int32(irq), len(irq) - 1)

    def _interrupts(self, v: Instance) -> bool:
        """Firmware has to hear of an instance: an item waits for it, or it has to program others then."""
        row, firmware = self.of(v.pid), self.machine.firmware
        last = row.index(v) + firmware.preload + 1
        programs = row[last + 1 - firmware.top_up : last + 1] if (row.index(v) + 1) % firmware.top_up == 0 else []
        late = any(w not in self.boot for w in programs)
        return v.interrupts or late or any(v in item.at for item in self.items)

    def _buffers(self) -> Buffers:
        n = self.buffers
        names, zeros = tuple(f"m{i}" for i in range(n)), int32([0] * n)
        at = int64([BUFFER * i for i in range(n)])
        return Buffers(names, zeros, int32(range(n)), int64([0] * n), int64([BUFFER] * n), at, ("scratch",) * n)
