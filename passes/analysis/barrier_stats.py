"""What a program does with its barriers, as plain values: width, lifetimes, occupancy, orders added and their cost."""

from typing import Any

import numpy as np

from wlm_dialect.kernels.csr import I64
from wlm_dialect.passes.analysis.added_orders import added_orders
from wlm_dialect.passes.analysis.estimate import Estimate, estimate
from wlm_dialect.passes.analysis.reuse import minimum_cover
from wlm_dialect.program import Barriers, Kind, Program

COLUMNS = 60
"""Stretches of time for which the occupancy is given."""


def barrier_stats(program: Program, wanted: Program | None = None, graph: Program | None = None) -> dict[str, Any]:
    """Figures of a program in phase virtual or later. Times are ticks by the estimate, management free.

    `wanted` is the program before barriers were bound, whose width is given (default: the program itself); `graph` what
    both were made from: without it, orders added are not known (None).
    """
    times = estimate(program)
    first, over = lives(program, times)
    makespan = max(times.end, default=0)
    pids = program.barriers.pid
    return {
        "barriers": len(program.barriers),
        "available": program.machine.barriers.count,
        "physical_used": len(np.unique(pids[pids >= 0])),
        "width": width(program if wanted is None else wanted),
        "makespan": makespan,
        "lifetimes": lifetimes(over - first),
        "occupancy": occupancy(first, over, makespan),
        "added": None if graph is None else added(graph, program, makespan),
    }


def width(program: Program) -> dict[str, Any]:
    """The most barriers of which no two may share a physical one, by known order alone, and which they are.

    `enough`: a number of physical barriers that is enough, with chains of barriers to prove it. `exact`: the two agree
    always, because all barriers were matched at once.
    """
    cover = minimum_cover(program)
    producers, consumers = program.producers.lists(), program.consumers.lists()
    return {
        "at_least": cover.width,
        "enough": cover.count,
        "exact": cover.method == "matching",
        "antichain": [
            {
                "barrier": program.barrier_name(v),
                "producers": [_task(program, t) for t in producers[v]],
                "consumers": [_task(program, t) for t in consumers[v]],
            }
            for v in cover.antichain.tolist()
        ],
    }


def _task(program: Program, task: int) -> str:
    return f"{program.names[task]} on {program.engine_name(task)}"


def lives(program: Program, times: Estimate) -> tuple[I64, I64]:
    """Per barrier the start of its first producer, and when it is over: shape (barriers,), ticks. Unused ones: 0, 0."""
    first = np.full(len(program.barriers), np.iinfo(np.int64).max, np.int64)
    over = np.zeros(len(program.barriers), np.int64)
    start, end = np.asarray(times.start, np.int64), np.asarray(times.end, np.int64)
    producers, consumers = program.producers, program.consumers
    np.minimum.at(first, producers.rows(), start[producers.index])
    np.maximum.at(over, producers.rows(), end[producers.index])
    np.maximum.at(over, consumers.rows(), start[consumers.index])
    return np.where(over > 0, first, 0), over


def lifetimes(ticks: I64) -> dict[str, Any]:
    """Mean, median and longest, and how many lie in [2**k, 2**(k + 1)) ticks."""
    if not len(ticks):
        return {"mean": 0, "median": 0, "longest": 0, "histogram": []}
    power = np.floor(np.log2(np.maximum(ticks, 1))).astype(np.int64)
    powers = range(int(power.min()), int(power.max()) + 1)
    histogram = [{"from": 2**k, "below": 2 ** (k + 1), "barriers": int((power == k).sum())} for k in powers]
    return {
        "mean": round(float(ticks.mean())),
        "median": round(float(np.median(ticks))),
        "longest": int(ticks.max()),
        "histogram": histogram,
    }


def occupancy(first: I64, over: I64, makespan: int) -> dict[str, Any]:
    """How many barriers are in use: the most ever, the mean over time, and the most in each of `COLUMNS` stretches."""
    columns = min(COLUMNS, makespan)
    if not columns or not len(first):
        return {"most": 0, "mean": 0.0, "columns": []}
    at = np.concatenate([first, over])
    step = np.concatenate([np.ones(len(first), np.int64), np.full(len(over), -1, np.int64)])
    order = np.lexsort((step, at))  # what is over at a tick makes room for what begins there
    at, in_use = at[order], np.cumsum(step[order])
    edges = np.arange(columns + 1) * makespan // columns
    most = []
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        begin, end = np.searchsorted(at, low, side="right"), np.searchsorted(at, high, side="left")
        before = [int(in_use[begin - 1])] if begin else []
        most.append(max([*before, *in_use[begin:end].tolist()], default=0))
    return {"most": int(in_use.max()), "mean": round(float((over - first).sum()) / makespan, 3), "columns": most}


def added(graph: Program, program: Program, makespan: int) -> dict[str, Any]:
    """Orders that the program has and its graph has not, the tasks inserted, and what both cost in ticks.

    `waits` cost what the program takes longer than the graph with barriers as many as it likes, `reuses` the rest.
    """
    orders = added_orders(graph, program)
    unbound = program.with_(barriers=Barriers.virtual(len(program.barriers), program.barriers.tail))
    unlimited = max(estimate(graph).end, default=0)
    without_limit = max(estimate(unbound).end, default=0)
    return {
        "waits": orders.waits,
        "reuses": orders.reuses,
        "tasks": int(np.count_nonzero(program.kind != Kind.RUN)),
        "unlimited": unlimited,
        "waits_cost": without_limit - unlimited,
        "reuses_cost": makespan - without_limit,
    }
