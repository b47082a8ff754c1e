"""From a program to a sheet and back: numbering by page, program order, padding, slots."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I32, Csr, int32
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.editing import Insertion, insert_tasks
from wlm_dialect.passes.policies.pages.borders import BarrierDma
from wlm_dialect.passes.policies.pages.sheet import Sheet, split_barriers
from wlm_dialect.passes.reordering import reordered
from wlm_dialect.program import Barriers, Kind, Program

DUMMY = "dummy"
"""Name of every task that the policy inserts."""


@dataclass(frozen=True)
class Paged:
    """A program cut into pages, in phase virtual, and what was made of it. Indices are those of `program`."""

    program: Program
    pids: list[int]  # physical barrier per virtual one, by its place on its page
    size: int  # barriers per page
    barrier_page: list[int]
    task_page: list[int]
    boundary: dict[int, list[int]]  # page -> boundary tasks
    barrier_dmas: list[BarrierDma]  # where programming goes: start and end barriers, place on the first DMA queue
    dummies: list[int]  # tasks inserted
    padding: list[int]  # barriers inserted to fill pages
    origin: list[int]  # task of the program before, or -1


def sheet_of(program: Program, channel: int = -1) -> tuple[Program, Sheet]:
    """The program with its barriers in the order in which they lift, the tail last, and its pages.

    `channel`: the queue that carries management, as in `Sheet`.
    """
    ordered = ordered_by_lift(program)
    size, odd = divmod(program.machine.barriers.count, 2)
    if odd:
        raise ScheduleError(
            f"policy 'pages' needs two halves of equal size, but machine '{program.machine.name}' has "
            f"{program.machine.barriers.count} barriers"
        )
    lonely = np.nonzero(np.diff(ordered.consumers.start) == 0)[0].tolist()
    tail = ordered.barriers.tail
    engines = program.machine.engines
    sheet = Sheet(
        size,
        ordered.engine.tolist(),
        [tasks.tolist() for tasks in ordered.lists],
        ordered.waits.lists(),
        ordered.updates.lists(),
        split_barriers(len(ordered.barriers), size, [False] * len(ordered.barriers)),
        [e.kind == "dma" and not e.firmware for e in engines],
        [e.ends_in_order for e in engines],
        tail=tail,
        quiet=frozenset(lonely) - {tail},
        names=ordered.names,
        channel=channel,
        pushed=_pushed(ordered) if channel >= 0 else {},
        max_waits=tuple(e.max_waits for e in engines),
    )
    return ordered, sheet


def _pushed(program: Program) -> dict[int, int]:
    fetches = np.nonzero(program.kind == Kind.FETCH)[0].tolist()
    return {f: int(program.lists[int(program.target[f])][int(program.low[f])]) for f in fetches}


def ordered_by_lift(program: Program) -> Program:
    """Number the barriers by the last task that updates them: a task waits only on barriers before those it updates."""
    count, tail = len(program.barriers), program.barriers.tail
    key = [(v == tail, row[-1] if row else -1, v) for v, row in enumerate(program.producers.lists())]
    rank = np.zeros(count, np.int32)
    rank[[v for _, _, v in sorted(key)]] = np.arange(count, dtype=np.int32)
    return _renumbered(program, rank, count)


def _renumbered(program: Program, rank: I32, count: int) -> Program:
    """Barrier v becomes `rank[v]`."""
    tail = program.barriers.tail

    def rows(table: Csr) -> Csr:
        return Csr.of([sorted(rank[row].tolist()) for row in table.lists()])

    return program.with_(
        waits=rows(program.waits),
        updates=rows(program.updates),
        barriers=Barriers.virtual(count, int(rank[tail]) if tail >= 0 else -1),
    )


def pad_pages(sheet: Sheet, may_wait: Sequence[bool]) -> list[int]:
    """Fill all pages but the last two with barriers parallel to their last one; the barriers used for it.

    A barrier DMA writes all registers of a half. Barriers that lost their users fill first. `may_wait` tells queues
    whose tasks may wait on several barriers; where none does, the barrier has a producer only.
    """
    out: list[int] = []
    for p in range(sheet.pages - 2):
        live = [v for v in sheet.page_barriers[p] if sheet.producers[v]]
        spare = [v for v in sheet.page_barriers[p] if not sheet.producers[v]]
        if not live:
            raise ScheduleError(f"policy 'pages': page {p} has no barrier in use")
        model = live[-1]
        for n in range(sheet.size - len(live)):
            v = spare[n] if n < len(spare) else sheet.insert_barrier(p)
            sheet.add_update(min(sheet.producers[model], key=lambda t: sheet.place[t]), v)
            able = [t for t in sheet.consumers[model] if may_wait[sheet.queue[t]] or not sheet.waits[t]]
            if able:
                sheet.add_wait(min(able, key=lambda t: sheet.place[t]), v)
            out.append(v)
    return out


def page_ids(sheet: Sheet) -> dict[int, int]:
    """Physical barrier of each barrier in use: even pages the lower half, odd ones the upper, by place on the page."""
    out: dict[int, int] = {}
    for p, row in enumerate(sheet.page_barriers):
        used = [v for v in row if sheet.producers[v] or sheet.consumers[v]]
        out |= {v: p % 2 * sheet.size + n for n, v in enumerate(used)}
    return out


def execution_order(sheet: Sheet) -> list[int]:
    """The tasks in an order of execution that keeps every queue and stays close to the order of places."""
    n = len(sheet.queue)
    before = known_before(sheet.waits, sheet.producers, sheet.lists)
    for fetch, first in sheet.pushed.items():
        before[first].add(fetch)
    out = in_order(before, sheet.place)
    if len(out) < n:
        stuck = min(set(range(n)) - set(out))
        raise ScheduleError(f"policy 'pages': the joins at borders of pages make {sheet.name(stuck)} wait for itself")
    return out


def known_before(
    waits: Sequence[Sequence[int]], producers: Sequence[Sequence[int]], lists: Sequence[Sequence[int]]
) -> list[set[int]]:
    """Per task those that come before it by a barrier or right before it on its queue."""
    before = [{p for v in row for p in producers[v]} for row in waits]
    for listed in lists:
        for a, b in pairwise(listed):
            before[b].add(a)
    return before


def in_order(before: Sequence[Iterable[int]], place: Sequence[float]) -> list[int]:
    """The tasks, each behind all of those in `before`, else by place; what waits for itself is left out."""
    following: list[list[int]] = [[] for _ in before]
    missing = [0] * len(before)
    for t, row in enumerate(before):
        for p in row:
            following[p].append(t)
            missing[t] += 1
    ready = [(place[t], t) for t, count in enumerate(missing) if not count]
    heapify(ready)
    out: list[int] = []
    while ready:
        t = heappop(ready)[1]
        out.append(t)
        for c in following[t]:
            missing[c] -= 1
            if not missing[c]:
                heappush(ready, (place[c], c))
    return out


def program_of(
    program: Program, sheet: Sheet, dmas: Mapping[int, BarrierDma] = MappingProxyType({}), depth: int = 0
) -> tuple[Program, list[int], list[int]]:
    """The program with what the sheet changed: inserted tasks at their places, barriers numbered by page.

    Tasks in `dmas` program the next `depth` instances of their barriers; all other inserted ones are dummies.

    Also the task that each place of it held before (inserted ones count on), and the new number of each barrier (-1:
    gone).
    """
    order = execution_order(sheet)
    used = [v for row in sheet.page_barriers for v in row if sheet.producers[v] or sheet.consumers[v]]
    number = [-1] * len(sheet.barrier_page)
    for i, v in enumerate(used):
        number[v] = i
    instances = _instances(sheet, number) if dmas else []
    fresh = [
        barrier_dma(program, sheet, dmas[t], instances, depth) if t in dmas else _dummy(program, sheet, t)
        for t in sheet.inserted
    ]
    grown = insert_tasks(program, fresh).program if fresh else program
    tail = number[sheet.tail] if sheet.tail >= 0 else -1
    moved = grown.with_(
        waits=Csr.of([sorted(number[v] for v in row) for row in sheet.waits]),
        updates=Csr.of([sorted(number[v] for v in row) for row in sheet.updates]),
        barriers=Barriers.virtual(len(used), tail),
    )
    return reordered(moved, int32(order)), order, number


def _dummy(program: Program, sheet: Sheet, task: int) -> Insertion:
    cycles = program.machine.transfer_ticks(program.machine.engines[sheet.first_dma], 0)
    return Insertion(sheet.original, sheet.queue[task], DUMMY, Kind.SYNC, cycles)


def _instances(sheet: Sheet, number: list[int]) -> list[list[int]]:
    """Per page its barriers by their new numbers, in order of their places."""
    out: list[list[int]] = [[] for _ in range(sheet.pages)]
    for v, n in enumerate(number):
        if n >= 0:
            out[sheet.barrier_page[v]].append(n)
    return [sorted(row) for row in out]


def barrier_dma(program: Program, sheet: Sheet, dma: BarrierDma, instances: list[list[int]], depth: int) -> Insertion:
    """The DMA that writes the registers of one half, each with its next `depth` instances."""
    pages = [instances[p] for p in range(dma.page + 1, len(instances), 2)][:depth]
    longest = max(map(len, pages))
    rows = [page[place] for place in range(longest) for page in pages if place < len(page)]
    machine = program.machine
    size = longest * len(pages) * machine.management.program_bytes
    queue = sheet.first_dma
    cycles = machine.transfer_ticks(machine.engines[queue], size)
    name = f"program {len(rows)} barriers"
    return Insertion(sheet.original, queue, name, Kind.PROGRAM, cycles, size, programs=tuple(rows))


def without_implied(program: Program) -> Program:
    """The program without updates that lift nothing: another producer of the barrier starts after the task has ended.

    What the joins added is often more than needed, and slots are scarce.
    """
    order = task_order(program)
    updates = program.updates.lists()
    for v, row in enumerate(program.producers.lists()):
        for t in row[:-1]:
            if any(order.before_start(t, other) for other in row if other > t):
                updates[t].remove(v)
    return program.with_(updates=Csr.of(updates))


def check_slots(program: Program) -> None:
    """ScheduleError if a barrier counts more than the machine can: nothing splits them behind this policy (H9)."""
    limits = program.machine.barriers
    consumers = program.consumers.lists()
    for v, row in enumerate(program.producers.lists()):
        made, used = int(program.slots[row].sum()), int(program.slots[consumers[v]].sum())
        if made > limits.max_producers or used > limits.max_consumers or made + used > limits.max_sum:
            raise ScheduleError(
                f"policy 'pages': the joins at borders of pages give v{v} {made} producers and {used} consumers; "
                f"machine '{program.machine.name}' counts {limits.max_producers}, {limits.max_consumers}, together "
                f"{limits.max_sum} [H9]"
            )
