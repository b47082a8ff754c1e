"""One-edit mutants of managed programs, by the hazard that the edit is after. None where an operator finds no place."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from wlm_dialect.kernels.csr import Csr, int32
from wlm_dialect.passes.reordering import reordered
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_OFF, IRQ_OVER, WorkItems

Rows = list[list[int]]
Operator = Callable[[Program, random.Random], Program | None]


def recounted(p: Program, **tables: Rows) -> Program:
    """Other waits and updates, with configured counts that fit."""
    p = p.with_(**{name: Csr.of(rows) for name, rows in tables.items()})
    size = len(p.barriers)
    made, used = (
        np.bincount(t.index, weights=p.slots[t.rows()], minlength=size).astype(np.int32) for t in (p.updates, p.waits)
    )
    return p.with_(barriers=replace(p.barriers, producers=made, consumers=used))


def _of_kind(p: Program, kind: Kind) -> list[int]:
    return np.nonzero(p.kind == kind)[0].tolist()


def _pick(rng: random.Random, values: list[int]) -> int | None:
    return rng.choice(values) if values else None


def _move(p: Program, rng: random.Random, t: int | None, least: int, most: int) -> Program | None:
    """Task `t` some places further (or back) in the list of its engine; those in between make way."""
    if t is None:
        return None
    tasks = p.lists[int(p.engine[t])].tolist()
    at = tasks.index(t)
    to = min(max(at + rng.randint(least, most), 0), len(tasks) - 1)
    if to == at:
        return None
    moved = tasks[:at] + tasks[at + 1 :]
    moved.insert(to, t)
    order = np.arange(len(p), dtype=np.int32)
    order[np.array(tasks)] = moved
    return reordered(p, order)


# ---- H1, H2: instances, waits on them, pushes that come too early


def reuse_live_barrier(p: Program, rng: random.Random) -> Program | None:
    """An instance moves to another physical barrier."""
    pid = p.barriers.pid.copy()
    v = rng.randrange(len(pid))
    others = sorted(set(pid.tolist()) - {int(pid[v])})
    if not others:
        return None
    pid[v] = rng.choice(others)
    return p.with_(barriers=replace(p.barriers, pid=pid))


def swap_barriers(p: Program, rng: random.Random) -> Program | None:
    """Two instances change places."""
    pid = p.barriers.pid.copy()
    if len(set(pid.tolist())) < 2:
        return None
    a = rng.randrange(len(pid))
    b = rng.choice(np.nonzero(pid != pid[a])[0].tolist())
    pid[a], pid[b] = pid[b], pid[a]
    return p.with_(barriers=replace(p.barriers, pid=pid))


def enqueue_early(p: Program, rng: random.Random) -> Program | None:
    """An ENQUEUE goes up its queue, or a work item forgets one of the barriers it hangs on."""
    if p.mode == "full":
        return _move(p, rng, _pick(rng, _of_kind(p, Kind.ENQUEUE)), -4, -1)
    at = p.items.at.lists()
    late = [i for i, row in enumerate(at) if row]
    if not late:
        return None
    row = at[rng.choice(late)]
    row.pop(rng.randrange(len(row)))
    return p.with_(items=replace(p.items, at=Csr.of(at)))


def wait_elsewhere(p: Program, rng: random.Random) -> Program | None:
    """A task waits on another barrier than it should."""
    waits = p.waits.lists()
    waiting = [t for t, row in enumerate(waits) if row]
    if not waiting:
        return None
    t = rng.choice(waiting)
    others = [v for v in range(len(p.barriers)) if v not in waits[t]]
    if not others:
        return None
    waits[t][rng.randrange(len(waits[t]))] = rng.choice(others)
    return recounted(p, waits=waits)


# ---- H3: barrier FIFOs


def program_early(p: Program, rng: random.Random) -> Program | None:
    """A PROGRAM goes up its queue."""
    return _move(p, rng, _pick(rng, _of_kind(p, Kind.PROGRAM)), -6, -1)


def program_late(p: Program, rng: random.Random) -> Program | None:
    """A PROGRAM goes down its queue."""
    return _move(p, rng, _pick(rng, _of_kind(p, Kind.PROGRAM)), 1, 6)


def swap_programs(p: Program, rng: random.Random) -> Program | None:
    """Two instances that are programmed change places."""
    programs = p.programs.lists()
    places = [(t, i) for t, row in enumerate(programs) for i in range(len(row))]
    if len(places) < 2:
        return None
    (a, i), (b, j) = rng.sample(places, 2)
    programs[a][i], programs[b][j] = programs[b][j], programs[a][i]
    return p.with_(programs=Csr.of(programs))


def overfill_barrier(p: Program, rng: random.Random) -> Program | None:
    """Bootstrap loads an instance that a DMA or firmware would have pushed later."""
    loaded = set(p.bootstrap.tolist())
    later = [v for v in range(len(p.barriers)) if v not in loaded]
    if not later:
        return None
    v = rng.choice(later)
    programs = [[u for u in row if u != v] for row in p.programs.lists()]
    if any(not row and p.kind[t] == Kind.PROGRAM for t, row in enumerate(programs)):
        return None
    return p.with_(bootstrap=int32([*p.bootstrap.tolist(), v]), programs=Csr.of(programs))


def drop_program(p: Program, rng: random.Random) -> Program | None:
    """Nobody programs an instance."""
    if rng.random() < 0.5 and len(p.bootstrap) > 1:
        left = p.bootstrap.tolist()
        left.pop(rng.randrange(len(left)))
        return p.with_(bootstrap=int32(left))
    programs = p.programs.lists()
    long = [row for row in programs if len(row) > 1]
    if not long:
        return None
    row = rng.choice(long)
    row.pop(rng.randrange(len(row)))
    return p.with_(programs=Csr.of(programs))


# ---- H4, H5: descriptors


def fetch_late(p: Program, rng: random.Random) -> Program | None:
    """A FETCH goes down its queue."""
    return _move(p, rng, _pick(rng, _of_kind(p, Kind.FETCH)), 1, 5)


def fetch_elsewhere(p: Program, rng: random.Random) -> Program | None:
    """A FETCH brings other descriptors than it should: its range is swapped with that of another one."""
    fetches = _of_kind(p, Kind.FETCH)
    pairs = [(a, b) for a in fetches for b in fetches if a < b and p.target[a] == p.target[b]]
    if not pairs:
        return None
    a, b = rng.choice(pairs)
    low, high = p.low.copy(), p.high.copy()
    low[[a, b]], high[[a, b]] = low[[b, a]], high[[b, a]]
    return p.with_(low=low, high=high)


def overlap_slots(p: Program, rng: random.Random) -> Program | None:
    """A FETCH fills other slots."""
    t = _pick(rng, _of_kind(p, Kind.FETCH))
    if t is None:
        return None
    room = p.machine.engines[int(p.target[t])].descriptor_slots - int(p.high[t] - p.low[t])
    others = [s for s in range(room + 1) if s != p.slot[t]]
    if not others:
        return None
    slot = p.slot.copy()
    slot[t] = rng.choice(others)
    return p.with_(slot=slot)


def fetch_early(p: Program, rng: random.Random) -> Program | None:
    """A FETCH goes up its queue."""
    return _move(p, rng, _pick(rng, _of_kind(p, Kind.FETCH)), -5, -1)


def drop_fetch(p: Program, rng: random.Random) -> Program | None:
    """A FETCH brings one descriptor less."""
    long = [t for t in _of_kind(p, Kind.FETCH) if p.high[t] - p.low[t] > 1]
    if not long:
        return None
    high = p.high.copy()
    high[rng.choice(long)] -= 1
    return p.with_(high=high)


# ---- H6: work FIFOs


def drop_enqueue(p: Program, rng: random.Random) -> Program | None:
    """An ENQUEUE or a work item pushes one task less."""
    if p.mode == "full":
        long = [t for t in _of_kind(p, Kind.ENQUEUE) if p.high[t] - p.low[t] > 1]
        if not long:
            return None
        high = p.high.copy()
        high[rng.choice(long)] -= 1
        return p.with_(high=high)
    n = rng.randrange(len(p.items))
    keep = [i for i in range(len(p.items)) if i != n]
    return p.with_(items=_items(p.items, keep))


def _items(items: WorkItems, order: list[int]) -> WorkItems:
    rows = np.array(order, np.int32)
    return WorkItems(
        items.engine[rows], items.low[rows], items.high[rows], items.at.gathered(rows), items.done.gathered(rows)
    )


def swap_enqueues(p: Program, rng: random.Random) -> Program | None:
    """Two ENQUEUEs change what they push, or two work items when."""
    if p.mode == "full":
        enqueues = _of_kind(p, Kind.ENQUEUE)
        pairs = [(a, b) for a in enqueues for b in enqueues if a < b]
        if not pairs:
            return None
        a, b = rng.choice(pairs)
        columns = {name: getattr(p, name).copy() for name in ("target", "low", "high")}
        for column in columns.values():
            column[[a, b]] = column[[b, a]]
        return p.with_(**columns)
    at, done = p.items.at.lists(), p.items.done.lists()
    late = [i for i in range(len(at)) if at[i] or done[i]]
    if len(late) < 2:
        return None
    a, b = rng.sample(late, 2)
    at[a], at[b], done[a], done[b] = at[b], at[a], done[b], done[a]
    return p.with_(items=replace(p.items, at=Csr.of(at), done=Csr.of(done)))


def enqueue_twice(p: Program, rng: random.Random) -> Program | None:
    """A range reaches back into the one before."""
    if p.mode == "full":
        later = [t for t in _of_kind(p, Kind.ENQUEUE) if p.low[t] > 0]
        if not later:
            return None
        low = p.low.copy()
        low[rng.choice(later)] -= 1
        return p.with_(low=low)
    later = [i for i in range(len(p.items)) if p.items.low[i] > 0]
    if not later:
        return None
    low = p.items.low.copy()
    low[rng.choice(later)] -= 1
    return p.with_(items=replace(p.items, low=low))


def push_too_much(p: Program, rng: random.Random) -> Program | None:
    """What a later push brings comes with the one before."""
    if p.mode == "full":
        low, high = p.low.copy(), p.high.copy()
        enqueues = _of_kind(p, Kind.ENQUEUE)
        pairs = [
            (a, b)
            for a in enqueues
            for b in enqueues
            if p.target[a] == p.target[b] and p.high[a] == p.low[b] < p.high[b] - 1
        ]
        if not pairs:
            return None
        a, b = rng.choice(pairs)
        high[a] = low[b] = low[b] + 1
        return p.with_(low=low, high=high)
    items = p.items
    pairs = [
        (i, j)
        for i in range(len(items))
        for j in range(i + 1, len(items))
        if items.engine[i] == items.engine[j] and items.high[i] == items.low[j]
    ]
    if not pairs:
        return None
    i, j = rng.choice(pairs)
    high = items.high.copy()
    high[i] = items.high[j]
    merged = replace(items, high=high)
    return p.with_(items=_items(merged, [n for n in range(len(items)) if n != j]))


# ---- H7: order


def reorder_list(p: Program, rng: random.Random) -> Program | None:
    """Two neighbours of a list change places."""
    return _move(p, rng, rng.randrange(len(p)), 1, 1)


def move_task(p: Program, rng: random.Random) -> Program | None:
    """A task goes down its list."""
    return _move(p, rng, rng.randrange(len(p)), 2, 8)


def interrupt_off(p: Program, rng: random.Random) -> Program | None:
    """Firmware does not hear that a barrier is over."""
    irq = p.barriers.irq.copy()
    on = np.nonzero(irq == IRQ_OVER)[0].tolist()
    if not on:
        return None
    irq[rng.choice(on)] = IRQ_OFF
    return p.with_(barriers=replace(p.barriers, irq=irq))


# ---- H8: dependences


def drop_wait(p: Program, rng: random.Random) -> Program | None:
    """A task does not wait for one of its barriers."""
    waits = p.waits.lists()
    waiting = [row for row in waits if row]
    if not waiting:
        return None
    row = rng.choice(waiting)
    row.pop(rng.randrange(len(row)))
    return recounted(p, waits=waits)


def drop_update(p: Program, rng: random.Random) -> Program | None:
    """A task does not update one of its barriers, which has other producers."""
    updates = p.updates.lists()
    places = [(t, i) for t, row in enumerate(updates) for i, v in enumerate(row) if len(p.producers[v]) > 1]
    if not places:
        return None
    t, i = rng.choice(places)
    updates[t].pop(i)
    return recounted(p, updates=updates)


def overlap_buffers(p: Program, rng: random.Random) -> Program | None:
    """A task writes into a buffer that one of its neighbours on another engine uses."""
    writes, reads = p.writes.lists(), p.reads.lists()
    places = [
        (t, b)
        for t, row in enumerate(writes)
        for u in range(max(t - 3, 0), min(t + 4, len(p)))
        if row and p.engine[u] != p.engine[t]
        for b in reads[u] + writes[u]
        if b not in row
    ]
    if not places:
        return None
    t, b = rng.choice(places)
    writes[t][0] = b
    return p.with_(writes=Csr.of(writes))


# ---- H9: counts


def wrong_count(p: Program, rng: random.Random) -> Program | None:
    """A counter is configured one too high or too low."""
    v = rng.randrange(len(p.barriers))
    name = rng.choice(("producers", "consumers"))
    counts = getattr(p.barriers, name).copy()
    counts[v] += rng.choice([n for n in (-1, 1) if counts[v] + n >= (name == "producers")])
    return p.with_(barriers=replace(p.barriers, **{name: counts}))


# ---- H10, H11: the end


def wrong_tail(p: Program, rng: random.Random) -> Program | None:
    """Another barrier is the tail."""
    others = [v for v in range(len(p.barriers)) if v != p.barriers.tail]
    if not others:
        return None
    tail = rng.choice(others)
    irq = p.barriers.irq.copy()
    irq[[tail, p.barriers.tail]] = irq[[p.barriers.tail, tail]]
    return p.with_(barriers=replace(p.barriers, irq=irq, tail=tail))


def early_tail(p: Program, rng: random.Random) -> Program | None:
    """A task does not report to the tail."""
    updates = p.updates.lists()
    last = [t for t, row in enumerate(updates) if p.barriers.tail in row]
    if len(last) < 2:
        return None
    updates[rng.choice(last)].remove(p.barriers.tail)
    return recounted(p, updates=updates)


def leave_unused(p: Program, rng: random.Random) -> Program | None:
    """One more instance, pushed at bootstrap and used by nobody, or behind the others."""
    pid = rng.choice(p.barriers.pid.tolist())
    b = p.barriers
    more = [
        np.append(a, np.int32(x)).astype(np.int32)
        for a, x in ((b.pid, pid), (b.producers, 1), (b.consumers, 0), (b.irq, 0))
    ]
    grown = replace(b, pid=more[0], producers=more[1], consumers=more[2], irq=more[3])
    return p.with_(barriers=grown, bootstrap=int32([*p.bootstrap.tolist(), len(b)]))


OPERATORS: dict[str, tuple[str, Operator]] = {
    f.__name__: (hazard, f)
    for hazard, functions in (
        ("H1/H2", (reuse_live_barrier, swap_barriers, enqueue_early, wait_elsewhere)),
        ("H3", (program_early, program_late, swap_programs, overfill_barrier, drop_program)),
        ("H4", (fetch_late, fetch_elsewhere, drop_fetch)),
        ("H5", (overlap_slots, fetch_early)),
        ("H6", (drop_enqueue, swap_enqueues, enqueue_twice, push_too_much)),
        ("H7", (reorder_list, move_task, interrupt_off)),
        ("H8", (drop_wait, drop_update, overlap_buffers)),
        ("H9", (wrong_count,)),
        ("H10/H11", (wrong_tail, early_tail, leave_unused)),
    )
    for f in functions
}
"""Name -> the hazards it is after, and the operator."""


def mutate(p: Program, name: str, rng: random.Random) -> Program | None:
    """The program after one edit; None if there is no place for it."""
    return OPERATORS[name][1](p, rng)
