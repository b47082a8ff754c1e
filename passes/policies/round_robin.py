"""Policy `round-robin`: the next free physical barrier in rotation that passes the reuse test of npu_compiler."""

from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.analysis.reuse import reuse
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.program import Program


def round_robin(program: Program, count: int) -> list[int] | None:
    """Physical barrier per virtual one; None if all `count` are in use at once.

    Rotation goes on behind the one given last. A barrier passes if it is new or every consumer of its instance is known
    to start before each producer of the new one ends; here the order of all engines counts, upstream only that of DMA
    queues. Where none passes the next free one is taken: upstream gives up, our front end adds the order (full mode)
    or leaves it to firmware, which programs a barrier only when it is over.
    """
    test = reuse(program, task_order(program))
    last = last_use(program)
    released = [-1] * count  # last use of the instance now on each physical barrier
    current = [-1] * count
    turn = 0
    pids: list[int] = []
    for v, row in enumerate(program.producers.lists()):
        first = row[0] if row else len(program)
        pid = -1
        for step in range(count):
            p = (turn + step) % count
            if released[p] >= first:
                continue
            if current[p] < 0 or test.before(current[p], v):
                pid = p
                break
            pid = p if pid < 0 else pid
        if pid < 0:
            return None
        pids.append(pid)
        released[pid], current[pid] = last[v], v
        turn = pid + 1
    return pids
