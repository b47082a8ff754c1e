"""Deadlocks that pools cause (H7): all servers wait for something that comes after a task which needs one.

The event graph cannot say so: which task frees a server depends on timing. But one run without time decides it: tasks
of a pool come to head in order, and what can happen goes on to be possible until it does.
"""

from collections import deque

import numpy as np

from wlm_dialect.passes.checker.events import Event, EventGraph


def unserved(graph: EventGraph) -> list[int]:
    """Per pool the first task that never finds a free server, if there is one. Precondition: the graph has no cycle."""
    p = graph.program
    pools = [e for e in range(len(p.lists)) if graph.order_of(e) == "pool" and len(p.lists[e])]
    if not pools:
        return []
    head_of = {int(x): e for e in pools for x in graph.node(Event.HEAD, p.lists[e])}
    end_of = {int(x): e for e in pools for x in graph.node(Event.END, p.lists[e])}
    free = {e: p.machine.engines[e].servers for e in pools}
    waiting: dict[int, deque[int]] = {e: deque() for e in pools}
    after = graph.predecessors.transposed(graph.first[-1])
    missing = np.diff(graph.predecessors.start).tolist()
    ready = [node for node, count in enumerate(missing) if not count]
    while ready:
        node = ready.pop()
        e = head_of.get(node, -1)
        if e >= 0 and not free[e]:
            waiting[e].append(node)
            continue
        if e >= 0:
            free[e] -= 1
        elif node in end_of:
            e = end_of[node]
            free[e] += 1
            if waiting[e]:
                ready.append(waiting[e].popleft())
        for x in after[node].tolist():
            missing[x] -= 1
            if not missing[x]:
                ready.append(x)
    return [graph.kind_of(queue[0])[1] for queue in waiting.values() if queue]
