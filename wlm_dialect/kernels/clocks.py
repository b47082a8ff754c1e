"""Happens-before on flat arrays: one clock per event, `a comes before b` in O(1), no bit matrices.

Events are nodes of a graph whose edges are orders that always hold. Engines are chains: on a *line* (totally ordered
events) the last one known to come before is enough; a *window* keeps a prefix and a bit mask for ends that the machine
does not order. Both are sound; a line is always exact, a window as long as what is in flight fits `WINDOW`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels import sweep as inner
from wlm_dialect.kernels.compiling import Budget, kept
from wlm_dialect.kernels.csr import I32, I64, Csr
from wlm_dialect.kernels.sweep import WINDOW

__all__ = ["WINDOW", "Clocks", "DownSet", "EventNetwork", "Handlers", "clocks_of", "compiled_sweep"]

COMPILE_FROM = 60_000  # events, of all calls together; below, compiling costs more than it saves
_BUDGET = Budget()


@dataclass(frozen=True, eq=False)
class Handlers:
    """Events of a server that takes requests one at a time. Shape (handlers,).

    Each handler has one predecessor, its raise. Order among handlers is not given but derived: by arrival (raised by
    the same event: ascending id), or `by_id` (the lowest id of those pending).
    """

    node: I32
    id: I32
    causes: Csr  # -> events whose latest is the raise
    by_id: bool = False

    @staticmethod
    def none() -> "Handlers":
        """No server."""
        return Handlers(np.zeros(0, np.int32), np.zeros(0, np.int32), Csr.empty(0))


@dataclass(frozen=True, eq=False)
class EventNetwork:
    """What the sweep needs to know. Arrays have shape (events,).

    `column` and `code` (ascending) place an event on a line, `window` and `position` in a window; -1: not
    there.
    """

    predecessors: Csr
    column: I32
    code: I32
    window: I32
    position: I32
    columns: int
    windows: int
    handlers: Handlers

    def __len__(self) -> int:
        return len(self.column)


@dataclass(frozen=True, eq=False)
class Clocks:
    """Clocks of all events of a network without cycles."""

    network: EventNetwork
    effect: I32  # (events, 2): own column and code, or -2 - window and position
    lines: I32  # (rows, columns)
    base: I32  # (rows, windows)
    mask: I64
    row: I32  # event -> row; the clock of an event does not hold the event itself
    order: I32  # events in a topological order
    visited: int  # fewer than all if the network is cyclic; then nothing but `stuck` means anything
    derived: I32  # (handlers, chains): handler nodes found to be served before; -1 = none

    @property
    def cyclic(self) -> bool:
        """Whether some event waits for itself."""
        return self.visited < len(self.network)

    @property
    def stuck(self) -> I32:
        """Events on a cycle or behind one, ascending."""
        done = np.zeros(len(self.network), bool)
        done[self.order[: self.visited]] = True
        return np.nonzero(~done)[0].astype(np.int32)

    def precedes(self, first: I32, then: I32) -> NDArray[np.bool_]:
        """Elementwise: `first` comes before `then`, or is the same event. Only events with a place can come first."""
        first, then = np.asarray(first), np.asarray(then)
        out: NDArray[np.bool_] = np.asarray(first == then, np.bool_)
        place, value = self.effect[first, 0], self.effect[first, 1]
        row = self.row[then]
        line = np.nonzero(place >= 0)[0]
        if len(line):
            column = place[line]
            known = self.lines[row[line], column]
            own = np.where(self.effect[then[line], 0] == column, self.effect[then[line], 1], -1)
            out[line] |= np.maximum(known, own) >= value[line]
        window = np.nonzero(place < -1)[0]
        if len(window):
            out[window] |= self._in_window(row[window], -2 - place[window], value[window])
        return out

    def _in_window(self, row: I32, window: I32, position: I32) -> NDArray[np.bool_]:
        offset = position - self.base[row, window] - 1
        bits = self.mask[row, window] >> np.clip(offset, 0, WINDOW - 1)
        seen = (offset < 0) | ((offset < WINDOW) & (bits & 1 == 1))
        return np.asarray(seen, np.bool_)

    def before(self, first: int, then: int) -> bool:
        """`precedes` for one pair."""
        return bool(self.precedes(np.array([first]), np.array([then]))[0])


class DownSet:
    """A set of events closed under "comes before": the smallest that holds what was added. Mutable."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        columns, windows = clocks.lines.shape[1], clocks.base.shape[1]
        shape = (2, windows)  # row 0 is the set, row 1 what is being added
        lines, base, mask = np.full((2, columns), -1, np.int32), np.full(shape, -1, np.int32), np.zeros(shape, np.int64)
        self._store = inner.Store(lines, base, mask, clocks.row, clocks.effect)

    def add(self, event: int, *, itself: bool = True) -> None:
        """Add all that comes before `event`, and the event unless `itself` is False."""
        c, store = self.clocks, self._store
        row = c.row[event]
        store.lines[1], store.base[1], store.mask[1] = c.lines[row], c.base[row], c.mask[row]
        inner.absorb(store._replace(row=np.broadcast_to(np.int32(1), c.row.shape)), 0, event, itself)

    def holds(self, events: I32) -> bool:
        """Whether all `events` (with a place) are in the set."""
        return inner.contains(self._store, 0, events)


def clocks_of(network: EventNetwork, *, compile: bool | None = None) -> Clocks:
    """Sweep the network. `compile` forces numba on or off; by default large networks use it if it is installed."""
    n = len(network)
    predecessors, handlers = network.predecessors, network.handlers
    successors = predecessors.transposed(n)
    handler_of = np.full(n, -1, np.int32)
    handler_of[handlers.node] = np.arange(len(handlers.node), dtype=np.int32)
    run = _choose(n, compile)
    capacity = _rows_needed(network)
    chains = 8 if len(handlers.node) else 0
    while True:
        store, server = _store(network, capacity, chains), _server(handlers, chains)
        order = np.zeros(n, np.int32)
        visited, rows = run(
            predecessors.start,
            predecessors.index,
            successors.start,
            successors.index,
            handler_of,
            store,
            server,
            handlers.by_id,
            network.columns,
            order,
        )
        if visited >= 0:
            lines, base, mask = store.lines[:rows], store.base[:rows], store.mask[:rows]
            return Clocks(network, store.effect, lines, base, mask, store.row, order, visited, server.derived)
        chains *= 2


def _store(network: EventNetwork, capacity: int, chains: int) -> inner.Store:
    lines = np.empty((capacity, network.columns + chains), np.int32)
    base, mask = np.empty((capacity, network.windows), np.int32), np.empty((capacity, network.windows), np.int64)
    lines[0], base[0], mask[0] = -1, -1, 0
    return inner.Store(lines, base, mask, np.full(len(network), -1, np.int32), _effects(network))


def _server(handlers: Handlers, chains: int) -> inner.Server:
    count = len(handlers.node)
    rank = np.argsort(np.argsort(handlers.id, kind="stable")).astype(np.int32)
    return inner.Server(
        handlers.node,
        handlers.id,
        rank,
        handlers.causes.start,
        handlers.causes.index,
        np.full(count, -1, np.int32),
        np.full(chains, -1, np.int32),
        np.full((count, chains), -1, np.int32),
    )


def _effects(network: EventNetwork) -> I32:
    effect = np.full((len(network), 2), -1, np.int32)
    line = network.column >= 0
    effect[line, 0], effect[line, 1] = network.column[line], network.code[line]
    window = network.window >= 0
    effect[window, 0], effect[window, 1] = -2 - network.window[window], network.position[window]
    return effect


def _rows_needed(network: EventNetwork) -> int:
    """An upper bound: one row per event that can have a clock of its own, the empty one, and one to work in."""
    start = network.predecessors.start
    count = np.diff(start)
    one = np.nonzero(count == 1)[0]
    before = network.predecessors.index[start[one]]
    same_line = (network.column[before] == network.column[one]) & (network.code[before] <= network.code[one])
    same_line &= network.column[before] >= 0
    plain = (network.column[before] < 0) & (network.window[before] < 0)
    is_handler = np.zeros(len(network), bool)
    is_handler[network.handlers.node] = True
    shares = (same_line | plain) & ~is_handler[before] & ~is_handler[one]
    return 3 + int(np.count_nonzero(count > 1)) + len(one) - int(np.count_nonzero(shares))


def _choose(events: int, compile: bool | None) -> Callable[..., tuple[int, int]]:
    if compile is None:
        compile = _BUDGET.exceeded(events, COMPILE_FROM)
    if compile:
        fast = compiled_sweep()
        if fast is not None:
            return fast
    return inner.sweep


@cache
def compiled_sweep() -> Callable[..., tuple[int, int]] | None:
    """The sweep compiled by numba (extra `fast`), or None where numba is not installed. Same code, same result."""
    try:
        from numba import njit
        from numba.extending import register_jitable
    except ImportError:
        return None
    helpers: tuple[Callable[..., Any], ...] = (
        inner.set_position,
        inner.merge_window,
        inner.absorb,
        inner.same_clock,
        inner.contains,
        inner.clear,
        inner.serve,
        inner.take_turn,
        inner.share_row,
        inner.visit,
    )
    for helper in helpers:
        register_jitable(helper)
    compiled: Callable[..., tuple[int, int]] = kept(njit, inner.sweep)
    return compiled
