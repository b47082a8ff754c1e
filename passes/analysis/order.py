"""What is known to happen before what, between tasks: one clock per chain of tasks (design section 5).

A *lane* is a chain: the tasks of an engine whose ends are in order, or, on engines whose ends are not (pools, several
descriptors in flight), tasks that dependences happen to order. Clock entry c of task t is the last position on lane c
whose end is known to precede t. A question is one comparison; building is O((tasks + edges) x lanes).
"""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.program import Kind, Program


@dataclass(frozen=True, eq=False)
class Order:
    """Clocks of a program. `ends` and `heads` have shape (tasks, lanes); entries are positions on lanes, -1 = none."""

    lane: I32  # lane of each task
    at: I32  # position on it
    ends: I32  # row t: ends known at the end of t, its own included
    heads: I32  # row t: ends known when t is at head

    def before_start(self, a: int, b: int) -> bool:
        """end(a) -> start(b) is known."""
        return a != b and bool(self.ends[b, self.lane[a]] >= self.at[a])

    def before_head(self, a: int, b: int) -> bool:
        """end(a) -> head(b) is known."""
        return bool(self.heads[b, self.lane[a]] >= self.at[a])

    def start_before_end(self, a: int, b: int) -> bool:
        """start(a) -> end(b) is known: b is a, or starts after the end of a."""
        return bool(self.ends[b, self.lane[a]] >= self.at[a])


class _Lanes:
    """Clock rows that grow sideways when an unordered engine needs another lane."""

    def __init__(self, program: Program) -> None:
        n = len(program)
        self.engine_lane: list[list[int]] = []
        lanes = 0
        for e, tasks in enumerate(program.lists):
            ordered = program.machine.engines[e].ends_in_order
            self.engine_lane.append([lanes] if ordered and len(tasks) else [])
            lanes += len(self.engine_lane[e])
        self.used = lanes
        self.last: dict[int, int] = {}  # lane -> last position
        self.ends = np.full((n, lanes + 4), -1, np.int32)
        self.heads = np.full((n, lanes + 4), -1, np.int32)

    def new(self) -> int:
        if self.used == self.ends.shape[1]:
            wider = np.full((self.ends.shape[0], self.used), -1, np.int32)
            self.ends = np.hstack([self.ends, wider])
            self.heads = np.hstack([self.heads, wider])
        self.used += 1
        return self.used - 1

    def take(self, engine: int, ordered: bool, row: I32) -> tuple[int, int]:
        """Lane and position for a task that knows `row` at its start."""
        lanes = self.engine_lane[engine]
        lane = -1
        if ordered:
            lane = lanes[0]
        else:
            for c in lanes:
                if row[c] == self.last[c]:
                    lane = c
                    break
            else:
                lane = self.new()
                lanes.append(lane)
        position = self.last.get(lane, -1) + 1
        self.last[lane] = position
        return lane, position


def enqueuers(program: Program) -> I32:
    """Per task the ENQUEUE task that pushes it, or -1."""
    out = np.full(len(program), -1, np.int32)
    for t in np.nonzero(program.kind == Kind.ENQUEUE)[0].tolist():
        tasks = program.lists[int(program.target[t])]
        out[tasks[int(program.low[t]) : int(program.high[t])]] = t
    return out


def task_order(program: Program) -> Order:
    """Clocks over dependences, barriers, engine order and enqueue DMAs. Work items of firmware are not used."""
    n = len(program)
    lanes = _Lanes(program)
    after = program.after.lists()
    waits = program.waits.lists()
    producers = program.producers.lists()
    predecessor = program.predecessor.tolist()
    position = program.position.tolist()
    pushed_by = enqueuers(program).tolist()
    engine = program.engine.tolist()
    lane = np.zeros(n, np.int32)
    at = np.zeros(n, np.int32)
    barrier_rows: dict[int, I32] = {}
    for t in range(n):
        model = program.machine.engines[engine[t]]
        heads, ends = lanes.heads[t], lanes.ends[t]
        before, pusher = predecessor[t], pushed_by[t]
        if pusher >= 0:
            np.maximum(heads, lanes.ends[pusher], out=heads)
        if before >= 0:
            if model.order == "serial":
                np.maximum(heads, lanes.ends[before], out=heads)
            elif model.order == "pool":
                np.maximum(heads, lanes.heads[before], out=heads)
            else:
                np.maximum(heads, _start_row(lanes, before, int(lane[before]), int(at[before])), out=heads)
        ends[:] = heads
        if before >= 0 and model.order == "prefetching":
            np.maximum(ends, lanes.ends[before], out=ends)
        if model.order == "outstanding" and position[t] >= model.servers:
            earlier = program.lists[engine[t]][position[t] - model.servers]
            np.maximum(ends, lanes.ends[earlier], out=ends)
        for p in after[t]:
            np.maximum(ends, lanes.ends[p], out=ends)
        for v in waits[t]:
            row = barrier_rows.get(v)
            if row is None or len(row) != lanes.ends.shape[1]:
                row = np.max(lanes.ends[producers[v]], axis=0) if producers[v] else np.full_like(ends, -1)
                barrier_rows[v] = row
            np.maximum(ends, row, out=ends)
        width = lanes.ends.shape[1]
        lane[t], at[t] = lanes.take(engine[t], model.ends_in_order, ends)
        if lanes.ends.shape[1] != width:
            ends = lanes.ends[t]
        ends[lane[t]] = at[t]
    return Order(lane, at, lanes.ends[:, : lanes.used], lanes.heads[:, : lanes.used])


def _start_row(lanes: _Lanes, task: int, lane: int, at: int) -> I32:
    row: I32 = lanes.ends[task].copy()
    row[lane] = at - 1
    return row
