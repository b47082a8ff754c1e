"""From orders that must hold to tokens: which places push and pop, and where the compute module needs NOPs."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from wlm_dialect.passes.vta.fewest import fewest_one_way
from wlm_dialect.passes.vta.routes import find_routes, unimplied
from wlm_dialect.passes.vta.stairs import Pair, stair
from wlm_dialect.program.vta import Module

L, C, S = Module
_QUEUE: dict[tuple[int, int], int] = {(L, C): 0, (C, L): 1, (S, C): 2, (C, S): 3}
"""Position in `QUEUES` of the queue from one module to its neighbour."""


@dataclass(frozen=True)
class Placement:
    """`tokens`: per queue of `QUEUES` the (push, pop) places, ascending. `nops`: places of NOPs of the compute module.

    Task t has place 2 t + 1, a NOP right before it 2 t.
    """

    tokens: tuple[tuple[Pair, ...], ...]
    nops: tuple[int, ...]

    @property
    def count(self) -> int:
        """Tokens in all queues."""
        return sum(len(pairs) for pairs in self.tokens)


def place_exact(module: Sequence[int], after: Sequence[Sequence[int]]) -> Placement:
    """The fewest tokens that order what `after` orders, and no two tasks more but those that a route passes between.

    `after[t]` are tasks before t. Between neighbours every order that nothing implies needs a token, and gets one. An
    order between load and store is routed through compute (`find_routes`).
    """
    direct: list[list[Pair]] = [[] for _ in _QUEUE]
    needed: dict[tuple[int, int], list[Pair]] = {(L, S): [], (S, L): []}
    for t, row in enumerate(after):
        for a in row:
            ends = (module[a], module[t])
            if ends in needed:
                needed[ends].append((2 * a + 1, 2 * t + 1))
            elif ends[0] != ends[1]:
                direct[_QUEUE[ends]].append((2 * a + 1, 2 * t + 1))
    steps = [stair(pairs) for pairs in direct]
    compute = [2 * t + 1 for t, m in enumerate(module) if m == C]
    nops: list[tuple[int, int, int]] = []
    for (x, y), pairs in needed.items():
        into, out_of = _QUEUE[x, C], _QUEUE[C, y]
        rest = unimplied(pairs, steps[into], steps[out_of])
        found = find_routes(rest, steps[into], steps[out_of], compute)
        nops += _spans(rest, found)
        steps[into] = stair([*steps[into], *((a, p) for (a, _), p in zip(rest, found, strict=True))])
        steps[out_of] = stair([*steps[out_of], *((p, b) for (_, b), p in zip(rest, found, strict=True))])
    moved = _shared(nops, compute)
    tokens = tuple(tuple((moved.get(a, a), moved.get(b, b)) for a, b in pairs) for pairs in steps)
    return Placement(tokens, tuple(sorted(set(moved.values()))))


def _spans(pairs: Sequence[Pair], places: Sequence[int]) -> list[tuple[int, int, int]]:
    """Per NOP that routes take: (its place, the last x before it, the first y behind it)."""
    spans: dict[int, tuple[int, int]] = {}
    for (x, y), p in zip(pairs, places, strict=True):
        if p % 2 == 0:
            low, high = spans.get(p, (x, y))
            spans[p] = (max(low, x), min(high, y))
    return [(p, low, high) for p, (low, high) in spans.items()]


def _shared(nops: list[tuple[int, int, int]], compute: Sequence[int]) -> dict[int, int]:
    """NOP place -> the place of the NOP that does its work: one for both directions where program order lets them meet
    between the same two instructions of compute. What went through one of them alone now waits for both."""
    out: dict[int, int] = {}
    latest = -1
    for p, low, high in sorted(nops, key=lambda n: (bisect_left(compute, n[0]), n[2])):
        gap = bisect_left(compute, p)
        low = max(low, compute[gap - 1] if gap else -1)
        if latest <= low:
            latest = min(high, compute[gap] if gap < len(compute) else high) - 1
        out[p] = latest
    return out


def place_fewest(module: Sequence[int], after: Sequence[Sequence[int]]) -> Placement:
    """The fewest tokens with which program order is an order of execution; tasks may wait for more than they must."""
    tokens: list[tuple[Pair, ...]] = [()] * len(_QUEUE)
    nops: list[int] = []
    for x, y in ((L, S), (S, L)):
        found = fewest_one_way(module, after, x, y)
        tokens[_QUEUE[x, C]], tokens[_QUEUE[C, y]] = found.into, found.out_of
        nops += found.nops
    return Placement(tuple(tokens), tuple(sorted(nops)))
