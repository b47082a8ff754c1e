"""Estimated times of tasks: one sweep in program order, management free. Slack for placement comes from here."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.program import Program


@dataclass(frozen=True)
class Estimate:
    """Ticks per task in program order."""

    start: list[int]
    end: list[int]


def estimate(program: Program) -> Estimate:
    """Earliest times without management: descriptors are always there, barriers re-armed as soon as they are over.

    Virtual barriers are unlimited. A task that uses an instance of a physical one is at head once that is armed.
    """
    n = len(program)
    start, end = [0] * n, [0] * n
    lifted = [0] * len(program.barriers)
    after, waits, updates = program.after.lists(), program.waits.lists(), program.updates.lists()
    engine, cycles = program.engine.tolist(), program.cycles.tolist()
    orders = [e.order for e in program.machine.engines]
    servers: list[list[int]] = [[0] * e.servers for e in program.machine.engines]
    head = [0] * len(orders)
    previous = program.barriers.previous.tolist()
    over = [0] * len(previous)
    consumed = np.diff(program.consumers.start).tolist()
    for t in range(n):
        e = engine[t]
        begin = heappop(servers[e])
        for v in (*waits[t], *updates[t]):
            if previous[v] >= 0 and over[previous[v]] > begin:
                begin = over[previous[v]]
        if orders[e] in ("outstanding", "pool"):
            begin = max(begin, head[e])
        for a in after[t]:
            if end[a] > begin:
                begin = end[a]
        for v in waits[t]:
            if lifted[v] > begin:
                begin = lifted[v]
        finish = begin + cycles[t]
        start[t], end[t] = begin, finish
        heappush(servers[e], finish)
        if orders[e] == "outstanding":
            head[e] = begin
        for v in updates[t]:
            if finish > lifted[v]:
                lifted[v] = finish
            if finish > over[v] and not consumed[v]:
                over[v] = finish
        for v in waits[t]:
            if begin > over[v]:
                over[v] = begin
    return Estimate(start, end)


def over_times(program: Program, times: Estimate) -> list[int]:
    """Per barrier the tick at which it is over: its last consumer starts, or its last producer ends if it has none."""
    producers, consumers = program.producers.lists(), program.consumers.lists()
    return [
        max((times.start[t] for t in c), default=max((times.end[t] for t in p), default=0))
        for p, c in zip(producers, consumers, strict=True)
    ]


def quiet_place(times: Estimate, listed: Sequence[int] | I32, low: int, high: int, *, late: bool = False) -> int:
    """The place in [low, high] before which a queue idles longest; of equals the first, or the last if `late`.

    Place i is before the i-th task of the list `listed`; places beyond its end are not considered.
    """
    best, found = -1, low
    for place in range(low, min(high, len(listed) - 1) + 1):
        idle = times.start[listed[place]] - (times.end[listed[place - 1]] if place else 0)
        if idle > best or (late and idle == best):
            best, found = idle, place
    return found
