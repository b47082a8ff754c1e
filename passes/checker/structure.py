"""Rules that need no order of events: all pushed, fetched, programmed once (H4, H6), limits (H9), ends (H10, H11)."""

from collections.abc import Iterable, Iterator

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.checker.events import EventGraph
from wlm_dialect.passes.checker.findings import Finding, Names
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_LIFTED, IRQ_OFF


def structure_findings(graph: EventGraph) -> list[Finding]:
    """Everything that is wrong whatever the timing, by rule."""
    names = Names(graph)
    checks = (_waits, _pushes, _items, _enqueues, _bootstrap_pushes, _fetches, _instances, _programs, _counts, _tail)
    return [finding for check in checks for finding in check(graph, names)]


def _waits(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H7: a wait needs a producer. H9: a task waits within its engine's limit, and not on what it updates."""
    p = graph.program
    producers = np.diff(p.producers.start)
    row, barrier = p.waits.rows(), p.waits.index
    for t, v in zip(row[producers[barrier] == 0].tolist(), barrier[producers[barrier] == 0].tolist(), strict=True):
        text = f"{names.task(t)} waits on {names.barrier(v)}, which no task updates: it never starts"
        yield Finding("H7", text, t, v)
    limits = np.array([e.max_waits for e in p.machine.engines])[p.engine]
    count = np.diff(p.waits.start)
    for t in np.nonzero((limits > 0) & (count > limits))[0].tolist():
        text = f"{names.task(t)} waits on {count[t]} barriers, but the engine takes {limits[t]}: merge them"
        yield Finding("H9", text, t)
    width = max(len(p.barriers), 1)
    pairs = [t.rows().astype(np.int64) * width + t.index for t in (p.waits, p.updates)]
    for key in np.intersect1d(pairs[0], pairs[1]).tolist():
        t, v = divmod(key, width)
        yield Finding("H7", f"{names.task(t)} waits on and updates {names.barrier(v)}: it waits for itself", t, v)
    for verb, keys in zip(("waits on", "updates"), pairs, strict=True):
        keys = np.sort(keys)
        for key in np.unique(keys[1:][keys[1:] == keys[:-1]]).tolist():
            t, v = divmod(key, width)
            text = f"{names.task(t)} {verb} {names.barrier(v)} more than once; its counter moves only once"
            yield Finding("H9", text, t, v)


def _pushes(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H6: each task is pushed exactly once."""
    r, n = graph.ranges, len(graph.program)
    times = np.bincount(np.concatenate([r.item_tasks[1], r.enqueue_tasks[1]]), minlength=n)
    for t in np.nonzero(times == 0)[0].tolist():
        yield Finding("H6", f"{names.task(t)} is never enqueued: no work item and no enqueue covers it", t)
    for t in np.nonzero(times > 1)[0].tolist():
        yield Finding("H6", f"{names.task(t)} is enqueued {times[t]} times, not once", t)


def _items(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H6: work items of an engine are in list order and have someone who pushes them."""
    p = graph.program
    items = p.items
    reached = [0] * len(p.machine.engines)
    latest: dict[int, int] = {}
    boot = graph.ranges.boot_item
    rows = zip(items.engine.tolist(), items.low.tolist(), items.high.tolist(), strict=True)
    for i, (e, low, high) in enumerate(rows):
        size = len(p.lists[e])
        if high > size:
            yield Finding("H6", f"{names.item(i)} goes beyond the list of {p.machine.engines[e].name} ({size} tasks)")
        if low < reached[e]:
            text = f"{names.item(i)} comes after {names.item(latest[e])}: pushes of an engine follow its list"
            again = boot[i] and not all(boot[n] for n in range(i) if items.engine[n] == e)  # firmware comes across it
            yield Finding("H6", text, _at(p.lists[e], low) if again else _too_early(p, e, low, high, range(i)))
        elif boot[i] and e in latest and not boot[latest[e]]:
            yield Finding("H6", f"{names.item(i)} is pushed at bootstrap, after {names.item(latest[e])} is not")
        reached[e], latest[e] = max(reached[e], high), i
        if p.mode == "full" and not boot[i]:
            text = f"{names.item(i)} waits for an interrupt, but in full mode firmware takes none before the tail"
            yield Finding("H6", text, _at(p.lists[e], low))
        elif p.mode != "full":
            for v in items.at[i].tolist():
                if graph.handler_of_barrier[v] < 0:
                    text = f"{names.item(i)} is pushed when {names.barrier(v)} is over, but that interrupt is off"
                    yield Finding("H7", text, _at(p.lists[e], low), v)
            for t in items.done[i].tolist():
                if p.kind[t] != Kind.FETCH:
                    text = f"{names.item(i)} is pushed when {names.task(t)} is done, but only fetches interrupt"
                    yield Finding("H7", text, _at(p.lists[e], low), other=t)


def _at(tasks: I32, position: int) -> int:
    return int(tasks[position]) if position < len(tasks) else -1


def _too_early(p: Program, engine: int, low: int, high: int, before: Iterable[int]) -> int:
    """The task that goes wrong where the items `before` are pushed before a range of an engine that begins earlier: the
    first task behind the range, or one of the range that is pushed again."""
    items = p.items
    ranges = [(int(items.low[i]), int(items.high[i])) for i in before if items.engine[i] == engine]
    again = [max(low, a) for a, b in ranges if a < high and low < b]
    return _at(p.lists[engine], min(again or [a for a, _ in ranges if a >= high], default=low))


def _enqueues(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H6: ENQUEUE ranges lie in the list, behind bootstrap items. H4: linked ranges stay in one execution group."""
    p, r = graph.program, graph.ranges
    late = np.zeros(len(p.machine.engines), bool)
    late[p.items.engine[~r.boot_item]] = True
    booted = np.zeros(len(p.machine.engines), np.int64)
    np.maximum.at(booted, p.items.engine[r.boot_item], p.items.high[r.boot_item])
    for t in r.enqueues.tolist():
        e, low, high = int(p.target[t]), int(p.low[t]), int(p.high[t])
        size, engine = len(p.lists[e]), p.machine.engines[e].name
        if high > size:
            yield Finding("H6", f"{names.task(t)} goes beyond the list of {engine} ({size} tasks)", t)
        if late[e]:
            yield Finding("H6", f"{names.task(t)} and firmware both push into the FIFO of {engine}: no order", t)
        if low < booted[e]:
            text = f"{names.task(t)} comes after bootstrap pushed {engine}[0:{booted[e]}]"
            yield Finding("H6", text, _too_early(p, e, low, high, np.nonzero(r.boot_item)[0].tolist()), other=t)
        groups = set(r.fetch_of[p.lists[e][low:high]].tolist()) if p.machine.management.linked_enqueue else set()
        if len(groups) > 1:
            text = f"{names.task(t)} links descriptors of {len(groups)} execution groups: a chain may not cross groups"
            yield Finding("H4", text, t)


def _bootstrap_pushes(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H6: at bootstrap a FIFO takes the entry at head and D behind it; in full mode a whole DMA list is one entry."""
    p, r = graph.program, graph.ranges
    for e, model in enumerate(p.machine.engines):
        mine = r.boot_item & (p.items.engine == e)
        count = int(np.sum(mine)) if r.whole_lists[e] else int(np.sum((p.items.high - p.items.low)[mine]))
        if count > model.fifo_depth + 1:
            text = (
                f"bootstrap pushes {count} entries into the work FIFO of {model.name}, which takes one at head and "
                f"{model.fifo_depth} behind it: push the rest later"
            )
            late = int(p.items.low[mine][model.fifo_depth + 1]) if r.whole_lists[e] else model.fifo_depth + 1
            yield Finding("H6", text, _at(p.lists[e], late))


def _fetches(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H4: each DPU and SHAVE task has its descriptor fetched. H6: once. H9: into slots that exist."""
    p, r = graph.program, graph.ranges
    slots = np.array([e.descriptor_slots for e in p.machine.engines])
    times = np.bincount(r.fetch_tasks[1], minlength=len(p))
    for t in np.nonzero((slots[p.engine] > 0) & (times == 0))[0].tolist():
        yield Finding("H4", f"the descriptor of {names.task(t)} is never fetched", t)
    for t in np.nonzero(times > 1)[0].tolist():
        yield Finding("H6", f"the descriptor of {names.task(t)} is fetched {times[t]} times, not once", t)
    for t in r.fetches.tolist():
        e, count = int(p.target[t]), int(p.high[t] - p.low[t])
        size, last = len(p.lists[e]), int(p.slot[t]) + count
        if p.high[t] > size:
            yield Finding("H6", f"{names.task(t)} goes beyond the list ({size} tasks)", t)
        if last > slots[e]:
            text = f"{names.task(t)} fills slots up to {last}, but {p.machine.engines[e].name} has {slots[e]}"
            yield Finding("H9", text, t)


def _instances(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H6: each instance is programmed once. H3: what bootstrap loads fits, and comes first. H11: each one is used."""
    p, r = graph.program, graph.ranges
    barriers = p.barriers
    times = np.bincount(np.concatenate([p.bootstrap, p.programs.index]), minlength=len(barriers)) + r.armed_by_firmware
    depth = p.machine.barriers.fifo_depth
    users = np.diff(p.producers.start) + np.diff(p.consumers.start)
    loaded, nowhere = r.loaded, (barriers.pid < 0) | (barriers.pid >= p.machine.barriers.count)
    late = loaded & (barriers.previous >= 0) & ~loaded[barriers.previous] if len(barriers) else loaded
    suspects = (times != 1) | (users == 0) | nowhere | (loaded & (barriers.instance > depth)) | late
    for v in np.nonzero(suspects)[0].tolist():
        name, before = names.barrier(v), int(barriers.previous[v])
        if nowhere[v]:
            yield Finding("H9", f"{name} has no physical barrier: the machine has {p.machine.barriers.count}", -1, v)
        if times[v] == 0:
            yield Finding("H6", f"{name} is never programmed: neither at bootstrap nor later{_why(graph, v)}", -1, v)
        elif times[v] > 1:
            yield Finding("H6", f"{name} is programmed {times[v]} times, not once", -1, v)
        if loaded[v] and barriers.instance[v] > depth:
            text = f"bootstrap loads {name}, but a barrier takes one instance and {depth} behind it"
            yield Finding("H3", text, -1, v)
        if late[v]:
            text = f"bootstrap loads {name}, but not {names.barrier(before)} before it: instances are pushed in order"
            yield Finding("H3", text, -1, v)
        if users[v] == 0:
            yield Finding("H11", f"{name} is never used: its counters are not zero at the end", -1, v)
    yield from _bootstrap_order(graph, names)


def _why(graph: EventGraph, barrier: int) -> str:
    p = graph.program
    before = int(p.programmer[barrier])
    if p.mode == "full" or before < 0 or p.barriers.irq[before] != IRQ_OFF:
        return ""
    return f" (the interrupt of {p.barrier_name(before)} is off)"


def _bootstrap_order(graph: EventGraph, names: Names) -> Iterator[Finding]:
    barriers = graph.program.barriers
    last: dict[int, int] = {}
    for v in graph.program.bootstrap.tolist():
        p = int(barriers.pid[v])
        if p in last and barriers.instance[last[p]] > barriers.instance[v]:
            yield Finding("H3", f"bootstrap loads {names.barrier(last[p])} before {names.barrier(v)}", -1, v)
        last[p] = v


def _programs(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H3: one PROGRAM pushes the instances of a barrier in order. H9: no deeper than a transfer reaches."""
    p = graph.program
    depth = p.machine.management.program_depth
    task, v = p.programs.rows(), p.programs.index
    order = np.lexsort((np.arange(len(v)), p.barriers.pid[v], task))
    task, v = task[order], v[order]
    pid = p.barriers.pid[v]
    same = (task[1:] == task[:-1]) & (pid[1:] == pid[:-1])
    for i in np.nonzero(same & (p.barriers.instance[v[1:]] <= p.barriers.instance[v[:-1]]))[0].tolist():
        text = f"{names.task(int(task[i]))} pushes {names.barrier(int(v[i]))} before {names.barrier(int(v[i + 1]))}"
        yield Finding("H3", text, int(task[i]), int(v[i + 1]))
    first = np.nonzero(np.concatenate([[True], ~same]))[0] if len(v) else np.zeros(0, np.intp)
    count = np.diff(np.append(first, len(v)))
    for i, n in zip(first[count > depth].tolist(), count[count > depth].tolist(), strict=True):
        text = f"{names.task(int(task[i]))} pushes {n} instances of barrier {pid[i]}; one transfer writes {depth}"
        yield Finding("H9", text, int(task[i]), int(v[i + depth]))


def _counts(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H9: configured counts equal the slots of the users and stay within the limits of the counters."""
    p, model = graph.program, graph.program.machine.barriers
    size = len(p.barriers)
    sums = [
        np.bincount(table.index, weights=p.slots[table.rows()], minlength=size).astype(np.int64)
        for table in (p.updates, p.waits)
    ]
    told = (p.barriers.producers, p.barriers.consumers)
    limits = (model.max_producers, model.max_consumers)
    for word, count, given, limit in zip(("producers", "consumers"), sums, told, limits, strict=True):
        for v in np.nonzero(count != given)[0].tolist():
            text = f"{names.barrier(v)} is configured with {given[v]} {word}, but its users count {count[v]}"
            yield Finding("H9", text, -1, v)
        for v in np.nonzero(given > limit)[0].tolist():
            yield Finding("H9", f"{names.barrier(v)} has {given[v]} {word}, but a counter takes {limit}", -1, v)
    both = told[0].astype(np.int64) + told[1]
    for v in np.nonzero(both > model.max_sum)[0].tolist():
        yield Finding(
            "H9", f"{names.barrier(v)} has {both[v]} producers and consumers; the limit is {model.max_sum}", -1, v
        )


def _tail(graph: EventGraph, names: Names) -> Iterator[Finding]:
    """H10: there is a tail that firmware hears of. H11: nothing waits on it and nothing comes after it."""
    barriers = graph.program.barriers
    tail = barriers.tail
    if graph.program.mode == "full":
        for v in np.nonzero(barriers.irq != IRQ_OFF)[0].tolist():
            if v != tail:
                yield Finding(
                    "H10", f"the interrupt of {names.barrier(v)} is on; in full mode only the tail has one", -1, v
                )
    else:
        for v in np.nonzero(barriers.irq == IRQ_LIFTED)[0].tolist():
            if v != tail:
                text = f"{names.barrier(v)} interrupts when it lifts, which is how firmware hears of the tail"
                yield Finding("H10", text, -1, v)
    if tail < 0:
        yield Finding("H10", "no barrier is the tail: firmware never learns that the program is complete")
        return
    if barriers.irq[tail] != IRQ_LIFTED:
        yield Finding("H10", f"{names.barrier(tail)} raises no interrupt when it lifts", -1, tail)
    for t in graph.program.consumers[tail].tolist():
        yield Finding("H11", f"{names.task(t)} waits on {names.barrier(tail)}: it runs after completion", t, tail)
    for v in np.nonzero((barriers.pid == barriers.pid[tail]) & (barriers.instance > barriers.instance[tail]))[
        0
    ].tolist():
        yield Finding("H11", f"{names.barrier(v)} comes after {names.barrier(tail)} on the same barrier", -1, v)
