"""When a barrier may follow another on one physical barrier: from clocks, a comparison per lane and pair."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.chain_cover import EXACT_UP_TO, ChainCover, chain_cover
from wlm_dialect.kernels.csr import I32
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
    lonely = np.diff(program.consumers.start) == 0
    count = len(program.barriers)
    place = np.full(count, -1, np.int32)  # in program order
    for table, chosen in ((program.consumers, ~lonely), (program.producers, lonely)):
        rows = table.rows()
        keep = chosen[rows]
        np.maximum.at(place, rows[keep], 2 * table.index[keep])
    place[lonely] += 1  # over at the end of the last producer, not at its start
    users = np.concatenate([over_codes(program, order), place[:, None]], axis=1).astype(np.int32)
    known: I32 = np.full((count, users.shape[1]), -2, np.int32)
    start, index = program.producers.start, program.producers.index
    made = np.nonzero(np.diff(start) > 0)[0]
    if len(made):
        # rows without an entry take no room in `index`, so the starts of the others bound them
        known[made, :-1] = np.minimum.reduceat(order.ends[index], start[made], axis=0)
        known[made, -1] = 2 * index[start[made]]
    return Reuse(users, known)


def past_codes(program: Program, order: Order) -> I32:
    """Codes per task, shape (tasks, 2): past as a consumer of a barrier, and past as a producer of one without any."""
    started = order.at - (0 if program.machine.barriers.consume_at == "end" else 1)  # the start is the code before
    return np.stack([started, order.at], axis=1).astype(np.int32)


def over_codes(program: Program, order: Order) -> I32:
    """What is past on each lane once a barrier is over: its last consumers have started, or its last producers ended if
    there are none. Shape (barriers, lanes); -1 = nothing."""
    past = past_codes(program, order)
    out: I32 = np.full((len(program.barriers), order.ends.shape[1]), -1, np.int32)
    lonely = np.diff(program.consumers.start) == 0
    for column, table, chosen in ((0, program.consumers, ~lonely), (1, program.producers, lonely)):
        rows = table.rows()
        keep = chosen[rows]
        tasks = table.index[keep]
        np.maximum.at(out, (rows[keep], order.lane[tasks]), past[tasks, column])
    return out


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
