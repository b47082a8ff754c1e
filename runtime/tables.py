"""`Program` and `Timing` -> the tables of the event loop, for every phase and mode."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import lcm
from typing import Any, TypeVar, cast

import numpy as np

from wlm_dialect.errors import ProgramError
from wlm_dialect.kernels.csr import I32, I64, Csr
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_OVER
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime.compiled import dtype
from wlm_dialect.runtime.conflicts import conflicts
from wlm_dialect.runtime.state import Flat, State
from wlm_dialect.runtime.timing import Timing

T = TypeVar("T")
_ENDLESS = 1 << 60
_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A program made ready to run any number of times. `program` has barriers: a graph was given one per task."""

    program: Program
    static: dict[str, Any]  # fields of `State` that never change
    engines: I64  # (ENGINE_COLUMNS, E) before bootstrap
    registers: list[int]
    seats: int  # tasks that can be past head at the same time
    events: int  # events that can be pending at the same time
    plans: list[Any] = field(default_factory=list)  # what `plan` made

    @cached_property
    def lists(self) -> dict[str, Any]:
        """`static` as lists, the form that pure Python reads fastest."""
        return {name: table.tolist() for name, table in self.static.items()}

    @cached_property
    def races(self) -> tuple[I32, I32]:
        """Pairs of tasks whose accesses conflict."""
        return conflicts(self.program)

    @cached_property
    def fits(self) -> bool:
        """No time or amount of service can leave 63 bits, so that the compiled loop may run."""
        ticks = sum(int(np.asarray(self.static[name]).sum()) for name in ("cycles", "delay", "lag", "delta"))
        p, firmware = self.program, self.program.machine.firmware
        ticks += (len(p) + len(p.barriers)) * (firmware.interrupt + firmware.program)
        ticks += int(self._items()[k.ITEM_COST].sum()) + len(p) * self.registers[k.SETUP]
        moved = int(np.asarray(self.static["bytes"]).sum())
        ticks += moved * self.registers[k.SCALE] // max(self.registers[k.RATE], 1)
        service = (moved * self.registers[k.SCALE] + self.registers[k.RATE]) * 2
        return max(ticks << (self.registers[k.SHIFT] + 1), service) < k.NEVER

    def plan(self, make: Callable[["Prepared"], T]) -> T:
        """`make` of this program, once."""
        if not self.plans:
            self.plans.append(make(self))
        made: T = self.plans[0]
        return made

    def state(self, compiled: bool) -> State:
        """Fresh tables, before bootstrap: arrays for the compiled loop, else lists."""
        tables = self._changing(compiled)
        if compiled:
            for name, table in self.static.items():
                tables[name] = np.ascontiguousarray(table, dtype(name))
            return State(**tables)
        lists: dict[str, Any] = {name: table.tolist() for name, table in tables.items() if name not in _WIDE}
        wide: dict[str, Any] = {name: [-1] * len(tables[name]) for name in _WIDE}
        lists["reg"] = list(self.registers)
        lists["heap"], lists["pending"] = [k.NEVER_IN_LISTS], [k.NEVER_IN_LISTS]
        lists["reg"][k.SENTINEL] = k.NEVER_IN_LISTS
        return cast(State, Flat(State(**self.lists, **lists, **wide)))

    def _changing(self, compiled: bool) -> dict[str, Any]:
        p, reg = self.program, self.registers
        tasks, instances, barriers = len(p), len(p.barriers), int(self.static["pid"].max(initial=-1)) + 1
        handlers = tasks + instances if reg[k.MANAGES] else 0
        heap = np.full(self.events + 2 if compiled else 1, k.NEVER, np.int64)
        pending = np.full(handlers + 2 if compiled else 1, k.NEVER, np.int64)
        if compiled:
            heap[0] = pending[0] = 1
        bar = np.full((k.BARRIER_COLUMNS, barriers), -1, np.int64)
        bar[[k.PROD, k.CONS, k.LIVE, k.REARMING]] = 0
        bar[k.BAR_BY] = -2
        slots = int(sum(e.descriptor_slots for e in p.machine.engines))
        shared = self.seats if reg[k.SHARED] else 0
        return {
            "items": self._items(),
            "eng": self.engines.copy(),
            "bar": bar,
            "reg": np.zeros(k.REGISTERS, np.int64) if not compiled else np.array(reg, np.int64),
            "heap": heap,
            "pending": pending,
            "handlers": np.zeros((k.HANDLER_COLUMNS, handlers), np.int64),
            "watch": _minus(tasks, compiled),
            "where": np.full(tasks, -2, np.int64),
            "claim": np.full(slots, -1, np.int64),
            "active": np.zeros(shared, np.int64),
            "finish": np.zeros(shared, np.int64),
            "settle_queue": np.zeros(2 * barriers + (instances if p.phase == "managed" else 0) + 8, np.int64),
            "wake_queue": np.zeros(barriers + 8, np.int64),
            "kick_queue": np.zeros(len(p.machine.engines) + 8, np.int64),
            "check_queue": np.zeros(2 * self.seats + 8, np.int64),
            "enqueued": _minus(tasks, compiled),
            "head": _minus(tasks, compiled),
            "start": _minus(tasks, compiled),
            "end": _minus(tasks, compiled),
            "armed": _minus(instances, compiled),
            "lifted": _minus(instances, compiled),
            "over": _minus(instances, compiled),
        }

    def _items(self) -> I64:
        p = self.program
        items, firmware = p.items, p.machine.firmware
        out = np.zeros((k.ITEM_COLUMNS, len(items)), np.int64)
        out[k.ITEM_ENGINE], out[k.ITEM_LOW], out[k.ITEM_HIGH] = items.engine, items.low, items.high
        out[k.ITEM_NEED] = np.diff(items.at.start) + np.diff(items.done.start)
        out[k.ITEM_COST] = firmware.push
        if p.mode == "firmware":
            fetches = [np.concatenate([[0], np.cumsum(p.kind[tasks] == Kind.FETCH)]) for tasks in p.lists]
            rows = zip(items.engine.tolist(), items.low.tolist(), items.high.tolist(), strict=True)
            counts = [int(fetches[e][high] - fetches[e][low]) for e, low, high in rows]
            out[k.ITEM_COST] += firmware.build_fetch * np.array(counts, np.int64)
        out[k.ITEM_NEXT] = -1
        last: dict[int, int] = {}
        for n, e in enumerate(items.engine.tolist()):
            if e in last:
                out[k.ITEM_NEXT, last[e]] = n
            last[e] = n
        return out


_WIDE = ("watch", "enqueued", "head", "start", "end", "armed", "lifted", "over")


def _minus(size: int, compiled: bool) -> I64:
    """-1 everywhere; lists are filled by `Prepared.state`, so only their size counts here."""
    return np.full(size, -1, np.int64) if compiled else np.empty(size, np.int64)


def prepare(program: Program, timing: Timing | None = None) -> Prepared:
    """Tables for `program`, which has left phase graph; ProgramError if a range or barrier does not exist."""
    machine, managed = program.machine, program.phase == "managed"
    check_ranges(program)
    virtual = program.phase == "virtual"
    instances, tasks = len(program.barriers), len(program)
    pid = np.arange(instances, dtype=np.int32) if virtual else program.barriers.pid
    shared = machine.memory.bandwidth == "shared" and timing is None
    moved = np.where(np.array([e.kind == "dma" for e in machine.engines])[program.engine], program.bytes, 0)
    engines = _engine_table(program)
    order, numbers = _interrupt_numbers(program, pid)
    triggers = _triggers(program, numbers) if managed else Csr.empty(tasks + instances)
    refill, refills = _refills(program)
    static: dict[str, Any] = {
        "kind": program.kind if managed else np.zeros(tasks, np.int32),
        "engine": program.engine,
        "cycles": _durations(program, timing),
        "slots": program.slots,
        "wait_start": program.waits.start,
        "wait": program.waits.index,
        "update_start": program.updates.start,
        "update": program.updates.index,
        "link": links(program),
        "manage": np.stack([program.target, program.low, program.high, program.slot]),
        "program_start": program.programs.start,
        "program": program.programs.index,
        "delay": _NONE if timing is None else _spread(tasks, timing.dispatch),
        "bytes": moved if shared else _NONE,
        "list_task": np.concatenate([*program.lists, np.zeros(0, np.int32)]),
        "pid": pid,
        "next": np.full(instances, -1, np.int32) if virtual else program.barriers.next,
        "counts": _counts(program),
        "raises": _raises(program),
        "delta": _rearm(program, timing),
        "refill": refill,
        "refills": refills,
        "rank": numbers,
        "ranked": order,
        "lag": _NONE if timing is None else _interrupt_lag(program, timing, numbers),
        "trigger_start": triggers.start,
        "trigger": triggers.index,
    }
    seats = sum(e.servers + 1 for e in machine.engines)
    barriers = int(pid.max(initial=-1)) + 1
    registers = _registers(program, timing, barriers, shared)
    events = seats + 8 + (barriers if registers[k.DELTA] else 0) + (2 * tasks if shared else 0)
    return Prepared(program, static, engines, registers, seats, events)


def check_ranges(program: Program) -> None:
    """ProgramError unless every fetch, enqueue and work item names tasks that exist."""

    def check(what: str, engine: int, low: int, high: int) -> None:
        size = len(program.lists[engine])
        if not 0 <= low < high <= size:
            name = program.machine.engines[engine].name
            raise ProgramError(f"@{program.name}: {what} of @{name} [{low} to {high}), which has {size} tasks")

    for t in np.nonzero(program.target >= 0)[0].tolist():
        check(f"'{program.names[t]}'", int(program.target[t]), int(program.low[t]), int(program.high[t]))
    items = program.items
    for n in range(len(items)):
        check(f"work item {n}", int(items.engine[n]), int(items.low[n]), int(items.high[n]))
    if program.phase in ("physical", "managed") and len(program.barriers) and program.barriers.pid.min() < 0:
        v = int(np.argmin(program.barriers.pid))
        raise ProgramError(
            f"@{program.name}: barrier v{v} is virtual in phase {program.phase}: assign physical barriers first"
        )


def _engine_table(program: Program) -> I64:
    engines = program.machine.engines
    table = np.full((k.ENGINE_COLUMNS, len(engines)), -1, np.int64)
    table[[k.BUSY, k.HELD, k.QUEUED, k.KICKED, k.LAG]] = 0
    at = slot = 0
    for n, e in enumerate(engines):
        table[[k.LIST, k.HEAD, k.TAIL], n] = at
        table[k.SLOT_BASE, n] = slot
        table[k.DEPTH, n] = e.fifo_depth
        table[k.NEEDS, n] = e.kind != "dma" and program.phase == "managed"
        table[k.BUSY_CAP, n] = {"serial": 1, "pool": e.servers}.get(e.order, _ENDLESS)
        table[k.HELD_CAP, n] = _ENDLESS if e.order == "pool" else 1
        if e.order in ("prefetching", "outstanding"):
            table[k.LAG, n] = e.servers
        at += len(program.lists[n])
        slot += e.descriptor_slots
    return table


def _durations(program: Program, timing: Timing | None) -> I64:
    if timing is None:
        return program.cycles
    out = program.cycles.copy()
    for table, add in ((timing.duration, False), (timing.push, True)):
        index = np.fromiter(table.keys(), np.int64, len(table))
        values = np.fromiter(table.values(), np.int64, len(table))
        out[index] = out[index] + values if add else values
    return out


def _spread(size: int, table: Any) -> I64:
    out = np.zeros(size, np.int64)
    out[np.fromiter(table.keys(), np.int64, len(table))] = np.fromiter(table.values(), np.int64, len(table))
    return out


def links(program: Program) -> I32:
    """Which tasks share the FIFO entry of the task before; without management nothing ever waits for an entry."""
    if program.phase != "managed":
        return np.full(len(program), 2, np.int32)
    out = np.zeros(len(program), np.int32)
    if program.machine.management.linked_enqueue:
        for t in np.nonzero(program.kind == Kind.ENQUEUE)[0].tolist():
            out[program.lists[int(program.target[t])][int(program.low[t]) + 1 : int(program.high[t])]] = 1
    if program.mode == "full":
        for n in bootstrap_items(program):
            e = int(program.items.engine[n])
            if program.machine.engines[e].kind == "dma":
                out[program.lists[e][int(program.items.low[n]) + 1 : int(program.items.high[n])]] = 2
    return out


def bootstrap_items(program: Program) -> list[int]:
    """The work items that are pushed before t = 0, in order."""
    items = program.items
    return np.nonzero((np.diff(items.at.start) == 0) & (np.diff(items.done.start) == 0))[0].tolist()


def _counts(program: Program) -> I32:
    """Producers and consumers per instance; virtual barriers get the sums of the slots of their users."""
    if program.phase != "virtual":
        return np.stack([program.barriers.producers, program.barriers.consumers])
    out = used_slots(program)
    out[0] = np.maximum(out[0], out[1] > 0)  # a barrier that nothing produces never lifts
    return out


def used_slots(program: Program) -> I32:
    """(2, barriers): slots of the tasks that update and wait on each barrier."""
    size = len(program.barriers)
    rows = [
        np.bincount(table.index, weights=program.slots[table.rows()], minlength=size)
        for table in (program.updates, program.waits)
    ]
    out: I32 = np.stack(rows).astype(np.int32)
    return out


def _raises(program: Program) -> I32:
    if program.phase == "managed" and program.mode != "full":
        out: I32 = (program.barriers.irq == IRQ_OVER).astype(np.int32)
        return out
    return np.zeros(len(program.barriers), np.int32)


def _rearm(program: Program, timing: Timing | None) -> I64:
    if program.phase != "managed" or program.machine.barriers.rearm_delta == 0:
        return _NONE
    out = np.full(len(program.barriers), program.machine.barriers.rearm_delta, np.int64)
    if timing is not None:
        for v, ticks in timing.rearm.items():
            out[v] = ticks
    if program.mode != "full" and not program.machine.firmware.preload:
        out[program.programmer >= 0] = 0  # armed when that step ends: nothing was waiting
    return out


def _refills(program: Program) -> tuple[I32, I32]:
    """Per instance the first one that its handler programs, or -1, and how many: they follow each other."""
    count = len(program.barriers)
    first, many = np.full(count, -1, np.int32), np.zeros(count, np.int32)
    if program.phase == "managed" and program.mode != "full":
        late = np.nonzero(program.programmer >= 0)[0].astype(np.int32)
        many = np.bincount(program.programmer[late], minlength=count).astype(np.int32)
        by_instance = late[np.argsort(-program.barriers.instance[late], kind="stable")]
        first[program.programmer[by_instance]] = by_instance  # the earliest is written last
    return first, many


def _interrupt_numbers(program: Program, pid: I32) -> tuple[I32, I32]:
    """Instances in (pid, instance) order, and for each instance its interrupt number: T + place in that order."""
    order = np.argsort(pid, kind="stable").astype(np.int32)
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32) + len(program)
    return order, number


def _triggers(program: Program, numbers: I32) -> Csr:
    """Interrupt number -> work items that name its barrier or fetch."""
    items = program.items
    item = np.concatenate([items.at.rows(), items.done.rows()])
    number = np.concatenate([numbers[items.at.index], items.done.index]).astype(np.int32)
    order = np.lexsort((number, item))
    start = np.zeros(len(items) + 1, np.int32)
    np.cumsum(np.bincount(item, minlength=len(items))[: len(items)], out=start[1:])
    return Csr(start, number[order]).transposed(len(program) + len(program.barriers))


def _interrupt_lag(program: Program, timing: Timing, numbers: I32) -> I64:
    out = np.zeros(len(program) + len(program.barriers), np.int64)
    for v, ticks in timing.interrupt.items():
        out[numbers[v]] = ticks
    for t, ticks in timing.fetch_interrupt.items():
        out[t] = ticks
    return out


def _registers(program: Program, timing: Timing | None, barriers: int, shared: bool) -> list[int]:
    machine, managed = program.machine, program.phase == "managed"
    reg = [0] * k.REGISTERS
    reg[k.SHIFT] = (3 * len(program) + 2 + max(barriers, len(program.barriers))).bit_length()
    reg[k.TASKS] = len(program)
    reg[k.STRICT] = int(managed)
    reg[k.DROP] = int(machine.full_fifo == "drop")
    reg[k.LINKED] = int(machine.management.linked_enqueue)
    reg[k.CAPACITY] = 1 + machine.barriers.fifo_depth if managed else _ENDLESS
    reg[k.DELTA] = machine.barriers.rearm_delta if managed else 0
    reg[k.CONSUME_END] = int(machine.barriers.consume_at == "end")
    reg[k.DELAYED] = int(timing is not None)
    reg[k.SHARED] = int(shared)
    reg[k.TAIL_BARRIER] = program.barriers.tail
    reg[k.TAIL_TICK] = -1
    reg[k.ENGINES] = len(machine.engines)
    reg[k.LAGGED] = int(timing is not None)
    reg[k.SENTINEL] = k.NEVER
    reg[k.BY_ARRIVAL] = int(machine.firmware.service_order == "arrival")
    reg[k.MANAGES] = int(managed and program.mode != "full")
    reg[k.T_INTERRUPT] = machine.firmware.interrupt
    reg[k.T_PROGRAM] = machine.firmware.program
    if shared:
        common = lcm(*range(1, 1 + sum(e.servers for e in machine.engines if e.kind == "dma")))
        reg[k.SETUP] = machine.memory.dma_setup
        reg[k.RATE] = machine.memory.ddr_mbps * common
        reg[k.SCALE] = machine.clock_mhz * common
    return reg
