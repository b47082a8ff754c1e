"""SYNC DMAs that repair left behind without need: rounds add some that later ones make superfluous."""

from dataclasses import replace

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.analysis.reuse import over_codes
from wlm_dialect.passes.editing import without_tasks
from wlm_dialect.program import Kind, Program


def without_spare_joins(program: Program) -> Program:
    """The program (phase physical) without SYNCs that wait for nothing and update nothing; of neighbours on a queue
    that update nothing only the last is left, which waits for what all of them wait for.

    The queue knows as much behind it as before. Neighbours stay apart where only the first one's wait tells that the
    barrier of the second is armed (H1), and where a task is listed between them that the queue may have to push there.
    Refills have fewer places then: see whether they still fit. Preconditions: no enqueue pushes DMA tasks; nothing
    depends on a SYNC but through its barriers. Where the ends of SYNCs count, all stay: barriers that are consumed at
    ends, or that need time to re-arm (bounded).
    """
    limits = program.machine.barriers
    if limits.rearm_delta or limits.consume_at == "end":
        return program
    pushing = np.asarray(managers(program), np.int32)[program.engine]
    pushing[np.asarray([e.kind == "dma" for e in program.machine.engines])[program.engine]] = -1
    waits = program.waits.lists()
    silent = (program.kind == Kind.SYNC) & (np.diff(program.updates.start) == 0)
    order, previous = task_order(program), program.barriers.previous
    over = over_codes(program, order)
    gone: list[int] = []
    for queue, tasks in enumerate(program.lists):
        most = program.machine.engines[queue].max_waits or len(program.barriers)
        pushed = np.nonzero(pushing == queue)[0]
        first = last = -1  # of the neighbours that have become one
        for t in tasks.tolist():
            if not silent[t]:
                first = last = -1
            elif not waits[t]:
                gone.append(t)
            else:
                former = [int(previous[v]) for v in waits[t] if previous[v] >= 0]
                both = sorted({*waits[last], *waits[t]}) if last >= 0 else []
                if (
                    0 < len(both) <= most
                    and np.searchsorted(pushed, last) == np.searchsorted(pushed, t)
                    and bool((order.heads[first] >= over[former]).all())
                ):
                    waits[last], waits[t] = [], both
                    gone.append(last)
                else:
                    first = t
                last = t
    if not gone:
        return program
    lean = without_tasks(program.with_(waits=Csr.of(waits)), gone)
    consumers = lean.consumers.sums(lean.slots).astype(np.int32)
    return lean.with_(barriers=replace(lean.barriers, consumers=consumers))
