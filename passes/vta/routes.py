"""Ways through the compute module for orders between load and store, which share no queue.

A route of (x, y) is a place p of the compute module, an instruction or a NOP: x ends before p starts, p ends before y
starts. Routes keep the order of what they serve, and program order stays an order of execution.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from wlm_dialect.passes.vta.stairs import Pair, first_after, last_before, stair

Cost = tuple[int, int]
"""(tokens, NOPs): what is to be as small as possible, in this order."""


@dataclass(frozen=True)
class _Best:
    cost: Cost
    place: int
    before: "_Best | None"


def find_routes(needed: Sequence[Pair], into: list[Pair], out_of: list[Pair], compute: Sequence[int]) -> list[int]:
    """One place per pair of `needed` (a stair), so that tokens, then NOPs are as few as routes that keep order allow.

    Tasks have odd places (`compute`: those of compute, ascending), a NOP right before one has the even place below.
    `into`, `out_of`: stairs of direct orders from the module of x to compute and from compute to that of y.
    Dynamic programming along the pairs: neighbours share tokens where they share a place, and only neighbours can.
    """
    if not needed:
        return []
    nops = sorted({y - 1 for _, y in needed} | {c - 1 for c in compute})
    sides = _Sides(needed, into, out_of)
    states: list[_Best] = []
    for n, (x, y) in enumerate(needed):
        places = _between(compute, x, y) + _between(nops, x, y)
        states = _step(states, sorted(places), sides, n)
    best = min(states, key=lambda s: (s.cost, -s.place))
    found: list[int] = []
    at: _Best | None = best
    while at is not None:
        found.append(at.place)
        at = at.before
    return found[::-1]


def _between(places: Sequence[int], low: int, high: int) -> list[int]:
    return list(places[bisect_right(places, low) : bisect_left(places, high)])


def _step(states: list[_Best], places: list[int], sides: "_Sides", n: int) -> list[_Best]:
    """The best way to each place of pair n. `states`: those of the pair before, ascending by place."""
    out: list[_Best] = []
    best: _Best | None = None  # of the states at earlier places
    same = {s.place: s for s in states}
    at = 0
    for place in places:
        while at < len(states) and states[at].place < place:
            if best is None or states[at].cost <= best.cost:
                best = states[at]
            at += 1
        own = sides.tokens(n, place)
        arrives, leaves = sides.adds(n, place)
        nop = int(place % 2 == 0)
        options: list[_Best] = []
        if n == 0 or best is not None:
            base = (0, 0) if best is None else best.cost
            options.append(_Best((base[0] + own + arrives + leaves, base[1] + nop), place, best))
        if place in same:
            # one place for both: the arrival of the later pair and the leaving of the earlier one serve the other, too
            before = same[place]
            gone = sides.adds(n - 1, place)[0]
            options.append(_Best((before.cost[0] - gone + own + arrives, before.cost[1]), place, before))
        if options:
            out.append(min(options, key=lambda s: s.cost))
    return out


class _Sides:
    """What a place costs on the two queues that a route uses, beside the direct orders that they carry anyway."""

    def __init__(self, needed: Sequence[Pair], into: list[Pair], out_of: list[Pair]) -> None:
        self.needed, self.into, self.out_of = needed, into, out_of
        xs, ys = [x for x, _ in needed], [y for _, y in needed]
        # a direct order is implied at most by the first pair from a later x, or the last one to an earlier y
        self.arriving: list[list[Pair]] = [[] for _ in needed]
        self.leaving: list[list[Pair]] = [[] for _ in needed]
        for a, c in into:
            if (n := bisect_left(xs, a)) < len(xs):
                self.arriving[n].append((a, c))
        for c, b in out_of:
            if (n := bisect_right(ys, b)) > 0:
                self.leaving[n - 1].append((c, b))

    def tokens(self, n: int, place: int) -> int:
        """Direct orders near pair n that need a token of their own."""
        x, y = self.needed[n]
        arriving = sum(1 for a, c in self.arriving[n] if place > c or (a, c) == (x, place))
        return arriving + sum(1 for c, b in self.leaving[n] if place < c or (c, b) == (place, y))

    def adds(self, n: int, place: int) -> Cost:
        """Whether x -> place and place -> y need tokens: 0 where direct orders imply them."""
        x, y = self.needed[n]
        first, last = first_after(self.into, x), last_before(self.out_of, y)
        return int(first is None or first > place), int(last is None or last < place)


def unimplied(needed: Sequence[Pair], into: list[Pair], out_of: list[Pair]) -> list[Pair]:
    """The stair of those pairs that no way through direct orders implies already."""
    out = []
    for x, y in stair(needed):
        first, last = first_after(into, x), last_before(out_of, y)
        if first is None or last is None or first > last:
            out.append((x, y))
    return out
