"""When a barrier may follow another on one physical barrier: from clocks, a comparison per lane and pair."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.passes.analysis.order import Order
from wlm_dialect.program import Program


@dataclass(frozen=True, eq=False)
class Reuse:
    """Clock rows per barrier, shape (barriers, lanes): who has started once it is over, and what its producers know.

    u may precede v on a physical barrier if every user of u has started before any producer of v ends (H2): all
    entries of `users[u]` are at most those of `known[v]`. A task may wait on u and update v.
    """

    users: I32  # last position on each lane among the consumers, or producers if there is none; -1 = none
    known: I32  # last position on each lane whose end comes before the end of every producer

    def before(self, u: int, v: int) -> bool:
        """Whether u is over before v is first produced, whatever tasks take."""
        return bool((self.users[u] <= self.known[v]).all())


def reuse(program: Program, order: Order) -> Reuse:
    """The clock rows of every barrier. A barrier nobody uses is over at once and may follow nothing."""
    count, lanes = len(program.barriers), order.ends.shape[1]
    users: I32 = np.full((count, lanes), -1, np.int32)
    lonely = np.diff(program.consumers.start) == 0
    _raise_to(users, program.consumers, order, np.ones(count, bool))
    _raise_to(users, program.producers, order, lonely)
    producers = program.producers
    known: I32 = np.full((count, lanes), -1, np.int32)
    made = np.nonzero(np.diff(producers.start) > 0)[0]
    if len(made):
        # rows without an entry take no room in `index`, so the starts of the others bound them
        known[made] = np.minimum.reduceat(order.ends[producers.index], producers.start[:-1][made], axis=0)
    return Reuse(users, known)


def _raise_to(users: I32, table: Csr, order: Order, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    rows = table.rows()
    keep = chosen[rows]
    tasks = table.index[keep]
    np.maximum.at(users, (rows[keep], order.lane[tasks]), order.at[tasks])
