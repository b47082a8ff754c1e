"""List scheduling by b-level: a program order in which every engine's list follows the estimated start times."""

from collections.abc import Sequence
from heapq import heappop, heappush

from wlm_dialect.kernels.csr import I64, int64


def successors_of(predecessors: Sequence[Sequence[int]]) -> list[list[int]]:
    """Task -> tasks that name it as a predecessor, ascending."""
    out: list[list[int]] = [[] for _ in predecessors]
    for task, before in enumerate(predecessors):
        for p in before:
            out[p].append(task)
    return out


def b_levels(cycles: Sequence[int], successors: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """Per task the longest path from its start to the end, in ticks. `order` is a topological order."""
    level = [0] * len(cycles)
    for task in reversed(order):
        level[task] = cycles[task] + max((level[s] for s in successors[task]), default=0)
    return level


def topological_order(predecessors: Sequence[Sequence[int]], successors: Sequence[Sequence[int]]) -> list[int]:
    """The stable topological order: always the lowest index that is ready. Shorter than the input if it is cyclic."""
    missing = [len(p) for p in predecessors]
    ready = [task for task, count in enumerate(missing) if count == 0]
    order: list[int] = []
    while ready:
        task = heappop(ready)
        order.append(task)
        for s in successors[task]:
            missing[s] -= 1
            if missing[s] == 0:
                heappush(ready, s)
    return order


def list_schedule(
    engine: Sequence[int],
    cycles: Sequence[int],
    predecessors: Sequence[Sequence[int]],
    servers: Sequence[int],
    priority: Sequence[int] | None = None,
) -> tuple[list[int], I64]:
    """Tasks in order of estimated start, and the starts in ticks.

    `engine` indexes `servers` (tasks an engine runs at a time). Each engine that is free takes the ready task with the
    highest priority (default: b-level; ties: lower index). The order is a topological one: tasks last at least a tick.
    Raises ValueError if the predecessors are cyclic.
    """
    successors = successors_of(predecessors)
    order = topological_order(predecessors, successors)
    if len(order) != len(engine):
        raise ValueError("list_schedule: the predecessors are cyclic")
    rank = b_levels(cycles, successors, order) if priority is None else priority
    missing = [len(p) for p in predecessors]
    ready: list[list[tuple[int, int]]] = [[] for _ in servers]
    for task, count in enumerate(missing):
        if count == 0:
            heappush(ready[engine[task]], (-rank[task], task))
    start = [0] * len(engine)
    free = list(servers)
    running: list[tuple[int, int]] = []
    touched = set(range(len(servers)))
    now = 0
    scheduled: list[int] = []
    while True:
        for e in sorted(touched):
            while free[e] and ready[e]:
                task = heappop(ready[e])[1]
                free[e] -= 1
                start[task] = now
                scheduled.append(task)
                heappush(running, (now + cycles[task], task))
        if not running:
            return scheduled, int64(start)
        now = running[0][0]
        touched = set()
        while running and running[0][0] == now:
            task = heappop(running)[1]
            free[engine[task]] += 1
            touched.add(engine[task])
            for s in successors[task]:
                missing[s] -= 1
                if missing[s] == 0:
                    heappush(ready[engine[s]], (-rank[s], s))
                    touched.add(engine[s])
