"""Pass `wlm-assign-barriers`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.analysis.managers import manager
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.insert_pulses import last_use
from wlm_dialect.passes.limit_barriers import limited
from wlm_dialect.passes.merge_barriers import ordered_by_first_use
from wlm_dialect.program import Barriers, Program

MODES = ("firmware", "partial", "full")


@dataclass(frozen=True)
class AssignBarriersPass(ProgramPass):
    """Bind each virtual barrier to an instance of a physical one; fill in the counts (policy `chains`).

    A physical barrier is reused only where its previous instance is over in program order before the new one is first
    produced. For full mode that must also be *known*, from clocks: every consumer of the previous instance has started
    before each producer of the new one ends (H2), and before each of its consumers is at head (H1). There a task is
    held back by its predecessor, or, second choice, by an enqueue that wlm-place-enqueues puts late enough on the queue
    that manages its engine. Where no barrier qualifies, the number of barriers in use at once is lowered
    (wlm-limit-barriers).

    Precondition: phase virtual. Postcondition: phase physical; H2 and H9 hold; H1 once enqueues are placed.
    """

    name = "wlm-assign-barriers"
    phases = ("virtual",)
    mode: Literal["firmware", "partial", "full"] = "full"

    def transform(self, program: Program) -> Program:
        if self.mode not in MODES:
            raise ScheduleError(f"{self.name}: mode is '{self.mode}'{did_you_mean(self.mode, MODES)}")
        limit = program.machine.barriers.count
        while limit > 1:
            candidate = ordered_by_first_use(limited(program, limit))
            pids = chains(candidate, task_order(candidate) if self.mode == "full" else None)
            if pids is not None:
                return configured(candidate, pids)
            limit -= max(1, limit // 8)
        raise ScheduleError(
            f"@{program.name}: no assignment to {program.machine.barriers.count} physical barriers was found"
        )


def chains(program: Program, order: Order | None) -> list[int] | None:
    """Physical barrier per virtual one, or None. Barriers are numbered by first use; `order` asks for known order."""
    count = program.machine.barriers.count
    producers = program.producers.lists()
    last = np.asarray(last_use(program), np.int64)
    idle_since = _over_times(program)
    released = np.full(count, -1, np.int64)  # last use of the instance now on each physical barrier
    since = np.full(count, -1, np.int64)  # when it is over, by estimate; -1: never used
    rows = None if order is None else _Rows(program, order)
    users = None if order is None else np.full((count, order.ends.shape[1]), -1, np.int32)
    out: list[int] = []
    for v, row in enumerate(producers):
        free = released < row[0]
        if rows is not None and users is not None:
            strict = free & (users <= rows.at_head[v]).all(axis=1)
            free = strict if strict.any() else free & (users <= rows.enqueued[v]).all(axis=1)
        candidates = np.nonzero(free)[0]
        if not len(candidates):
            return None
        pid = int(candidates[np.argmin(since[candidates])])
        out.append(pid)
        released[pid], since[pid] = last[v], idle_since[v]
        if rows is not None and users is not None:
            users[pid] = rows.users[v]
    return out


def _over_times(program: Program) -> list[int]:
    """Estimated tick at which each barrier is over."""
    times = estimate(program)
    producers, consumers = program.producers.lists(), program.consumers.lists()
    return [
        max((times.start[t] for t in c), default=max((times.end[t] for t in p), default=0))
        for p, c in zip(producers, consumers, strict=True)
    ]


class _Rows:
    """Clock rows per barrier, shape (barriers, lanes): who must be past (`users`), and who is known to be when the
    barrier is used: by order of engines alone (`at_head`), or with enqueues placed as late as possible (`enqueued`)."""

    def __init__(self, program: Program, order: Order) -> None:
        count, lanes = len(program.barriers), order.ends.shape[1]
        self.users: I32 = np.full((count, lanes), -1, np.int32)
        self.at_head: I32 = np.full((count, lanes), -1, np.int32)
        self.enqueued: I32 = np.full((count, lanes), -1, np.int32)
        latest = _latest_enqueue(program)
        producers, consumers = program.producers.lists(), program.consumers.lists()
        for v in range(count):
            for t in consumers[v] or producers[v]:
                lane = order.lane[t]
                self.users[v, lane] = max(self.users[v, lane], order.at[t])
            row = order.ends[producers[v]].min(axis=0)
            self.at_head[v] = self.enqueued[v] = row
            for t in consumers[v]:
                heads = order.heads[t]
                np.minimum(self.at_head[v], heads, out=self.at_head[v])
                if latest[t] >= 0:
                    heads = np.maximum(heads, order.ends[latest[t]])
                np.minimum(self.enqueued[v], heads, out=self.enqueued[v])


def _latest_enqueue(program: Program) -> list[int]:
    """Per task the last task of its manager's queue that comes before it in program order, or -1."""
    managers = [manager(program.machine, e) for e in range(len(program.machine.engines))]
    last = [-1] * len(managers)
    out: list[int] = []
    for t, e in enumerate(program.engine.tolist()):
        out.append(last[managers[e]] if managers[e] >= 0 else -1)
        last[e] = t
    return out


def configured(program: Program, pids: list[int]) -> Program:
    """Phase physical: barriers with their ids and counts in slots."""

    def slots(table: list[list[int]]) -> I32:
        return np.asarray([int(program.slots[row].sum()) for row in table], np.int32)

    count = len(program.barriers)
    barriers = Barriers(
        np.asarray(pids, np.int32),
        slots(program.producers.lists()),
        slots(program.consumers.lists()),
        np.zeros(count, np.int32),
        program.barriers.tail,
    )
    return program.with_(phase="physical", barriers=barriers)
