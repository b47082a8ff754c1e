"""Events of barriers that happen at the very instant of their last cause: lifted, over and armed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.kernels.happens_before import HappensBefore
from wlm_dialect.kernels.happens_before_loops import FORGOTTEN


@dataclass(frozen=True, eq=False)
class Joins:
    """An event per barrier that happens at the very instant of its last cause. Shape (barriers, lanes).

    Such an event comes before x if and only if all its causes do: ``(causes[v] <= clock of x).all()``; e comes before
    it if e comes before one of them: ``known[v, lane of e] >= code of e``.
    """

    causes: I32  # code of the last cause on each lane, -1 = none
    known: I32

    def before(self, v: int, row: I32) -> bool:
        """Whether the event of barrier v comes before the event that knows `row`."""
        return bool((self.causes[v] <= row).all())

    def all_before(self, v: I32, rows: I32) -> NDArray[np.bool_]:
        """`before`, elementwise over pairs."""
        return np.asarray((self.causes[v] <= rows).all(axis=1), np.bool_)


def joins(order: HappensBefore, producers: Csr, consumers: Csr, *, consume_at_end: bool = False) -> tuple[Joins, Joins]:
    """The events *lifted* (all producers have ended) and *over* (and all consumers have started, or ended)."""
    lifted = np.full(order.lifted.shape, -1, np.int32)
    tasks = producers.index
    np.maximum.at(lifted, (producers.rows(), order.lane[tasks]), order.at[tasks])
    over, known = lifted.copy(), order.lifted.copy()
    tasks, rows = consumers.index, consumers.rows()
    code = order.at[tasks] - (0 if consume_at_end else 1)
    np.maximum.at(over, (rows, order.lane[tasks]), code)
    clocks = order.ends[tasks]
    clocks[np.arange(len(tasks)), order.lane[tasks]] = np.where(order.at[tasks] == FORGOTTEN, -1, code)
    used = np.nonzero(np.diff(consumers.start))[0]
    if len(used):
        known[used] = np.maximum(known[used], np.maximum.reduceat(clocks, consumers.start[used], axis=0))
    return Joins(lifted, order.lifted), Joins(over, known)


def armed(order: HappensBefore, over: Joins, previous: I32, push: I32) -> Joins:
    """The event *armed* of each instance: the instance before (`previous`) is over and the task `push` has ended.

    -1 in `previous`: the first one; in `push`: loaded before tick 0. Instances of one barrier ascend.
    """
    causes, known = np.full(over.causes.shape, -1, np.int32), np.full(over.known.shape, -1, np.int32)
    late = np.nonzero(push >= 0)[0]
    tasks = push[late]
    causes[late, order.lane[tasks]] = order.at[tasks]
    known[late] = order.ends[tasks]
    later = np.nonzero(previous >= 0)[0]
    former = previous[later]
    causes[later] = np.maximum(causes[later], over.causes[former])
    known[later] = np.maximum(known[later], over.known[former])
    return Joins(causes, known)
