"""List the tasks of a program in another order."""

import numpy as np

from wlm_dialect.kernels.csr import I32, Csr
from wlm_dialect.program import Program
from wlm_dialect.program.model import WorkItems

_COLUMNS = ("kind", "engine", "cycles", "slots", "bytes", "target", "low", "high", "slot")
_TABLES = ("reads", "writes", "waits", "updates", "programs")


def reordered(program: Program, order: I32) -> Program:
    """The program whose k-th task is task `order[k]` of `program`; the same object if that changes nothing.

    `order` must be an order of execution, and keep the tasks of each engine as they are where there are fetches,
    enqueues or work items: their ranges count along those lists.
    """
    n = len(program)
    if np.array_equal(order, np.arange(n)):
        return program
    place = np.empty(n, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    after = rows_of(program.after, order)
    items = program.items
    done = Csr(items.done.start, place[items.done.index])
    return program.with_(
        **{name: getattr(program, name)[order] for name in _COLUMNS},
        **{name: rows_of(getattr(program, name), order) for name in _TABLES},
        names=tuple(program.names[t] for t in order.tolist()),
        after=_sorted_rows(after.start, place[after.index]),
        items=WorkItems(items.engine, items.low, items.high, items.at, done),
        extra={int(place[t]): attributes for t, attributes in program.extra.items()},
    )


def rows_of(table: Csr, order: I32) -> Csr:
    """Row k of the result is row `order[k]` of `table`."""
    length = np.diff(table.start)[order]
    start = np.zeros(len(order) + 1, np.int32)
    np.cumsum(length, out=start[1:])
    source = np.repeat(table.start[order] - start[:-1], length) + np.arange(start[-1], dtype=np.int32)
    return Csr(start, table.index[source])


def _sorted_rows(start: I32, index: I32) -> Csr:
    rows = np.repeat(np.arange(len(start) - 1), np.diff(start))
    return Csr(start, index[np.lexsort((index, rows))])
