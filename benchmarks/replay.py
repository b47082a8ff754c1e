"""When tasks run if management is free: a recurrence over program order that knows nothing of passes and clocks.

A task starts when its engine is free, its dependences have ended, the barriers it waits on have lifted, and every
instance that it waits on or updates is armed: the instance before on the same physical barrier is over. Arming is free.
"""

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from wlm_dialect.kernels.csr import I64
from wlm_dialect.program import Kind, Program


class NotInOrder(Exception):
    """Program order is no witness: a task needs something that comes later."""


@dataclass(frozen=True)
class Replay:
    """Ticks per task."""

    start: list[int]
    end: list[int]

    @property
    def makespan(self) -> int:
        """The last end."""
        return max(self.end, default=0)


def replay(program: Program, cycles: list[int] | None = None) -> Replay:
    """Start and end of each task, in any phase but managed; `cycles` replaces the durations of the tasks."""
    n, count = len(program), len(program.barriers)
    after, waits, updates = program.after.lists(), program.waits.lists(), program.updates.lists()
    producing = np.diff(program.producers.start).tolist()  # users still to come
    consuming = np.diff(program.consumers.start).tolist()
    previous = program.barriers.previous.tolist()
    lifted, over = [0] * count, [0] * count
    start, end = [0] * n, [0] * n
    free = [[0] * e.servers for e in program.machine.engines]
    together = [e.order in ("outstanding", "pool") for e in program.machine.engines]
    head = [0] * len(free)
    engine = program.engine.tolist()
    ticks = program.cycles.tolist() if cycles is None else cycles
    for t in range(n):
        e = engine[t]
        begin = max(heappop(free[e]), head[e] if together[e] else 0, *(end[a] for a in after[t]), 0)
        for v in (*waits[t], *updates[t]):
            u = previous[v]
            if u < 0:
                continue
            if producing[u] or consuming[u] > (u in waits[t]):
                raise NotInOrder(f"task {t} uses {program.barrier_name(v)} before {program.barrier_name(u)} is over")
            begin = max(begin, over[u])
        for v in waits[t]:
            if producing[v]:
                raise NotInOrder(f"task {t} waits on {program.barrier_name(v)} before all of its producers")
            begin = max(begin, lifted[v])
        start[t], end[t] = begin, begin + ticks[t]
        for v in waits[t]:
            consuming[v] -= 1
            over[v] = max(over[v], begin)
        for v in updates[t]:
            producing[v] -= 1
            lifted[v] = max(lifted[v], end[t])
            over[v] = max(over[v], end[t])
        heappush(free[e], end[t])
        head[e] = begin
    return Replay(start, end)


def own_tasks(graph: Program, program: Program) -> I64:
    """Per task of the graph its index in a program made from it: the k-th of an engine is the k-th there.

    ValueError if an engine has more or fewer tasks of the network.
    """
    out = np.full(len(graph), -1, np.int64)
    for e, tasks in enumerate(graph.lists):
        here = program.lists[e]
        own = here[program.kind[here] == Kind.RUN]
        if len(own) != len(tasks):
            name = program.machine.engines[e].name
            raise ValueError(f"{name} has {len(own)} tasks of the network, but its graph has {len(tasks)}")
        out[tasks] = own
    return out


def violations(graph: Program, program: Program, times: Replay) -> list[str]:
    """What a run breaks: a dependence of the graph, or a physical barrier updated before its last use is over."""
    own = own_tasks(graph, program)
    start, end = np.asarray(times.start)[own], np.asarray(times.end)[own]
    follower = np.repeat(np.arange(len(graph)), np.diff(graph.after.start))
    early = np.nonzero(start[follower] < end[graph.after.index])[0]
    out = [f"{graph.names[follower[i]]} starts before the end of {graph.names[graph.after.index[i]]}" for i in early]
    producers, consumers = program.producers.lists(), program.consumers.lists()
    for v, u in enumerate(program.barriers.previous.tolist()):
        if u < 0:
            continue
        over = max([times.end[t] for t in producers[u]] + [times.start[t] for t in consumers[u]])
        if min(times.start[t] for t in producers[v]) < over:
            out.append(f"{program.barrier_name(v)} is updated before {program.barrier_name(u)} is over")
    return out
