"""Where SYNC DMAs stand that make a queue wait for other tasks: as few of them as possible, none of them early."""

from collections import defaultdict
from collections.abc import Collection, Mapping

import numpy as np

from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.program import Program


def fewest_joins(program: Program, joins: Mapping[tuple[int, int], Collection[int]]) -> dict[tuple[int, int], set[int]]:
    """(task, queue) -> tasks that `queue` must know have ended before the task starts; the same with fewer entries.

    An order may stand before any task of the queue that comes after its first task in program order, and, by estimate,
    after its end, so that the queue does not wait longer. Of these stretches of the queue all are stabbed with the
    fewest points: always the last place of the stretch that ends first. O(n log n) in the number of orders.
    """
    times = estimate(program)
    stretches: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)  # queue -> last, first place, task, then
    start = np.asarray(times.start, np.int64)
    starts_of = {queue: start[program.lists[queue]] for queue in sorted({queue for _, queue in joins})}
    for (then, queue), firsts in joins.items():
        listed, starts = program.lists[queue], starts_of[queue]
        last = int(np.searchsorted(listed, then))
        for t in sorted(firsts):
            first = max(int(np.searchsorted(listed, t, side="right")), int(np.searchsorted(starts, times.end[t])))
            stretches[queue].append((last, min(first, last), t, then))
    out: dict[tuple[int, int], set[int]] = defaultdict(set)
    for queue, rows in stretches.items():
        place, before = -1, -1
        for last, first, t, then in sorted(rows, key=lambda row: (row[0], row[3], row[2])):
            if first > place or t >= before:
                place, before = last, then
            out[before, queue].add(t)
    return out
