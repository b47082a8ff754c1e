"""SYNC DMAs that repair left behind without need: rounds add some that later ones make superfluous."""

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.analysis.reuse import over_codes
from wlm_dialect.passes.editing import without_tasks
from wlm_dialect.program import Kind, Program


def without_spare_joins(program: Program) -> Program:
    """The program (phase physical) without SYNCs that wait for nothing and update nothing; of neighbours on a queue
    that update nothing only the last is left, which waits for what all of them wait for.

    The queue knows as much behind it as before. Neighbours stay apart where only the first one's wait tells that the
    barrier of the second is armed (H1). What may have to stand between two of them (refills, enqueues) has fewer places
    then: see whether it still fits. Preconditions: no enqueue pushes DMA tasks; nothing depends on a SYNC but through
    its barriers.
    """
    waits = program.waits.lists()
    silent = (program.kind == Kind.SYNC) & (np.diff(program.updates.start) == 0)
    gone: list[int] = []
    order, over, previous = task_order(program), None, program.barriers.previous
    for queue, tasks in enumerate(program.lists):
        most = program.machine.engines[queue].max_waits or len(program.barriers)
        first = -1  # of the neighbours that have become one
        for t in tasks.tolist():
            if not silent[t]:
                first = -1
                continue
            if not waits[t]:
                gone.append(t)
                continue
            if first >= 0:
                over = over_codes(program, order) if over is None else over
                former = [int(previous[v]) for v in waits[t] if previous[v] >= 0]
                both = sorted({*waits[last], *waits[t]})
                if len(both) <= most and bool((order.heads[first] >= over[former]).all()):
                    waits[last], waits[t] = [], both
                    gone.append(last)
                else:
                    first = t
            else:
                first = t
            last = t
    if not gone:
        return program
    return without_tasks(program.with_(waits=Csr.of(waits)), gone)
