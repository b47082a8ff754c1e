"""When a barrier may follow another on one physical barrier: from clocks, a comparison per lane and pair."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.chain_cover import EXACT_UP_TO, ChainCover, chain_cover
from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.program import Program


@dataclass(frozen=True, eq=False)
class Reuse:
    """Clock rows per barrier, shape (barriers, lanes + 1): who has started once it is over; what its producers know.

    u may precede v on a physical barrier if every user of u has started before any producer of v ends (H2): all
    entries of `users[u]` are at most those of `known[v]`. A task may wait on u and update v. The last column is program
    order, in halves of a task, so that a task which updates two barriers nobody waits on does not put one behind the
    other. This is a strict partial order.
    """

    users: I32  # last start of a consumer on each lane, or end of a producer if there is none, as codes; -1 = none
    known: I32  # last code on each lane that comes before the end of every producer

    def before(self, u: int, v: int) -> bool:
        """Whether u is over before v is first produced, whatever tasks take."""
        return bool((self.users[u] <= self.known[v]).all())


def reuse(program: Program, order: Order) -> Reuse:
    """The clock rows of every barrier. A barrier without producers follows nothing."""
    count, lanes = len(program.barriers), order.ends.shape[1]
    users: I32 = np.full((count, lanes + 1), -1, np.int32)
    lonely = np.diff(program.consumers.start) == 0
    started = 0 if program.machine.barriers.consume_at == "end" else 1  # the start is the code before the end
    _raise_to(users, program.consumers, order.lane, order.at - started, ~lonely)
    _raise_to(users, program.producers, order.lane, order.at, lonely)
    users[lonely, -1] += 1  # over at the end of the last producer, not at its start
    known: I32 = np.full((count, lanes + 1), -2, np.int32)
    start, index = program.producers.start, program.producers.index
    made = np.nonzero(np.diff(start) > 0)[0]
    if len(made):
        # rows without an entry take no room in `index`, so the starts of the others bound them
        known[made, :-1] = np.minimum.reduceat(order.ends[index], start[made], axis=0)
        known[made, -1] = 2 * index[start[made]]
    return Reuse(users, known)


def minimum_cover(program: Program, *, exact_up_to: int = EXACT_UP_TO) -> ChainCover:
    """The fewest physical barriers on which the known order of the program is enough, with certificate.

    Barriers are taken in order of their first producers; chains and antichain name them as the program does.
    """
    rows = reuse(program, task_order(program))
    order = np.argsort(rows.known[:, -1], kind="stable")
    found = chain_cover(rows.users[order], rows.known[order], exact_up_to=exact_up_to)
    chain = np.empty_like(found.chain)
    chain[order] = found.chain
    return ChainCover(chain, np.sort(order[found.antichain]).astype(np.int32), found.method)


def _raise_to(users: I32, table: Csr, lane: I32, code: I32, chosen: NDArray[np.bool_]) -> None:
    """Raise the rows of `chosen` barriers to the codes of the tasks of `table`."""
    rows = table.rows()
    keep = chosen[rows]
    tasks, rows = table.index[keep], rows[keep]
    np.maximum.at(users, (rows, lane[tasks]), code[tasks])
    np.maximum.at(users, (rows, users.shape[1] - 1), 2 * tasks)
