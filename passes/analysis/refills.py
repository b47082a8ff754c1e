"""Where on each DMA queue the refill of a barrier may stand: one table for assignment, placement and statistics."""

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.analysis.managers import dedicated_queue
from wlm_dialect.passes.analysis.order import Order
from wlm_dialect.program import Program


def refill_queues(program: Program) -> list[int]:
    """DMA queues that can carry refills: those with tasks, whose tasks end in order.

    The one that carries all management (`management.queue`) is the only one, unless it is empty.
    """
    index = program.machine.engine_index
    dedicated = dedicated_queue(program.machine)
    if dedicated >= 0 and len(program.lists[dedicated]):
        return [dedicated]
    dmas = [index[e.name] for e in program.machine.engines_of("dma") if e.ends_in_order]
    return [q for q in dmas if len(program.lists[q])]


def first_places(program: Program, order: Order, queues: list[int], over: I32) -> I32:
    """Per barrier and queue the first place that knows that the barrier is over, as `over_codes` says. A place is a
    position in the list of the queue: what stands there comes right before that task. Shape (barriers, queues)."""
    out = np.zeros((len(over), len(queues)), np.int32)
    for i, queue in enumerate(queues):
        ends = order.ends[program.lists[queue]]
        for lane in np.nonzero(over.max(axis=0, initial=-1) >= 0)[0].tolist():
            place = np.searchsorted(ends[:, lane], over[:, lane]) + 1
            out[:, i] = np.maximum(out[:, i], np.where(over[:, lane] >= 0, place, 0))
    return out


def last_places(program: Program, order: Order, queues: list[int], heads: I32) -> I32:
    """Per barrier and queue the last place from which a refill lands in time: before its consumers are at head (H1) and
    its producers end (H2). -1: none. `heads`: what is known when each task is at head; that and `order` leave room for
    bounded re-arming (`spaced`). Shape (barriers, queues)."""
    out = np.zeros((len(program.barriers), len(queues)), np.int32)
    for i, queue in enumerate(queues):
        listed = program.lists[queue]
        lane = int(order.lane[listed[0]])
        out[:, i] = len(listed) - 1
        # a prefetching queue takes the next task to its head before the refill ends
        early = int(program.machine.engines[queue].order == "prefetching") + program.machine.barriers.rearm_delta
        at_head = np.where(program.engine == queue, program.position - early, heads[:, lane] >> 1)
        for table, place in ((program.producers, order.ends[:, lane] >> 1), (program.consumers, at_head)):
            np.minimum.at(out[:, i], table.rows(), place[table.index].astype(np.int32))
    return out
