"""The inner loop of `clocks`: one topological sweep over flat arrays. Plain Python that numba compiles unchanged.

A clock is one row of `lines` (int32, one column per totally ordered chain, the last code known to come before) and one
row of `base`/`mask` (one column per chain whose events are *not* ordered: all positions up to `base`, and those of the
next `WINDOW` whose bit is set). Codes ascend along a line; -1 is nothing. An `effect` is the place of an event: column
and code, or -2 - window and position; column -1 = none.
"""

import numpy as np

from wlm_dialect.kernels.csr import I32, I64

WINDOW = 62  # bits of a signed word that shifts never push into the sign


def set_position(base: I32, mask: I64, row: int, w: int, position: int) -> None:
    """Add one position to window `w` of clock `row`; one too far ahead is forgotten, which loses order but is sound."""
    offset = position - base[row, w] - 1
    if 0 <= offset < WINDOW:
        mask[row, w] |= 1 << offset
        while mask[row, w] & 1:
            mask[row, w] >>= 1
            base[row, w] += 1


def merge_window(base: I32, mask: I64, into: int, row: int, w: int) -> None:
    """Union of two windows, into the first."""
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


def absorb(lines: I32, base: I32, mask: I64, into: int, node: int, row: I32, effect: I32, itself: bool) -> None:
    """Let what comes before the event `node` come before the clock `into`, and the event `itself` if so wanted."""
    source = row[node]
    lines[into] = np.maximum(lines[into], lines[source])
    for w in range(base.shape[1]):
        merge_window(base, mask, into, source, w)
    column, value = effect[node, 0], effect[node, 1]
    if column >= 0:
        # the clock of an end is that of its start: what lies between the two is below its own code
        code = value if itself else value - 1
        if code > lines[into, column]:
            lines[into, column] = code
    elif column < -1 and itself:
        set_position(base, mask, into, -2 - column, value)


def same_clock(lines: I32, base: I32, mask: I64, a: int, b: int) -> bool:
    """Whether two rows hold the same clock."""
    if not np.all(lines[a] == lines[b]):
        return False
    return base.shape[1] == 0 or bool(np.all(base[a] == base[b]) and np.all(mask[a] == mask[b]))


def contains(lines: I32, base: I32, mask: I64, at: int, events: I32, effect: I32) -> bool:
    """Whether all `events` (with a place) come before the clock `at`."""
    for node in events:
        column, value = effect[node, 0], effect[node, 1]
        if column >= 0:
            if lines[at, column] < value:
                return False
        elif column < -1:
            w = -2 - column
            offset = value - base[at, w] - 1
            if offset >= WINDOW or (offset >= 0 and not (mask[at, w] >> offset) & 1):
                return False
        else:
            return False
    return True


def clear(lines: I32, base: I32, mask: I64, row: int) -> None:
    """Make clock `row` empty."""
    lines[row] = -1
    base[row] = -1
    mask[row] = 0


def serve(
    lines: I32,
    base: I32,
    mask: I64,
    into: int,
    handler: int,
    row: I32,
    effect: I32,
    handler_node: I32,
    handler_id: I32,
    cause_start: I32,
    cause: I32,
    by_id: bool,
    first_column: int,
    tail: I32,
    before: I32,
    derived: I32,
) -> int:
    """Order a handler behind all that are certainly served first, and give it a chain; -1 if none is left.

    Another one is served first if all causes of its raise come before some cause of ours; if they may be the very same
    event, the lower id goes first. `tail[c]` is the last handler of chain c and `before` links each to the one before
    it in its chain. A chain is ordered by the raise as well, so the last member that is served first stands for all
    before it. `derived[h, c]` is the handler of chain c that was found to be served before h, or -1.
    """
    causes = cause[cause_start[handler] : cause_start[handler + 1]]
    earlier = into + 1
    clear(lines, base, mask, earlier)
    for node in causes:
        absorb(lines, base, mask, earlier, node, row, effect, False)
    for c in range(len(tail)):
        other = tail[c]
        while other >= 0:
            node = handler_node[other]
            if lines[into, first_column + c] >= effect[node, 1]:
                break
            lower = handler_id[other] < handler_id[handler]
            raised = cause[cause_start[other] : cause_start[other + 1]]
            first = lower and contains(lines, base, mask, into, raised, effect)
            if first or (not by_id and contains(lines, base, mask, earlier, raised, effect)):
                absorb(lines, base, mask, into, node, row, effect, True)
                derived[handler, c] = node
                break
            other = before[other]
    for c in range(len(tail)):
        last = tail[c]
        if last < 0 or lines[into, first_column + c] >= effect[handler_node[last], 1]:
            before[handler] = last
            effect[handler_node[handler], 0] = first_column + c
            effect[handler_node[handler], 1] = 1 if last < 0 else effect[handler_node[last], 1] + 1
            tail[c] = handler
            return c
    return -1


def insert_by_key(queue: I32, low: int, high: int, item: int, key: I64) -> None:
    """Insert `item` into ``queue[low:high]``, ascending by `key`; it grows by one."""
    at = high
    while at > low and key[queue[at - 1]] > key[item]:
        queue[at] = queue[at - 1]
        at -= 1
    queue[at] = item


def share_row(node: int, before: I32, row: I32, effect: I32) -> int:
    """The row of a clock that equals that of `node`, if its only predecessor has it already; else -1.

    An end shares the row of its start: its own code covers the code of the start.
    """
    if len(before) == 0:
        return 0
    if len(before) > 1:
        return -1
    column = effect[before[0], 0]
    covered = column >= 0 and column == effect[node, 0] and effect[node, 1] >= effect[before[0], 1]
    return int(row[before[0]]) if column == -1 or covered else -1


def visit(
    node: int,
    before: I32,
    lines: I32,
    base: I32,
    mask: I64,
    into: int,
    row: I32,
    effect: I32,
) -> int:
    """The row that holds the clock of an event: `into`, filled, or another one that holds the same clock already."""
    shared = share_row(node, before, row, effect)
    if shared >= 0:
        return shared
    clear(lines, base, mask, into)
    for p in before:
        absorb(lines, base, mask, into, p, row, effect, True)
    for p in before:
        if effect[p, 0] == -1 and same_clock(lines, base, mask, into, row[p]):
            return int(row[p])
    return into


def sweep(
    start: I32,
    index: I32,
    successor_start: I32,
    successor: I32,
    effect: I32,
    handler_of: I32,
    handler_node: I32,
    handler_id: I32,
    rank: I32,
    cause_start: I32,
    cause: I32,
    by_id: bool,
    first_column: int,
    tail: I32,
    lines: I32,
    base: I32,
    mask: I64,
    row: I32,
    order: I32,
    derived: I32,
) -> tuple[int, int]:
    """Visit all events in a topological order; fill `row`, the clocks, `order` and `derived`.

    Handlers wait until nothing else can be visited and are taken in the order in which the last cause of their raise
    was visited, so that whatever is raised before is served before. Returns (events visited, rows used); the former is
    -1 if the handlers need more chains than `tail` has.
    """
    n = len(start) - 1
    missing = start[1:] - start[:-1]
    pending = np.empty(len(handler_node) + 1, np.int32)
    key = np.zeros(len(handler_node), np.int64)
    before = np.full(len(handler_node), -1, np.int32)
    seen = np.zeros(n, np.int64)
    head = filled = first = last = 0
    rows = 1
    for node in range(n):
        if missing[node] == 0:
            order[filled] = node
            filled += 1
    while head < filled or first < last:
        if head == filled:
            order[filled] = handler_node[pending[first]]
            filled += 1
            first += 1
        node = order[head]
        seen[node] = head
        handler = handler_of[node]
        row[node] = visit(node, index[start[node] : start[node + 1]], lines, base, mask, rows, row, effect)
        if handler >= 0:
            if row[node] != rows:
                clear(lines, base, mask, rows)
                absorb(lines, base, mask, rows, node, row, effect, False)
                row[node] = rows
            if serve(
                lines, base, mask, rows, handler, row, effect, handler_node, handler_id, cause_start, cause, by_id,
                first_column, tail, before, derived,
            ) < 0:  # fmt: skip
                return -1, rows
        if row[node] == rows:
            rows += 1
        for s in successor[successor_start[node] : successor_start[node + 1]]:
            missing[s] -= 1
            if missing[s] == 0 and handler_of[s] < 0:
                order[filled] = s
                filled += 1
            elif missing[s] == 0:
                item = handler_of[s]
                for c in cause[cause_start[item] : cause_start[item + 1]]:
                    key[item] = max(key[item], seen[c])
                key[item] = key[item] * len(handler_node) + rank[item]
                insert_by_key(pending, first, last, item, key)
                last += 1
        head += 1
    return head, rows
