"""A last look at a managed program on pages: what the rules of pages promise is asked of clocks.

The checker decides anyway. Here the answer is that the policy gives up, with the task, where upstream's rules leave an
order open that this machine needs and that nothing small adds.
"""

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.analysis.known_orders import past_codes
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.program import Program


def require_orders(program: Program) -> None:
    """ScheduleError if a task may see, or update, an instance that is not armed yet (H1, H2), or a barrier FIFO may
    overflow (H3)."""
    order = task_order(program)
    past = past_codes(program, order)
    producers, consumers = program.producers.lists(), program.consumers.lists()
    users = [(row or producers[v], int(not row)) for v, row in enumerate(consumers)]
    previous = program.barriers.previous.tolist()
    pushed = {v: t for t, row in enumerate(program.programs.lists()) for v in row}
    for v, former in enumerate(previous):
        causes = [] if former < 0 else [(t, past[t, users[former][1]]) for t in users[former][0]]
        if v in pushed:
            dma = pushed[v]
            causes.append((dma, order.at[dma]))
            gone = v
            for _ in range(program.machine.barriers.fifo_depth + 1):
                gone = previous[gone] if gone >= 0 else -1
            tasks, lonely = users[gone] if gone >= 0 else ([], 0)
            if any(order.ends[dma, order.lane[t]] < past[t, lonely] for t in tasks):
                raise _unknown(program, v, dma, "is programmed by", "H3")
        lanes = np.asarray([order.lane[t] for t, _ in causes], np.int64)
        codes = np.asarray([code for _, code in causes], np.int32)
        for table, rows, verb, rule in (
            (consumers, order.heads, "is waited on by", "H1"),
            (producers, order.ends, "is updated by", "H2"),
        ):
            for t in table[v]:
                if (rows[t, lanes] < codes).any():
                    raise _unknown(program, v, t, verb, rule)


def _unknown(program: Program, barrier: int, task: int, verb: str, rule: str) -> ScheduleError:
    return ScheduleError(
        f"policy 'pages': nothing says that the instance before {program.barrier_name(barrier)} is over, which {verb} "
        f"'{program.names[task]}' on @{program.engine_name(task)} [{rule}]"
    )
