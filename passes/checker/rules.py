"""Rules that are orders of two events (H1-H6, H8, H10), as obligations `first` comes before `then`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.passes.checker.races import conflicts
from wlm_dialect.passes.checker.ranges import expand


@dataclass(frozen=True, eq=False)
class Obligations:
    """Pairs of events that must be ordered under one rule. All arrays have shape (obligations,); -1 = none."""

    rule: str
    what: str  # the property that is proved if all hold
    first: I32
    then: I32
    task: I32  # who suffers
    barrier: I32
    other: I32  # the other task

    def __len__(self) -> int:
        return len(self.first)


def _table(rule: str, what: str, first: I32, then: I32, **columns: I32) -> Obligations:
    none = np.full(len(first), -1, np.int32)
    task, barrier, other = (columns.get(name, none) for name in ("task", "barrier", "other"))
    return Obligations(rule, what, first, then, task, barrier, other)


def obligations(graph: EventGraph) -> list[Obligations]:
    """All obligations of a program; instances that nothing programs and tasks that nothing pushes have none."""
    rules: tuple[Callable[[EventGraph], Obligations], ...] = (
        _stale_waits,
        _stale_updates,
        _barrier_fifo,
        _push_order,
        _fetched,
        _slots,
        _enqueue_order,
        _room,
        _races,
        _dependences,
        _complete,
    )
    return [rule(graph) for rule in rules]


def _armed_before(graph: EventGraph, table: Csr, kind: Event) -> tuple[I32, I32, I32, I32]:
    """(first, then, task, barrier): what arms the instances of `table` comes before an event of the tasks in it."""
    pairs = np.arange(len(table.index), dtype=np.int32)
    row, first = graph.rows_of(graph.arm_causes, table.index)
    task = table.rows()[pairs[row]]
    return first, graph.node(kind, task), task, table.index[row]


def _stale_waits(graph: EventGraph) -> Obligations:
    first, then, task, barrier = _armed_before(graph, graph.program.waits, Event.HEAD)
    what = "no task starts on a stale barrier: each instance is armed before its consumers can mistake it"
    return _table("H1", what, first, then, task=task, barrier=barrier)


def _stale_updates(graph: EventGraph) -> Obligations:
    first, then, task, barrier = _armed_before(graph, graph.program.updates, Event.END)
    what = "no task updates a stale barrier, no counter goes below zero: each instance is armed before a producer ends"
    return _table("H2", what, first, then, task=task, barrier=barrier)


def _barrier_fifo(graph: EventGraph) -> Obligations:
    """over(instance k - B - 1) -> push(k), for pushes by DMA.

    Firmware pushes instance i in the handler of j >= i - F - 1, and F <= B: there is room.
    """
    barriers, depth = graph.program.barriers, graph.program.machine.barriers.fifo_depth
    pushed = np.nonzero((graph.ranges.program_of >= 0) & (barriers.instance > depth))[0].astype(np.int32)
    former = pushed
    for _ in range(depth + 1):
        former = barriers.previous[former]
    row, first = graph.rows_of(graph.over_causes, former)
    barrier = pushed[row]
    what = "no barrier FIFO overflows"
    return _table("H3", what, first, graph.push_node[barrier], task=graph.ranges.program_of[barrier], barrier=barrier)


def _push_order(graph: EventGraph) -> Obligations:
    barriers, push = graph.program.barriers, graph.push_node
    later = np.nonzero((push >= 0) & (barriers.previous >= 0))[0].astype(np.int32)
    former = barriers.previous[later]
    differs = (push[former] >= 0) & (push[former] != push[later])
    later, former = later[differs], former[differs]
    task, other = graph.ranges.program_of[later], graph.ranges.program_of[former]
    what = "instances of a barrier are pushed in order"
    return _table("H3", what, push[former], push[later], task=task, barrier=later, other=other)


def _fetched(graph: EventGraph) -> Obligations:
    fetch, task = graph.ranges.fetch_tasks
    what = "no descriptor is read before it is fetched"
    return _table("H4", what, graph.node(Event.END, fetch), graph.node(Event.HEAD, task), task=task, other=fetch)


def _slots(graph: EventGraph) -> Obligations:
    """end(former user of a slot) -> start(the fetch into it)."""
    p, (fetch, task) = graph.program, graph.ranges.fetch_tasks
    slot = p.slot[fetch] + p.position[task] - p.low[fetch]
    order = np.lexsort((fetch, slot, p.engine[task]))
    fetch, task, slot = fetch[order], task[order], slot[order]
    same = (p.engine[task][1:] == p.engine[task][:-1]) & (slot[1:] == slot[:-1])
    old, new = task[:-1][same], fetch[1:][same]
    what = "no descriptor is overwritten while it is live"
    return _table("H5", what, graph.node(Event.END, old), graph.node(Event.START, new), task=old, other=new)


def _enqueue_order(graph: EventGraph) -> Obligations:
    """All pushes of an ENQUEUE land before the first of the next one for the same engine."""
    p, owner = graph.program, graph.ranges.enqueue_of
    before = p.predecessor
    cut = np.nonzero((owner >= 0) & (before >= 0) & (owner[before] >= 0) & (owner != owner[before]))[0]
    old, new = owner[before[cut]], owner[cut]
    then = graph.node(Event.END, new)
    if p.machine.full_fifo == "block":
        then = graph.node(Event.TRANSFER, np.searchsorted(graph.ranges.enqueues, new))
    what = "each task is enqueued once, in the order of its engine's list"
    return _table("H6", what, graph.node(Event.END, old), then, task=cut.astype(np.int32), other=new)


def _room(graph: EventGraph) -> Obligations:
    """head(the entry D before) -> a push that cannot wait for room: by firmware, or by a DMA if the FIFO drops."""
    p, r = graph.program, graph.ranges
    by_item = (r.item_of >= 0) & ~r.boot_item[r.item_of] if len(p.items) else np.zeros(len(p), bool)
    by_dma = (r.enqueue_of >= 0) & (p.machine.full_fifo == "drop")
    pushed = np.nonzero((by_item | by_dma) & r.first_of_entry)[0].astype(np.int32)
    room = r.depth_before(pushed)
    pushed, room = pushed[room >= 0], room[room >= 0]
    then = np.where(
        by_item[pushed],
        graph.node(Event.ITEM, r.item_of[pushed]),
        graph.node(Event.END, r.enqueue_of[pushed]),
    )
    together = np.where(
        by_item[pushed], r.item_of[pushed] == r.item_of[room], r.enqueue_of[pushed] == r.enqueue_of[room]
    )
    first, row = [graph.node(Event.HEAD, room[together])], [np.nonzero(together)[0]]
    for e, tasks in enumerate(p.lists):
        mine = np.nonzero(~together & (p.engine[room] == e))[0]
        order, servers = graph.order_of(e), p.machine.engines[e].servers
        at = p.position[room[mine]] - (servers if order == "pool" else 1)
        mine, at = mine[at >= 0], at[at >= 0]
        if order == "pool":
            # all up to there, whose ends nothing else orders; those before the room of the former push it has asked for
            asked = np.concatenate([[0], at[:-1] + 1])[: len(at)].astype(np.int32)
            each, at = expand(asked, at + 1)
            mine = mine[each]
        kind = Event.END if order in ("serial", "pool") else Event.START
        first.append(graph.node(kind, tasks[at]))
        row.append(mine)
    rows = np.concatenate(row)
    by_push = np.argsort(rows, kind="stable")
    rows, causes = rows[by_push], np.concatenate(first)[by_push].astype(np.int32)
    what = "no work FIFO overflows"
    return _table("H6", what, causes, then[rows].astype(np.int32), task=pushed[rows], other=room[rows])


def _races(graph: EventGraph) -> Obligations:
    first, then = conflicts(graph.program)
    what = "no data race: conflicting accesses of a buffer are ordered"
    return _table("H8", what, graph.node(Event.END, first), graph.node(Event.START, then), task=then, other=first)


def _dependences(graph: EventGraph) -> Obligations:
    """`after` in a managed program is no order of the machine but a promise to be kept."""
    p = graph.program
    task, before = p.after.rows(), p.after.index
    what = "each task starts after the tasks it depends on"
    return _table("H8", what, graph.node(Event.END, before), graph.node(Event.START, task), task=task, other=before)


def _complete(graph: EventGraph) -> Obligations:
    p, tail = graph.program, graph.program.barriers.tail
    last: list[I32] = []
    for e, tasks in enumerate(p.lists):
        last.append(tasks[-1:] if graph.order_of(e) in ("serial", "prefetching") else tasks)
    task = np.concatenate(last) if tail >= 0 else np.zeros(0, np.int32)
    then = np.full(len(task), int(graph.node(Event.LIFTED, max(tail, 0))), np.int32)
    barrier = np.full(len(task), tail, np.int32)
    what = "the tail lifts only after every task has ended, all counters at zero and all FIFOs empty (H11)"
    return _table("H10", what, graph.node(Event.END, task), then, task=task, barrier=barrier)
