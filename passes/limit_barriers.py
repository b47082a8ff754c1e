"""Pass `wlm-limit-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.analysis.linear import linearised
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, insert_tasks, sync_insertion
from wlm_dialect.passes.fuse_barriers import fused
from wlm_dialect.program import Barriers, Program

_TOLERANCES = (0, 5, 10, 20, 50, 100, 200, 400, 800)  # percent of the mean duration


@dataclass(frozen=True)
class LimitBarriersPass(ProgramPass):
    """Keep the number of barriers in use at once, in program order, within the machine's (or `limit`).

    Where there are more, waits share barriers, early ones first, with as much tolerance as that takes
    (wlm-fuse-barriers). Where that is not enough, a SYNC DMA takes over the barriers whose consumers are farthest away:
    it waits for them and updates one barrier in their place. Of all these the way that ends soonest, by estimate, is
    taken; the last resort is one task at a time.

    Precondition: phase virtual. Postcondition: at no point of the program order are more barriers between their first
    producer and their last consumer; every order between tasks still holds. Without `strict` a program for which that
    cannot be done is left as it is: wlm-assign-barriers has a last resort of its own.
    """

    name = "wlm-limit-barriers"
    phases = ("virtual",)
    limit: int = 0
    strict: bool = True

    def transform(self, program: Program) -> Program:
        limit = self.limit or program.machine.barriers.count
        changed = limited(program, limit)
        if changed is None and not self.strict:
            return program
        if changed is None:
            raise ScheduleError(
                f"@{program.name}: more than {limit} barriers are in use at once and too few of them can be joined; "
                "use a machine with more barriers [H7]"
            )
        return changed


def limited(program: Program, limit: int) -> Program | None:
    """The program with at most `limit` barriers in use at once, or None where that cannot be done."""
    if width(program) <= limit:
        return program
    best: tuple[int, Program] | None = None
    for tolerance in _TOLERANCES:
        shared = fused(program, tolerance, early=True)
        fits = width(shared) <= limit
        candidate = shared if fits else joined_up(shared, limit)
        if candidate is None:
            continue
        end = max(estimate(candidate).end)
        if best is None or end < best[0]:
            best = end, candidate
        elif fits:
            break  # more tolerance only costs
    if best is None:
        serial = linearised(program)
        return serial if width(serial) <= limit else None
    return best[1]


def width(program: Program) -> int:
    """How many barriers are in use at once, in program order: from the first producer to the last user."""
    steps = np.zeros(len(program) + 1, np.int64)
    first, last = program.producers, last_use(program)
    used = np.nonzero(np.diff(first.start))[0]
    np.add.at(steps, first.index[first.start[used]], 1)
    np.add.at(steps, np.asarray(last, np.int64)[used] + 1, -1)
    return int(np.cumsum(steps).max(initial=0))


def joined_up(program: Program, limit: int) -> Program | None:
    """The program with SYNC DMAs that take barriers over, or None where too few can be joined."""
    return _Sweep(program, limit).result()


class _Sweep:
    """One pass over the program in order, with the set of barriers in use; takes barriers over as it goes."""

    def __init__(self, program: Program, limit: int) -> None:
        self.program = program
        self.limit = limit
        self.producers, self.consumers = program.producers.lists(), program.consumers.lists()
        self.waits = program.waits.lists()
        self.produced = [row[-1] if row else -1 for row in self.producers]
        self.last = [
            c[-1] if c else p for c, p in zip(self.consumers, self.produced, strict=True)
        ]  # last use of each barrier
        self.tasks: list[Insertion] = []
        self.engine = program.machine.engine_index[program.machine.engines_of("dma")[0].name]

    def result(self) -> Program | None:
        n = len(self.program)
        opened: list[list[int]] = [[] for _ in range(n)]
        for v, row in enumerate(self.producers):
            if row:
                opened[row[0]].append(v)
        live: set[int] = set()
        before = [0] * n  # barriers in use just before each task
        for t in range(n):
            live = {v for v in live if self.last[v] >= t} if len(live) + len(opened[t]) > self.limit else live
            before[t] = len(live)
            live.update(opened[t])
            while len(live) > self.limit:
                live = {v for v in live if self.last[v] >= t}
                if len(live) > self.limit and not self._take_over(t, live, before):
                    return None
        if not self.tasks:
            return self.program
        barriers = Barriers.virtual(len(self.last), self.program.barriers.tail)
        return insert_tasks(self.program.with_(waits=Csr.of(self.waits), barriers=barriers), self.tasks).program

    def _take_over(self, task: int, live: set[int], before: list[int]) -> bool:
        """Put a SYNC where a barrier is left for its update, and let it stand for those needed last."""
        place = task
        while place > 0 and before[place] >= self.limit:
            place -= 1
        complete = [v for v in live if self.produced[v] < place and self.consumers[v] and self.consumers[v][-1] >= task]
        need = len(live) - self.limit + 1
        if len(complete) < max(2, need):
            return False
        complete.sort(key=lambda v: (-min(c for c in self.consumers[v] if c >= place), v))
        chosen = complete[: max(2, need)]
        joined = len(self.last)
        moved = sorted({c for v in chosen for c in self.consumers[v] if c >= place})
        for c in moved:
            self.waits[c] = sorted({joined if w in chosen else w for w in self.waits[c]})
        for v in chosen:
            self.consumers[v] = [c for c in self.consumers[v] if c < place]
            self.last[v] = place
        self.consumers.append(moved)
        self.produced.append(place - 1)
        self.last.append(moved[-1])
        live.difference_update(chosen)
        live.add(joined)
        for t in range(place + 1, task + 1):
            before[t] -= len(chosen) - 1
        waits = tuple(sorted(chosen))
        self.tasks.append(sync_insertion(self.program.machine, place, self.engine, waits, (joined,)))
        return True
