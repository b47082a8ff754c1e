"""The inner loop of `clocks`: one topological sweep over flat arrays. Plain Python that numba compiles unchanged.

A clock is one row of `lines` (int32, one column per totally ordered chain, the last code known to come before) and one
row of `base`/`mask` (one column per chain whose events are *not* ordered: all positions up to `base`, and those of the
next `WINDOW` whose bit is set). Codes ascend along a line; -1 is nothing.
"""

from typing import NamedTuple

import numpy as np

from wlm_dialect.kernels.csr import I32, I64

WINDOW = 62  # bits of a signed word that shifts never push into the sign


class Store(NamedTuple):
    """The clocks while they are made. Events without a clock of their own share the row of another one."""

    lines: I32  # (rows, columns)
    base: I32  # (rows, windows)
    mask: I64
    row: I32  # event -> row
    effect: I32  # (events, 2): column and code, or -2 - window and position; column -1 = no place


class Server(NamedTuple):
    """Handlers of a server that takes one request at a time. Shape (handlers,) unless said otherwise."""

    node: I32
    id: I32
    rank: I32  # of the id among all
    cause_start: I32  # (handlers + 1,)
    cause: I32  # events whose latest is the raise
    before: I32  # the handler before in the same chain, or -1
    tail: I32  # (chains,) the last handler of each chain, or -1
    derived: I32  # (handlers, chains) handler events found to be served before; -1 = none


def set_position(store: Store, row: int, w: int, position: int) -> None:
    """Add one position to window `w` of clock `row`; one too far ahead is forgotten, which loses order but is sound."""
    base, mask = store.base, store.mask
    offset = position - base[row, w] - 1
    if 0 <= offset < WINDOW:
        mask[row, w] |= 1 << offset
        while mask[row, w] & 1:
            mask[row, w] >>= 1
            base[row, w] += 1


def merge_window(store: Store, into: int, row: int, w: int) -> None:
    """Union of two windows, into the first."""
    base, mask = store.base, store.mask
    low, bits = base[into, w], mask[into, w]
    other_low, other_bits = base[row, w], mask[row, w]
    if other_low > low:
        low, bits, other_low, other_bits = other_low, other_bits, low, bits
    shift = low - other_low
    if shift < WINDOW:
        bits |= other_bits >> shift
    base[into, w], mask[into, w] = low, bits
    while mask[into, w] & 1:
        mask[into, w] >>= 1
        base[into, w] += 1


def clear(store: Store, row: int) -> None:
    """Make clock `row` empty."""
    store.lines[row] = -1
    store.base[row] = -1
    store.mask[row] = 0


def absorb(store: Store, into: int, node: int, itself: bool) -> None:
    """Let what comes before the event `node` come before the clock `into`, and the event `itself` if so wanted."""
    lines, source = store.lines, store.row[node]
    lines[into] = np.maximum(lines[into], lines[source])
    for w in range(store.base.shape[1]):
        merge_window(store, into, source, w)
    column, value = store.effect[node, 0], store.effect[node, 1]
    if column >= 0:
        # all that is lower on its line comes before it, whether its row says so or not
        code = value if itself else value - 1
        if code > lines[into, column]:
            lines[into, column] = code
    elif column < -1 and itself:
        set_position(store, into, -2 - column, value)


def same_clock(store: Store, a: int, b: int) -> bool:
    """Whether two rows hold the same clock."""
    if not np.all(store.lines[a] == store.lines[b]):
        return False
    if store.base.shape[1] == 0:
        return True
    return bool(np.all(store.base[a] == store.base[b]) and np.all(store.mask[a] == store.mask[b]))


def contains(store: Store, at: int, events: I32) -> bool:
    """Whether all `events` come before the clock `at`; one without a place does not."""
    for node in events:
        column, value = store.effect[node, 0], store.effect[node, 1]
        if column >= 0:
            if store.lines[at, column] < value:
                return False
        elif column < -1:
            w = -2 - column
            offset = value - store.base[at, w] - 1
            if offset >= WINDOW or (offset >= 0 and not (store.mask[at, w] >> offset) & 1):
                return False
        else:
            return False
    return True


def serve(store: Store, server: Server, into: int, handler: int, by_id: bool, first_column: int) -> int:
    """Order a handler behind all that are certainly served first, and give it a chain; -1 if none is left.

    Another one is served first if all causes of its raise come before some cause of ours; if they may be the very same
    event, the lower id goes first. A chain is ordered by the raise as well, so its last member that is served first
    stands for all before it. The row after `into` is scratch.
    """
    lines, effect, tail, node = store.lines, store.effect, server.tail, server.node
    earlier = into + 1
    clear(store, earlier)
    for c in server.cause[server.cause_start[handler] : server.cause_start[handler + 1]]:
        absorb(store, earlier, c, False)
    for c in range(len(tail)):
        other = tail[c]
        while other >= 0:
            if lines[into, first_column + c] >= effect[node[other], 1]:
                break
            raised = server.cause[server.cause_start[other] : server.cause_start[other + 1]]
            first = server.id[other] < server.id[handler] and contains(store, into, raised)
            if first or (not by_id and contains(store, earlier, raised)):
                absorb(store, into, node[other], True)
                server.derived[handler, c] = node[other]
                break
            other = server.before[other]
    for c in range(len(tail)):
        last = tail[c]
        if last < 0 or lines[into, first_column + c] >= effect[node[last], 1]:
            server.before[handler] = last
            effect[node[handler], 0] = first_column + c
            effect[node[handler], 1] = 1 if last < 0 else effect[node[last], 1] + 1
            tail[c] = handler
            return c
    return -1


def take_turn(server: Server, handler: int, seen: I64, pending: I32, first: int, last: int, key: I64) -> None:
    """Insert `handler` into ``pending[first:last]``, by when the last cause of its raise was visited, then by id."""
    latest = np.int64(0)  # an instance that nobody uses is no cause of trouble here: H11 reports it
    for c in server.cause[server.cause_start[handler] : server.cause_start[handler + 1]]:
        latest = max(latest, seen[c])
    key[handler] = latest * len(key) + server.rank[handler]
    at = last
    while at > first and key[pending[at - 1]] > key[handler]:
        pending[at] = pending[at - 1]
        at -= 1
    pending[at] = handler


def share_row(store: Store, node: int, before: I32) -> int:
    """The row of a clock that equals that of `node`, if its only predecessor has it already; else -1.

    An end shares the row of its start: its own code covers the code of the start.
    """
    if len(before) == 0:
        return 0
    if len(before) > 1:
        return -1
    effect, p = store.effect, before[0]
    column = effect[p, 0]
    covered = column >= 0 and column == effect[node, 0] and effect[node, 1] >= effect[p, 1]
    return int(store.row[p]) if column == -1 or covered else -1


def visit(store: Store, node: int, before: I32, into: int, own: bool) -> int:
    """The row that holds the clock of an event: `into`, filled, or (unless `own`) another one with the same clock."""
    shared = -1 if own else share_row(store, node, before)
    if shared >= 0:
        return shared
    clear(store, into)
    for p in before:
        absorb(store, into, p, True)
    for p in before:
        if not own and store.effect[p, 0] == -1 and same_clock(store, into, store.row[p]):
            return int(store.row[p])
    return into


def sweep(
    start: I32,
    index: I32,
    successor_start: I32,
    successor: I32,
    handler_of: I32,
    store: Store,
    server: Server,
    by_id: bool,
    first_column: int,
    order: I32,
) -> tuple[int, int]:
    """Visit all events in a topological order; fill the store, `order` and ``server.derived``.

    Handlers wait until nothing else can be visited and are taken in the order in which the last cause of their raise
    was visited, so that whatever is raised before is served before. Returns (events visited, rows used); the former is
    -1 if the handlers need more chains than there are.
    """
    n, handlers = len(start) - 1, len(server.node)
    missing = start[1:] - start[:-1]
    pending, key = np.empty(handlers + 1, np.int32), np.zeros(handlers, np.int64)
    seen = np.zeros(n, np.int64)
    head = filled = first = last = 0
    rows = 1
    for node in range(n):
        if missing[node] == 0:
            order[filled] = node
            filled += 1
    while head < filled or first < last:
        if head == filled:
            order[filled] = server.node[pending[first]]
            filled += 1
            first += 1
        node = order[head]
        seen[node] = head
        handler = handler_of[node]
        store.row[node] = visit(store, node, index[start[node] : start[node + 1]], rows, handler >= 0)
        if handler >= 0 and serve(store, server, rows, handler, by_id, first_column) < 0:
            return -1, rows
        if store.row[node] == rows:
            rows += 1
        for s in successor[successor_start[node] : successor_start[node + 1]]:
            missing[s] -= 1
            if missing[s] == 0 and handler_of[s] < 0:
                order[filled] = s
                filled += 1
            elif missing[s] == 0:
                take_turn(server, handler_of[s], seen, pending, first, last, key)
                last += 1
        head += 1
    return head, rows
