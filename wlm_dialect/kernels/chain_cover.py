"""Minimum chain cover of barriers, and the antichain that proves it minimal (Dilworth).

Barriers come as rows of a dominance order: u is before v iff `users[u] <= known[v]` in every column, one comparison per
lane. The rows have to make that a strict partial order; `passes/analysis/reuse.py` does. Barriers that share a physical
one form a chain, so the fewest chains that hold all barriers are the fewest physical barriers, and barriers of which no
two are comparable need one each (docs/barriers.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32, I64

EXACT_UP_TO = 8_000
"""Barriers up to which the cover is exact by default: a square of bits, searched once per chain."""
WINDOW = 400
"""Barriers matched at a time beyond that."""
SLICE = 4_000
"""Neighbours of the widest position among which the antichain is sought then."""


@dataclass(frozen=True, eq=False)
class ChainCover:
    """A cover by chains and a set of barriers of which each needs a chain of its own."""

    chain: I32  # barrier -> its chain; chains are numbered by their first barrier
    antichain: I32  # barriers of which no two are comparable, ascending
    method: str  # "matching": as many chains as the antichain has barriers; "windows": possibly more

    @property
    def count(self) -> int:
        """Number of chains: so many physical barriers are enough."""
        return int(self.chain.max(initial=-1)) + 1

    @property
    def width(self) -> int:
        """Size of the antichain: fewer physical barriers are not enough."""
        return len(self.antichain)


def chain_cover(users: I32, known: I32, *, exact_up_to: int = EXACT_UP_TO) -> ChainCover:
    """A cover of all rows; with as few chains as there can be if there are at most `exact_up_to` rows.

    `users` and `known` have shape (barriers, columns); the last column of both is a position in an order that the
    relation extends (`last use`, `first use`), and barriers are numbered by it. Exact: a maximum matching of barriers
    with the next of their chains, O(barriers^2 x chains / 64) at worst; the antichain is what Koenig's theorem leaves.
    Beyond: the same in windows of `WINDOW` barriers, each with the ends of the chains so far, and the antichain of a
    `SLICE` of the barriers.
    """
    count = len(users)
    if count <= exact_up_to:
        search = _matched(users, known, np.arange(count), 0)
        return ChainCover(_numbered(search.after), search.antichain(), "matching")
    after = [-1] * count
    ends: list[int] = []
    for low in range(0, count, WINDOW):
        items = np.asarray([*ends, *range(low, min(low + WINDOW, count))])
        search = _matched(users, known, items, len(ends))
        for i, j in enumerate(search.after):
            if j >= 0:
                after[items[i]] = int(items[j])
        ends = [int(items[i]) for i, j in enumerate(search.after) if j < 0]
    return ChainCover(_numbered(after), _local_antichain(users, known), "windows")


def dominance(users: I32, known: I32) -> NDArray[np.bool_]:
    """Entry [u, v]: u is before v. Shape (barriers, barriers)."""
    out = np.ones((len(users), len(known)), np.bool_)
    for c in range(users.shape[1]):
        out &= users[:, c][:, None] <= known[:, c][None, :]
    return out


def widest_position(first: I32, last: I32) -> I32:
    """The barriers of which most are in use at one position, ascending: no two of them are comparable.

    Barrier v is in use from `first[v]` up to, but not at, `last[v]`; one that ends where it begins is in use there.
    """
    if not len(first):
        return np.zeros(0, np.int32)
    begins = np.sort(first)
    stops = np.sort(np.maximum(last, first + 1))
    live = np.arange(1, len(first) + 1) - np.searchsorted(stops, begins, side="right")
    at = begins[int(np.argmax(live))]
    found: I32 = np.nonzero((first <= at) & (np.maximum(last, first + 1) > at))[0].astype(np.int32)
    return found


def check_cover(users: I32, known: I32, cover: ChainCover) -> list[str]:
    """What is wrong with a cover, in words; nothing if it is one. Uses the relation alone, no search."""
    out: list[str] = []
    if len(cover.chain) != len(users):
        return [f"{len(cover.chain)} barriers are covered, not {len(users)}"]
    for c in range(cover.count):
        row = np.nonzero(cover.chain == c)[0]
        row = row[np.argsort(known[row, -1], kind="stable")]
        apart = np.nonzero(~(users[row[:-1]] <= known[row[1:]]).all(axis=1))[0]
        out += [f"chain {c}: v{row[i]} is not before v{row[i + 1]}" for i in apart.tolist()]
    related = dominance(users[cover.antichain], known[cover.antichain])
    pairs = np.argwhere(related)
    out += [f"antichain: v{cover.antichain[a]} is before v{cover.antichain[b]}" for a, b in pairs.tolist()]
    if cover.method == "matching" and cover.count != cover.width:
        out.append(f"{cover.count} chains, but an antichain of {cover.width}")
    return out


def _numbered(after: list[int]) -> I32:
    """Barrier -> chain from barrier -> next, numbered in order of their first barriers."""
    chain = np.full(len(after), -1, np.int32)
    count = 0
    for v, following in enumerate(after):
        if chain[v] < 0:
            chain[v] = count
            count += 1
        if following >= 0:
            chain[following] = chain[v]
    return chain


def _local_antichain(users: I32, known: I32) -> I32:
    """The largest antichain around the position where most barriers are in use."""
    widest = widest_position(known[:, -1], users[:, -1])
    low = max(0, int(widest[len(widest) // 2]) - SLICE // 2)
    items = np.arange(low, min(low + SLICE, len(users)))
    found = items[_matched(users, known, items, 0).antichain()].astype(np.int32)
    return found if len(found) > len(widest) else widest


def _matched(users: I32, known: I32, items: I64, fixed: int) -> "_Matching":
    """A maximum matching of `items`, the first `fixed` of which have what comes before them already.

    Those over latest come first and keep a next one once they have it: of the ends that remain, early ones are easier
    to follow.
    """
    relation = dominance(users[items], known[items])
    relation[:, :fixed] = False
    packed = np.packbits(relation, axis=1, bitorder="little")
    search = _Matching([int.from_bytes(row.tobytes(), "little") for row in packed])
    for u in np.argsort(-users[items, -1], kind="stable").tolist():
        search.extend(u)
    return search


class _Matching:
    """Pairs (barrier, next): grown by augmenting paths, one search per barrier. Sets of next ones are bits of an int.

    What a search in vain has seen stays seen: no later path leads through it.
    """

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows
        self.after = [-1] * len(rows)
        self.before = [-1] * len(rows)
        self.free = self.unseen = (1 << len(rows)) - 1  # as next ones
        self.reached = [False] * len(rows)  # as former ones, by searches in vain

    def antichain(self) -> I32:
        """After all searches: the barriers that a minimum vertex cover of the pairs leaves out altogether."""
        kept = [v for v in _bits(self.unseen) if self.reached[v]]
        return np.asarray(kept, np.int32)

    def extend(self, end: int) -> None:
        """Give `end` a next one if the others can make room."""
        via: dict[int, int] = {}
        frontier, seen = [end], self.unseen
        while frontier:
            u = frontier.pop()
            fresh = self.rows[u] & seen
            hit = fresh & self.free
            if hit:
                self._augment(end, u, (hit & -hit).bit_length() - 1, via)
                return
            seen ^= fresh
            for v in _bits(fresh):
                via[v] = u
                frontier.append(self.before[v])
        self.unseen = seen
        self.reached[end] = True
        for v in via:
            self.reached[self.before[v]] = True

    def _augment(self, end: int, u: int, found: int, via: dict[int, int]) -> None:
        self.free &= ~(1 << found)
        while True:
            former, self.after[u], self.before[found] = self.after[u], found, u
            if u == end:
                return
            found = former
            u = via[found]


def _bits(word: int) -> Iterator[int]:
    while word:
        low = word & -word
        yield low.bit_length() - 1
        word ^= low
