"""Insert tasks into a program in bulk: one permutation instead of one rewrite per task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Kind, Program


@dataclass(frozen=True)
class Insertion:
    """A task to insert before task `before` (= number of tasks: at the end); insertions at one place keep their order.

    `after` names old tasks.
    """

    before: int
    engine: int
    name: str
    kind: Kind
    cycles: int
    bytes: int = 0
    after: tuple[int, ...] = ()
    waits: tuple[int, ...] = ()
    updates: tuple[int, ...] = ()
    target: int = -1
    low: int = 0
    high: int = 0
    slot: int = 0
    programs: tuple[int, ...] = ()


def enqueue_insertion(
    machine: MachineModel, before: int, queue: int, engine: int, span: tuple[int, int], waits: tuple[int, ...] = ()
) -> Insertion:
    """An ENQUEUE on `queue` that pushes the tasks [low, high) = `span` of the list of `engine`, a write per task."""
    low, high = span
    size = (high - low) * machine.management.enqueue_bytes
    cycles = machine.transfer_ticks(machine.engines[queue], size)
    name = enqueue_name(machine, engine, span)
    return Insertion(before, queue, name, Kind.ENQUEUE, cycles, size, waits=waits, target=engine, low=low, high=high)


def enqueue_name(machine: MachineModel, engine: int, span: tuple[int, int]) -> str:
    """What an ENQUEUE is called: by its range, as the decoder names it."""
    return f"enqueue {machine.engines[engine].name}[{span[0]}:{span[1]}]"


def fetch_insertion(
    machine: MachineModel,
    before: int,
    queue: int,
    engine: int,
    span: tuple[int, int],
    slot: int,
    after: Sequence[int] = (),
) -> Insertion:
    """A FETCH on `queue` of the descriptors of the tasks [low, high) = `span` of `engine`, to slots from `slot` on."""
    low, high = span
    model = machine.engines[engine]
    size = (high - low) * model.descriptor_bytes
    cycles = machine.transfer_ticks(machine.engines[queue], size)
    name = f"fetch {model.name}[{low}:{high}]"
    return Insertion(
        before, queue, name, Kind.FETCH, cycles, size, tuple(after), target=engine, low=low, high=high, slot=slot
    )


def sync_insertion(
    machine: MachineModel, before: int, queue: int, waits: tuple[int, ...] = (), updates: tuple[int, ...] = ()
) -> Insertion:
    """A SYNC on `queue`: a DMA that moves nothing, and lasts as long as that takes."""
    cycles = machine.transfer_ticks(machine.engines[queue], 0)
    return Insertion(before, queue, "sync", Kind.SYNC, cycles, waits=waits, updates=updates)


@dataclass(frozen=True, eq=False)
class Inserted:
    """The new program and where everything went."""

    program: Program
    old: I32  # old index -> new index
    new: I32  # index in the list of insertions -> new index


def insert_tasks(program: Program, tasks: Sequence[Insertion]) -> Inserted:
    """The program with `tasks` in it.

    Ranges of enqueues and work items stay contiguous: what is inserted between two of them joins the first.
    """
    n, m = len(program), len(tasks)
    before = np.asarray([t.before for t in tasks], np.int64)
    key = np.concatenate([np.arange(n, dtype=np.int64) * 2 + 1, before * 2])
    order = np.argsort(key, kind="stable")
    place = np.empty(n + m, np.int32)
    place[order] = np.arange(n + m, dtype=np.int32)

    def column(old: NDArray[Any], new: list[int]) -> NDArray[Any]:
        return np.concatenate([old, np.asarray(new, old.dtype)])[order]

    def table(old: Csr, new: Sequence[Sequence[int]]) -> Csr:
        return old.stacked(Csr.of(new)).gathered(order)

    after = table(program.after, [t.after for t in tasks])
    names = [*program.names, *(t.name for t in tasks)]
    done = Csr(program.items.done.start, place[program.items.done.index])
    items = type(program.items)(program.items.engine, program.items.low, program.items.high, program.items.at, done)
    changed = program.with_(
        kind=column(program.kind, [int(t.kind) for t in tasks]),
        engine=column(program.engine, [t.engine for t in tasks]),
        cycles=column(program.cycles, [t.cycles for t in tasks]),
        slots=column(program.slots, [1] * m),
        bytes=column(program.bytes, [t.bytes for t in tasks]),
        names=tuple(names[i] for i in order.tolist()),
        after=Csr(after.start, place[after.index]),
        reads=table(program.reads, [()] * m),
        writes=table(program.writes, [()] * m),
        waits=table(program.waits, [t.waits for t in tasks]),
        updates=table(program.updates, [t.updates for t in tasks]),
        target=column(program.target, [t.target for t in tasks]),
        low=column(program.low, [t.low for t in tasks]),
        high=column(program.high, [t.high for t in tasks]),
        slot=column(program.slot, [t.slot for t in tasks]),
        programs=table(program.programs, [t.programs for t in tasks]),
        items=items,
        extra={int(place[t]): e for t, e in program.extra.items()},
    )
    return Inserted(_with_ranges(program, changed, place[:n]), place[:n], place[n:])


def _with_ranges(old: Program, new: Program, place: I32) -> Program:
    """Ranges, given in terms of the lists of `old`, in terms of the longer lists of `new`."""
    grown = [e for e in range(len(old.lists)) if len(old.lists[e]) != len(new.lists[e])]
    low, high = new.low.copy(), new.high.copy()
    item_low, item_high = old.items.low.copy(), old.items.high.copy()
    pushes = np.nonzero(new.kind == Kind.ENQUEUE)[0].tolist()
    for e in grown:
        ranges = [(int(new.low[t]), int(new.high[t]), t, low, high) for t in pushes if new.target[t] == e]
        of_engine = np.nonzero(old.items.engine == e)[0].tolist()
        ranges += [(int(old.items.low[i]), int(old.items.high[i]), i, item_low, item_high) for i in of_engine]
        if not ranges:
            continue
        ranges.sort(key=lambda r: r[0])
        firsts = [int(new.position[place[old.lists[e][r[0]]]]) if r[0] else 0 for r in ranges]
        for (_, _, at, lows, highs), first, end in zip(ranges, firsts, [*firsts[1:], len(new.lists[e])], strict=True):
            lows[at], highs[at] = first, end
    items = type(new.items)(new.items.engine, item_low, item_high, new.items.at, new.items.done)
    names = list(new.names)
    for t in pushes:
        names[t] = enqueue_name(new.machine, int(new.target[t]), (int(low[t]), int(high[t])))
    return new.with_(low=low, high=high, names=tuple(names), items=items)


def add_to_rows(table: Csr, additions: Sequence[tuple[int, int]]) -> Csr:
    """The table with `value` added to `row` for each (row, value); rows stay sorted and without duplicates."""
    rows, values = np.asarray(additions, np.int32).reshape(-1, 2).T
    return Csr.of_set(np.concatenate([table.rows(), rows]), np.concatenate([table.index, values]), len(table))


def without_tasks(program: Program, gone: Sequence[int]) -> Program:
    """The program without these tasks. They stand on engines that no range counts on, and nothing depends on them."""
    stays = np.ones(len(program), np.bool_)
    stays[list(gone)] = False
    order = np.nonzero(stays)[0].astype(np.int32)
    assert stays[program.after.index].all()
    assert stays[program.items.done.index].all()
    place = (np.cumsum(stays) - 1).astype(np.int32)
    after = program.after.gathered(order)
    items = program.items
    done = Csr(items.done.start, place[items.done.index])
    columns = ("kind", "engine", "cycles", "slots", "bytes", "target", "low", "high", "slot")
    tables = ("reads", "writes", "waits", "updates", "programs")
    return program.with_(
        **{name: getattr(program, name)[order] for name in columns},
        **{name: getattr(program, name).gathered(order) for name in tables},
        names=tuple(program.names[t] for t in order.tolist()),
        after=Csr(after.start, place[after.index]),
        items=type(items)(items.engine, items.low, items.high, items.at, done),
        extra={int(place[t]): e for t, e in program.extra.items() if stays[t]},
    )
