"""Pass `wlm-order-tasks`."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.kernels.csr import Csr, int32
from wlm_dialect.kernels.list_scheduling import b_levels, list_schedule, successors_of, topological_order
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.reordering import reordered
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.conflicts import find_dependences, spans

POLICIES = ("time", "list", "barriers")
_NOISE = (0.1, 0.3)  # of a b-level, in turn
_NEVER = 1 << 62
_SHARE = 0.2  # of the tasks whose level a neighbour draws anew


@dataclass(frozen=True)
class OrderTasksPass(ProgramPass):
    """List tasks in a better order of execution: by time, by list scheduling, or with an eye on barriers.

    Policy ``time`` lists tasks by estimated start; each engine's list stays as it is, so that nothing changes but the
    witness of later passes. ``list`` makes new lists: an engine that is free takes the ready task with the longest path
    to the end. ``barriers`` draws `restarts` more such schedules with path lengths that are not exact (`seed`), binds
    the barriers of the machine in the best of them, and keeps the order that then ends first. At most `trials` orders
    are tried so, and none whose schedule without limits already ends later.

    Precondition: phase graph. ``list`` and ``barriers`` move tasks on their engine: they come before management, and
    before wlm-reduce-dependences, which drops what the order of an engine implies.
    Postcondition: the same tasks; every dependence holds.
    """

    name = "wlm-order-tasks"
    phases = ("graph",)
    policy: Literal["time", "list", "barriers"] = "time"
    restarts: int = 64
    trials: int = 16
    seed: int = 1

    def transform(self, program: Program) -> Program:
        if self.policy not in POLICIES:
            raise ScheduleError(f"{self.name}: policy is '{self.policy}'{did_you_mean(self.policy, POLICIES)}")
        for option, least in (("restarts", 0), ("trials", 1)):
            if getattr(self, option) < least:
                raise ScheduleError(f"{self.name}: {option} is {getattr(self, option)} but must be at least {least}")
        if self.policy == "time":
            return by_time(program)
        inserted = np.nonzero(program.kind != Kind.RUN)[0]
        if len(inserted):
            raise ScheduleError(
                f"{self.name}: policy '{self.policy}' moves tasks on their engine, but @{program.name} has management "
                f"already ('{program.names[inserted[0]]}'); run it before wlm-insert-fetches"
            )
        if len(program) < 2:
            return program
        search = _Search(with_all_dependences(program), self.seed)
        if self.policy == "list":
            return search.listed(search.level)[1]
        return search.best(self.restarts, self.trials)


def by_time(program: Program) -> Program:
    """Tasks by estimated start, ties as they are: a task starts after those before it on its engine, and after those
    it waits for or shares memory with."""
    start = estimate(with_all_dependences(program)).start
    return reordered(program, int32(np.argsort(np.asarray(start, np.int64), kind="stable")))


def with_all_dependences(program: Program) -> Program:
    """The program with what follows from its buffers named, also where the order of an engine implies it today."""
    if not len(program.buffers):
        return program
    found = find_dependences(program.reads.lists(), program.writes.lists(), spans(program.buffers))
    rows = [sorted({*a, *b}) for a, b in zip(program.after.lists(), found, strict=True)]
    return program.with_(after=Csr.of(rows))


_Candidate = tuple[int, Program, Sequence[int]]
"""Makespan without limits, program, and the levels that it was scheduled by."""


class _Search:
    """List schedules of one program."""

    def __init__(self, program: Program, seed: int) -> None:
        self.program = program
        self.draw = random.Random(seed)
        self.engine, self.cycles = program.engine.tolist(), program.cycles.tolist()
        self.after = program.after.lists()
        self.servers = [e.servers for e in program.machine.engines]
        successors = successors_of(self.after)
        self.level = b_levels(self.cycles, successors, topological_order(self.after, successors))

    def listed(self, level: Sequence[int]) -> tuple[int, Program]:
        """The list schedule by `level`: its makespan without limits, and the program in its order."""
        order, start = list_schedule(self.engine, self.cycles, self.after, self.servers, level)
        return int((start + self.program.cycles).max()), reordered(self.program, int32(order))

    def best(self, restarts: int, trials: int) -> Program:
        """The order that ends first with barriers bound, of at most `trials` that were bound."""
        drawn = [self._drawn(n) for n in range(restarts)]
        candidates: list[_Candidate] = [(*self.listed(level), level) for level in (self.level, *drawn)]
        given = max(estimate(self.program).end)
        candidates.append((given, self.program, self.level))
        candidates.sort(key=lambda c: c[0])  # stable: of equals the exact levels come first
        _, best, levels = candidates[0]
        found = _bound_makespan(best)
        rest = iter(candidates[1:])
        for n in range(1, trials):
            # in turn the next best without limits, and a neighbour of the best so far
            bound, program, level = next(rest, (found, best, levels)) if n % 2 else self._neighbour(levels)
            if bound >= found:
                continue
            ticks = _bound_makespan(program)
            if ticks < found:
                found, best, levels = ticks, program, level
        return best

    def _drawn(self, number: int) -> list[int]:
        noise = _NOISE[number % len(_NOISE)]
        return [int(level * (1 + noise * self.draw.random())) for level in self.level]

    def _neighbour(self, levels: Sequence[int]) -> _Candidate:
        fresh = self._drawn(1)
        mixed = [f if self.draw.random() < _SHARE else old for f, old in zip(fresh, levels, strict=True)]
        return (*self.listed(mixed), mixed)


def _bound_makespan(program: Program) -> int:
    """Ticks with the barriers of the machine, bound by policy `chains`, management free; _NEVER where that fails."""
    from wlm_dialect.passes.pipelines import barriers  # pipelines may name this pass

    try:
        for step in (*barriers(), AssignBarriersPass("firmware")):
            assert isinstance(step, ProgramPass)
            program = step.run(program)
    except ScheduleError:
        return _NEVER
    return max(estimate(program).end)
