"""Hazards as text, and those that need no simulation: counts and limits (H9), bootstrap (H3, H6), races (H8)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32
from wlm_dialect.program import Program
from wlm_dialect.program.model import IRQ_LIFTED, IRQ_OFF, IRQ_OVER
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime.result import Hazard, RunResult
from wlm_dialect.runtime.tables import used_slots


def task_text(program: Program, task: int) -> str:
    """`task 12 'conv1' on dpu0`; -1 is firmware."""
    return "firmware" if task < 0 else f"task {task} '{program.names[task]}' on {program.engine_name(task)}"


def _barrier_text(program: Program, barrier: int) -> str:
    return "an idle barrier" if barrier < 0 else program.barrier_name(barrier)


def describe(program: Program, reg: list[int]) -> Hazard:
    """The hazard that the event loop recorded in its registers."""
    rule, why, task = reg[k.RULE], reg[k.WHY], reg[k.BAD_TASK]
    barrier, found, tick = reg[k.BAD_BARRIER], reg[k.BAD_FOUND], reg[k.BAD_TICK]
    if why == k.FIFO_ORDER:
        missing = never_pushed(program, program.lists[int(program.engine[task])][: int(program.position[task])])
        if len(missing):
            return Hazard("H6", tick, int(missing[0]), -1, -1, skipped_text(program, int(missing[0]), task), barrier)
    if rule in (4, 5, 6) and why != k.PROGRAMMED_TWICE:
        text = _queue_text(program, why, task, barrier, found, tick)
        if why == k.FETCHED_TWICE:  # it is about the task, not about the second fetch
            task, barrier = barrier, task
        return Hazard(f"H{rule}", tick, task, -1, -1, text, barrier)
    if rule in (1, 2) and barrier >= 0 and not _programmed(program)[barrier]:
        name = program.barrier_name(barrier)
        text = f"{task_text(program, task)} needs {name} at tick {tick}, which is never programmed"
        return Hazard("H6", tick, task, barrier, found, text)
    if why == k.BARRIER_ORDER and not _programmed(program)[found]:
        name = program.barrier_name(found)
        text = f"{name} is never programmed, but {task_text(program, task)} pushes {_barrier_text(program, barrier)}"
        return Hazard("H6", tick, task, found, -1, f"{text} at tick {tick}")
    text = _counter_text(program, why, task, barrier, found, tick)
    return Hazard(f"H{rule}", tick, task, barrier, -1 if why in (k.BARRIER_TIE, k.PROGRAMMED_TWICE) else found, text)


def never_pushed(program: Program, tasks: I32) -> I32:
    """Those of `tasks` that no work item and no enqueue covers."""
    pushed = np.zeros(len(program), bool)
    items, by_dma = program.items, np.nonzero(program.kind == 2)[0].tolist()
    rows = [(int(program.target[t]), int(program.low[t]), int(program.high[t])) for t in by_dma]
    rows += zip(items.engine.tolist(), items.low.tolist(), items.high.tolist(), strict=True)
    for engine, low, high in rows:
        pushed[program.lists[engine][low:high]] = True
    return tasks[~pushed[tasks]]


def skipped_text(program: Program, missing: int, task: int) -> str:
    """What is said where a push skips a task that nobody pushes."""
    return f"{task_text(program, missing)} is never enqueued, but {task_text(program, task)} behind it is"


def _programmed(program: Program) -> NDArray[np.bool_]:
    """Instances that somebody pushes: bootstrap, a DMA, or firmware after the interrupt of an earlier one."""
    out = np.ones(len(program.barriers), bool)
    if program.phase == "managed":
        out[:] = False
        out[program.bootstrap] = True
        out[program.programs.index] = True
        if program.mode != "full":
            out |= (program.programmer >= 0) & (program.barriers.irq[program.programmer] == IRQ_OVER)
    return out


def _counter_text(program: Program, why: int, task: int, barrier: int, found: int, tick: int) -> str:
    who, meant = task_text(program, task), _barrier_text(program, barrier)
    hit = "" if why == k.BARRIER_TIE else _barrier_text(program, found)  # there it is a task
    match why:
        case k.STALE_HEAD:
            return f"{who} is at head at tick {tick} and waits for {meant}, but reads {hit}: {meant} is not armed yet"
        case k.STALE_START:
            return f"{who} starts at tick {tick} on {hit} although it waits for {meant}, which is not armed yet"
        case k.STALE_CONSUME:
            return f"{who} takes its slots from {hit} at tick {tick} although it waited for {meant}"
        case k.STALE_UPDATE:
            return f"{who} ends at tick {tick} and updates {hit} instead of {meant}, which is not armed yet"
        case k.UNDERFLOW:
            return f"{who} ends at tick {tick} and updates {meant} below zero: more slots than its producers"
        case k.BARRIER_FULL:
            depth = program.machine.barriers.fifo_depth
            return f"{who} pushes {meant} at tick {tick}, but its barrier FIFO (depth {depth}) is full behind {hit}"
        case k.BARRIER_ORDER:
            return f"{who} pushes {meant} at tick {tick}, but {_barrier_text(program, found)} comes first"
        case k.BARRIER_TIE:
            return f"{who} and {task_text(program, found)} push into the FIFO of {meant} in the same tick {tick}"
        case k.PROGRAMMED_TWICE:
            return f"{who} pushes {meant} at tick {tick}, which was pushed before"
        case _:
            left = f"{program.barrier_name(barrier)} lifts at tick {tick}, but not all tasks have ended"
            return left


def _queue_text(program: Program, why: int, task: int, by: int, found: int, tick: int) -> str:
    who, other = task_text(program, task), task_text(program, by)
    engine = "" if task < 0 else program.engine_name(task)
    match why:
        case k.NOT_FETCHED:
            state = "still under way" if found == -1 else "never fetched"
            return f"{who} is at head at tick {tick}, but its descriptor is {state}"
        case k.LIVE_SLOT:
            return f"{who} starts at tick {tick} and overwrites slot {found} while {other} has not ended"
        case k.FIFO_FULL:
            depth = program.machine.engine(engine).fifo_depth
            return f"{other} pushes {who} at tick {tick}, but the work FIFO of {engine} (depth {depth}) is full"
        case k.FIFO_ORDER:
            return f"{other} pushes {who} at tick {tick}, but an earlier task of {engine} was not pushed yet"
        case k.FIFO_TWICE:
            return f"{other} pushes {who} at tick {tick}, which was pushed before"
        case k.FIFO_TIE:
            return (
                f"{other} and {task_text(program, found)} push into the work FIFO of {engine} in the same tick {tick}"
            )
        case _:
            return f"{who} starts at tick {tick} and fetches the descriptor of {other}, which was fetched before"


def check_counts(program: Program) -> Hazard | None:
    """The first of `count_hazards`; a program without a tail may run all the same."""
    return next((h for h in count_hazards(program) if h.barrier >= 0 or h.rule != "H10"), None)


def count_hazards(program: Program) -> Iterator[Hazard]:
    """H9: counts equal the slots of the users and keep the limits; so do waits per task, transfers and slots.

    H4: a linked chain stays in one execution group. H10: firmware hears of the tail, and in full mode of nothing else.
    """
    limits, table = program.machine.barriers, program.barriers
    used = used_slots(program)
    for row, what, limit in ((0, "producers", limits.max_producers), (1, "consumers", limits.max_consumers)):
        counts = (table.producers, table.consumers)[row]
        for v in np.nonzero((counts != used[row]) | (counts > limit))[0].tolist():
            name, n = program.barrier_name(v), int(counts[v])
            if n != used[row, v]:
                yield _h9(v, f"{name} is configured with {n} {what}, but their slots are {int(used[row, v])}")
            if n > limit:
                yield _h9(v, f"{name} has {n} {what}, but the limit is {limit}")
    both = table.producers.astype(np.int64) + table.consumers
    for v in np.nonzero(both > limits.max_sum)[0].tolist():
        yield _h9(
            v,
            f"{program.barrier_name(v)} has {int(both[v])} producers and consumers, but the limit is {limits.max_sum}",
        )
    if program.phase == "managed":
        yield from _engine_limits(program)
        yield from _interrupts(program)


def _engine_limits(program: Program) -> Iterator[Hazard]:
    engines = program.machine.engines
    most = np.array([e.max_waits or len(program.barriers) for e in engines])[program.engine]
    waits = np.diff(program.waits.start)
    for t in np.nonzero(waits > most)[0].tolist():
        text = f"{task_text(program, t)} waits on {int(waits[t])} barriers, but the limit is {int(most[t])}"
        yield Hazard("H9", 0, t, -1, -1, text)
    for t in np.nonzero(program.kind == 1)[0].tolist():
        target = engines[int(program.target[t])]
        last = int(program.slot[t]) + int(program.high[t] - program.low[t])
        if last > target.descriptor_slots:
            text = f"{task_text(program, t)} fills slots up to {last}, but {target.name} has {target.descriptor_slots}"
            yield Hazard("H9", 0, t, -1, -1, text)
    depth = program.machine.management.program_depth
    for t in np.nonzero(program.kind == 3)[0].tolist():
        counted: dict[int, int] = {}
        for v in program.programs[t].tolist():
            pid = int(program.barriers.pid[v])
            counted[pid] = counted.get(pid, 0) + 1
            if counted[pid] == depth + 1:
                text = f"{task_text(program, t)} programs barrier {pid} more than {depth} deep in one transfer"
                yield Hazard("H9", 0, t, v, -1, text)

    if program.machine.management.linked_enqueue:
        yield from _chains(program)


def _chains(program: Program) -> Iterator[Hazard]:
    group = np.full(len(program), -1, np.int32)
    for t in np.nonzero(program.kind == 1)[0].tolist():
        group[program.lists[int(program.target[t])][int(program.low[t]) : int(program.high[t])]] = t
    for t in np.nonzero(program.kind == 2)[0].tolist():
        linked = program.lists[int(program.target[t])][int(program.low[t]) : int(program.high[t])]
        if len(set(group[linked].tolist())) > 1:
            text = f"{task_text(program, t)} links tasks of several execution groups, whose descriptors are apart"
            yield Hazard("H4", 0, t, -1, -1, text)


def range_hazards(program: Program) -> Iterator[Hazard]:
    """H6: fetches, enqueues and work items name tasks that exist; a program that does not cannot be loaded."""
    for t in np.nonzero(program.target >= 0)[0].tolist():
        size = len(program.lists[int(program.target[t])])
        if program.high[t] > size:
            yield Hazard("H6", 0, t, -1, -1, f"{task_text(program, t)} reaches beyond a list of {size} tasks")
    items = program.items
    rows = zip(items.engine.tolist(), items.low.tolist(), items.high.tolist(), strict=True)
    for engine, low, high in rows:
        size, name = len(program.lists[engine]), program.machine.engines[engine].name
        if high > size:
            yield Hazard("H6", 0, -1, -1, -1, f"work item {name}[{low}:{high}] reaches beyond a list of {size} tasks")


def _interrupts(program: Program) -> Iterator[Hazard]:
    table = program.barriers
    if program.mode == "full":
        for v in np.nonzero(table.irq != IRQ_OFF)[0].tolist():
            if v != table.tail:
                text = f"{program.barrier_name(v)} raises an interrupt, but in full mode only the tail may"
                yield Hazard("H10", 0, -1, v, -1, text)
    else:
        for v in np.nonzero(table.irq == IRQ_LIFTED)[0].tolist():
            if v != table.tail:
                text = f"{program.barrier_name(v)} interrupts when it lifts, which is how firmware hears of the tail"
                yield Hazard("H10", 0, -1, v, -1, text)
    if table.tail < 0:
        yield Hazard(
            "H10", 0, -1, -1, -1, "there is no tail barrier: firmware never learns that the program is complete"
        )
    elif table.irq[table.tail] != IRQ_LIFTED:
        text = f"the tail {program.barrier_name(table.tail)} raises no interrupt when it lifts"
        yield Hazard("H10", 0, -1, table.tail, -1, text)


def _h9(barrier: int, text: str) -> Hazard:
    return Hazard("H9", 0, -1, barrier, -1, text)


def find_race(result: RunResult, pairs: tuple[I32, I32]) -> Hazard | None:
    """H8: the first task that started before a conflicting earlier one (`pairs` of `conflicts`) had ended."""
    p = result.program
    before, after = pairs
    started = result.start[after] >= 0
    ended = result.end[before]
    wrong = np.nonzero(started & ((ended < 0) | (ended > result.start[after])))[0]
    if not len(wrong):
        return None
    n = int(wrong[np.lexsort((before[wrong], after[wrong], result.start[after[wrong]]))[0]])
    a, b = int(before[n]), int(after[n])
    tick = int(result.start[b])
    until = f"ends at tick {int(ended[n])}" if ended[n] >= 0 else "has not ended"
    shared = _shared_buffer(p, a, b)
    text = f"{task_text(p, b)} starts at tick {tick}, but {task_text(p, a)}, which also uses '{shared}', {until}"
    return Hazard("H8", tick, b, -1, -1, text, a)


def _shared_buffer(program: Program, a: int, b: int) -> str:
    """Name of a buffer of `b` that overlaps one of `a`."""
    table = program.buffers

    def ranges(task: int) -> list[tuple[int, tuple[bool, int], int, int]]:
        out = []
        for n in [*program.reads[task].tolist(), *program.writes[task].tolist()]:
            placed = int(table.address[n]) >= 0
            low = int(table.offset[n]) + (int(table.address[n]) if placed else 0)
            key = (placed, int(table.memory[n] if placed else table.root[n]))
            out.append((n, key, low, low + int(table.size[n])))
        return out

    for _, key, low, high in ranges(a):
        for n, other, first, last in ranges(b):
            if key == other and low < last and first < high:
                return table.names[n]
    return ""


def find_dirt(program: Program, bar: list[list[int]], ended: int) -> Hazard | None:
    """H11: the first barrier that is not idle after the last task has ended."""
    for p, (cur, live) in enumerate(zip(bar[k.CUR], bar[k.LIVE], strict=True)):
        if cur >= 0 or live > 0:
            v = int(cur if cur >= 0 else bar[k.NEXT][p])
            left = f"producers {int(bar[k.PROD][p])}, consumers {int(bar[k.CONS][p])}, {int(live)} pushed and not over"
            text = f"at the end {program.barrier_name(v)} is not over ({left}): the program cannot run again"
            return Hazard("H11", ended, -1, v, -1, text)
    return None
