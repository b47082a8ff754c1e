"""`Program`: one task graph as flat arrays, in any phase. Index = position in program order.

Program order (the order of the ops) is a valid order of execution: every dependence, wait and push points forward.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np

from wlm_dialect.kernels.csr import I32, I64, Csr
from wlm_dialect.machine import MachineModel


class Kind(IntEnum):
    """What a task is; all but RUN are management DMAs."""

    RUN = 0
    FETCH = 1
    ENQUEUE = 2
    PROGRAM = 3
    SYNC = 4


IRQ_OFF, IRQ_OVER, IRQ_LIFTED = 0, 1, 2
DDR = -1


@dataclass(frozen=True, eq=False)
class Buffers:
    """Memory objects and byte ranges of them (views). All arrays have shape (buffers,)."""

    names: tuple[str, ...]
    memory: I32  # DDR = -1, else the tile whose CMX it is
    root: I32  # itself, or the buffer that it is a view of
    offset: I64  # bytes from the start of the root
    size: I64  # bytes
    address: I64  # of the root; -1 = not allocated
    role: tuple[str, ...]  # input, output, constant, scratch
    extra: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)  # memory object -> discardable attributes

    @staticmethod
    def none() -> "Buffers":
        """No buffers."""
        i32, i64 = np.zeros(0, np.int32), np.zeros(0, np.int64)
        return Buffers((), i32, i32, i64, i64, i64, ())

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Barriers:
    """Virtual barriers (pid -1) or instances of physical ones, in order of declaration. Shape (barriers,)."""

    pid: I32
    producers: I32  # slots as configured; 0 while virtual
    consumers: I32
    irq: I32  # IRQ_OFF, IRQ_OVER, IRQ_LIFTED
    tail: int = -1  # index of the tail barrier; -1 = none

    @staticmethod
    def virtual(count: int, tail: int = -1) -> "Barriers":
        """`count` barriers that are not assigned yet."""
        zero = np.zeros(count, np.int32)
        return Barriers(np.full(count, -1, np.int32), zero, zero, zero, tail)

    def __len__(self) -> int:
        return len(self.pid)

    @cached_property
    def previous(self) -> I32:
        """The instance before on the same physical barrier, or -1."""
        out = np.full(len(self), -1, np.int32)
        last: dict[int, int] = {}
        for v, p in enumerate(self.pid.tolist()):
            if p >= 0:
                out[v] = last.get(p, -1)
                last[p] = v
        return out

    @cached_property
    def next(self) -> I32:
        """The instance after on the same physical barrier, or -1."""
        out = np.full(len(self), -1, np.int32)
        previous = self.previous
        has = np.nonzero(previous >= 0)[0]
        out[previous[has]] = has
        return out

    @cached_property
    def instance(self) -> I32:
        """How many instances of the same physical barrier come before."""
        out = np.zeros(len(self), np.int32)
        for v, u in enumerate(self.previous.tolist()):
            if u >= 0:
                out[v] = out[u] + 1
        return out


@dataclass(frozen=True, eq=False)
class WorkItems:
    """What firmware pushes, in order. An item without `at` and `done` is pushed at bootstrap. Shape (items,)."""

    engine: I32
    low: I32  # positions in the engine's list
    high: I32
    at: Csr  # -> barriers
    done: Csr  # -> tasks (fetches built at run time)

    @staticmethod
    def none() -> "WorkItems":
        """No work items."""
        zero = np.zeros(0, np.int32)
        return WorkItems(zero, zero, zero, Csr.empty(0), Csr.empty(0))

    def __len__(self) -> int:
        return len(self.engine)


@dataclass(frozen=True, eq=False)
class Program:
    """A task graph with everything that later phases add to it. Per-task arrays have shape (tasks,)."""

    name: str
    machine: MachineModel
    phase: str  # graph, virtual, physical, managed
    mode: str  # "", firmware, partial, full
    kind: I32  # of `Kind`
    engine: I32  # position in machine.engines
    cycles: I64  # ticks
    slots: I32
    bytes: I64  # moved by a DMA; 0 otherwise
    names: tuple[str, ...]
    after: Csr  # -> earlier tasks whose end comes first
    reads: Csr  # -> buffers
    writes: Csr
    waits: Csr  # -> barriers
    updates: Csr
    target: I32  # fetch, enqueue: engine of the range; else -1
    low: I32  # fetch, enqueue: first position in the target's list
    high: I32
    slot: I32  # fetch: first descriptor slot
    programs: Csr  # program: -> barrier instances in push order
    buffers: Buffers = field(default_factory=Buffers.none)
    barriers: Barriers = field(default_factory=lambda: Barriers.virtual(0))
    bootstrap: I32 = field(default_factory=lambda: np.zeros(0, np.int32))  # barrier instances loaded before t = 0
    items: WorkItems = field(default_factory=WorkItems.none)
    extra: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)  # task -> discardable attributes
    attributes: Mapping[str, Any] = field(default_factory=dict)  # discardable attributes of the graph itself

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def lists(self) -> tuple[I32, ...]:
        """Per engine the tasks of its list, in order."""
        order = np.argsort(self.engine, kind="stable").astype(np.int32)
        bounds = np.searchsorted(self.engine[order], np.arange(len(self.machine.engines) + 1))
        return tuple(order[bounds[e] : bounds[e + 1]] for e in range(len(self.machine.engines)))

    @cached_property
    def position(self) -> I32:
        """Position of each task in the list of its engine."""
        out = np.zeros(len(self), np.int32)
        for tasks in self.lists:
            out[tasks] = np.arange(len(tasks), dtype=np.int32)
        return out

    @cached_property
    def predecessor(self) -> I32:
        """The task before on the same engine, or -1."""
        out = np.full(len(self), -1, np.int32)
        for tasks in self.lists:
            out[tasks[1:]] = tasks[:-1]
        return out

    @cached_property
    def producers(self) -> Csr:
        """Barrier -> tasks that update it."""
        return self.updates.transposed(len(self.barriers))

    @cached_property
    def consumers(self) -> Csr:
        """Barrier -> tasks that wait on it."""
        return self.waits.transposed(len(self.barriers))

    @cached_property
    def programmer(self) -> I32:
        """In the firmware modes per instance the one whose handler programs it; -1: bootstrap loads it, or ought to.

        With F = `firmware.preload` and k = `firmware.top_up` the handler of instance j of a barrier, where j + 1 is a
        multiple of k, programs the instances from j + F - k + 2 to j + F + 1 (docs/machine.md).
        """
        firmware, instance, pid = self.machine.firmware, self.barriers.instance, self.barriers.pid
        behind = instance.astype(np.int64) - firmware.preload - 1
        wanted = behind // firmware.top_up * firmware.top_up + firmware.top_up - 1
        by_place = np.lexsort((instance, pid)).astype(np.int32)
        place = np.empty(len(by_place), np.int64)
        place[by_place] = np.arange(len(by_place))
        loaded = np.zeros(len(pid), bool)
        loaded[self.bootstrap] = True
        out = np.full(len(pid), -1, np.int32)
        late = np.nonzero((behind >= 0) & ~loaded & (pid >= 0))[0]
        out[late] = by_place[place[late] - instance[late] + wanted[late]]
        return out

    @property
    def management(self) -> int:
        """Number of management DMAs."""
        return int(np.count_nonzero(self.kind != Kind.RUN))

    def engine_name(self, task: int) -> str:
        """Name of the engine that runs `task`."""
        return self.machine.engines[int(self.engine[task])].name

    def barrier_name(self, barrier: int) -> str:
        """`v12` for a virtual barrier, `b7#2` for instance 2 of physical barrier 7."""
        pid = int(self.barriers.pid[barrier])
        return f"v{barrier}" if pid < 0 else f"b{pid}#{int(self.barriers.instance[barrier])}"

    def with_(self, **changes: Any) -> "Program":
        """A copy with other fields."""
        return replace(self, **changes)


@dataclass
class Draft:
    """A program under construction: plain lists, appended in program order. `finish` makes the `Program`.

    Every index refers to the draft itself; positions in engine lists are counted as tasks are added.
    """

    name: str
    machine: MachineModel
    phase: str = "graph"
    mode: str = ""
    kind: list[int] = field(default_factory=list)
    engine: list[int] = field(default_factory=list)
    cycles: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    after: list[Sequence[int]] = field(default_factory=list)
    reads: list[Sequence[int]] = field(default_factory=list)
    writes: list[Sequence[int]] = field(default_factory=list)
    waits: list[Sequence[int]] = field(default_factory=list)
    updates: list[Sequence[int]] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    slot: list[int] = field(default_factory=list)
    programs: list[Sequence[int]] = field(default_factory=list)
    extra: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def add(
        self,
        engine: int,
        name: str,
        cycles: int,
        *,
        kind: int = Kind.RUN,
        slots: int = 1,
        bytes: int = 0,
        after: Sequence[int] = (),
        reads: Sequence[int] = (),
        writes: Sequence[int] = (),
        waits: Sequence[int] = (),
        updates: Sequence[int] = (),
        target: int = -1,
        low: int = 0,
        high: int = 0,
        slot: int = 0,
        programs: Sequence[int] = (),
    ) -> int:
        """Append a task; its index."""
        self.kind.append(int(kind))
        self.engine.append(engine)
        self.cycles.append(cycles)
        self.slots.append(slots)
        self.bytes.append(bytes)
        self.names.append(name)
        self.after.append(after)
        self.reads.append(reads)
        self.writes.append(writes)
        self.waits.append(waits)
        self.updates.append(updates)
        self.target.append(target)
        self.low.append(low)
        self.high.append(high)
        self.slot.append(slot)
        self.programs.append(programs)
        return len(self.kind) - 1

    def finish(
        self,
        *,
        buffers: Buffers | None = None,
        barriers: Barriers | None = None,
        bootstrap: Sequence[int] = (),
        items: WorkItems | None = None,
        attributes: Mapping[str, Any] = {},
    ) -> Program:
        """The program; relations become `Csr` tables."""

        def narrow(values: Sequence[int]) -> I32:
            return np.asarray(values, np.int32)

        return Program(
            self.name,
            self.machine,
            self.phase,
            self.mode,
            narrow(self.kind),
            narrow(self.engine),
            np.asarray(self.cycles, np.int64),
            narrow(self.slots),
            np.asarray(self.bytes, np.int64),
            tuple(self.names),
            Csr.of(self.after),
            Csr.of(self.reads),
            Csr.of(self.writes),
            Csr.of(self.waits),
            Csr.of(self.updates),
            narrow(self.target),
            narrow(self.low),
            narrow(self.high),
            narrow(self.slot),
            Csr.of(self.programs),
            Buffers.none() if buffers is None else buffers,
            Barriers.virtual(0) if barriers is None else barriers,
            narrow(list(bootstrap)),
            WorkItems.none() if items is None else items,
            self.extra,
            attributes,
        )
