"""Clocks for bounded re-arming: what comes before, with as many ticks in between as a barrier may take to re-arm."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32
from wlm_dialect.kernels.happens_before import FORGOTTEN
from wlm_dialect.passes.analysis.order import Order
from wlm_dialect.program import Program


def spaced(program: Program, order: Order) -> Order:
    """`order` with rows that know less: `heads` what comes at least `rearm_delta` ticks earlier, `ends` one more.

    As the checker counts: one tick per end of a task, whatever it takes. `order` itself unless re-arming is bounded. A
    row is a set of events that is closed under what comes before, so what k + m ticks leave is, for each of the last
    events that k ticks leave, what m ticks before it leave: delta ticks take log2(delta) steps. Starts in a row count
    as the end before on their lane, which is sound and costs little: most rows hold ends.
    """
    delta = program.machine.barriers.rearm_delta
    if not delta:
        return order
    lanes = [tasks_on(order, lane) for lane in range(order.ends.shape[1])]
    one = order.ends.copy()  # one tick before the end of a task: its start
    kept = np.nonzero(order.at != FORGOTTEN)[0]
    one[kept, order.lane[kept]] = order.at[kept] - 1
    power, earlier = one, order.ends
    while delta:
        if delta & 1:
            earlier = power if earlier is order.ends else _before(earlier, power, lanes)
        delta >>= 1
        if delta:
            power = _before(power, power, lanes)
    return replace(order, heads=_before(order.heads, earlier, lanes), ends=_before(one, earlier, lanes))


def tasks_on(order: Order, lane: int) -> NDArray[np.intp]:
    """The tasks of a lane, by place."""
    tasks = np.nonzero((order.lane == lane) & (order.at != FORGOTTEN))[0]
    return tasks[np.argsort(order.at[tasks])]


def _before(rows: I32, earlier: I32, lanes: list[NDArray[np.intp]]) -> I32:
    """Of the ends in each of `rows` what `earlier` says of them, joined. Shape of `rows`."""
    out: I32 = np.full(rows.shape, -1, np.int32)
    for lane, tasks in enumerate(lanes):
        place = (rows[:, lane] + 1) // 2 - 1
        some = np.nonzero(place >= 0)[0]
        out[some] = np.maximum(out[some], earlier[tasks[place[some]]])
    return out
