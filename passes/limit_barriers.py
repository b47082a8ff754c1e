"""Pass `wlm-limit-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.analysis.linear import linearised
from wlm_dialect.passes.analysis.take_over import joined_up
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.fuse_barriers import fused
from wlm_dialect.program import Program

_TOLERANCES = (0, 5, 10, 20, 50, 100, 200, 400, 800)  # percent of the mean duration


@dataclass(frozen=True)
class LimitBarriersPass(ProgramPass):
    """Keep the number of barriers in use at once, in program order, within the machine's (or `limit`).

    Where there are more, waits share barriers, early ones first, with as much tolerance as that takes
    (wlm-fuse-barriers). Where that is not enough, a SYNC DMA takes over the barriers whose consumers are farthest away:
    it waits for them and updates one barrier in their place. Of all these the way that ends soonest, by estimate, is
    taken. Where none will do, because too few barriers are complete, a DMA queue relays them
    (`analysis/take_over.py`); the last resort, without a queue that ends its tasks in order, is one task at a time.

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
    for relays in (False, True):
        found = _soonest(program, limit, relays=relays)
        if found is not None:
            return found
    serial = linearised(program)
    return serial if width(serial) <= limit else None


def _soonest(program: Program, limit: int, *, relays: bool) -> Program | None:
    """Of all tolerances the way that ends first, by estimate."""
    best: tuple[int, Program] | None = None
    for tolerance in _TOLERANCES:
        shared = fused(program, tolerance, early=True)
        fits = width(shared) <= limit
        candidate = shared if fits else joined_up(shared, limit, relays=relays)
        if candidate is None:
            continue
        end = max(estimate(candidate).end)
        if best is None or end < best[0]:
            best = end, candidate
        elif fits:
            break  # more tolerance only costs
    return None if best is None else best[1]


def width(program: Program) -> int:
    """How many barriers are in use at once, in program order: from the first producer to the last user."""
    steps = np.zeros(len(program) + 1, np.int64)
    first, last = program.producers, last_use(program)
    used = np.nonzero(np.diff(first.start))[0]
    np.add.at(steps, first.index[first.start[used]], 1)
    np.add.at(steps, np.asarray(last, np.int64)[used] + 1, -1)
    return int(np.cumsum(steps).max(initial=0))
