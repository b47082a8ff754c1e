"""The fewest tokens on the two queues that lead from one outer module through compute to the other.

A token tells who pops it all that the pushing module has done, and all that this one has been told. So what counts is
what compute and the last module know when, and one token may serve many orders if tasks wait a little longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wlm_dialect.passes.vta.stairs import Pair
from wlm_dialect.program.vta import Module

NOTHING = -1


@dataclass(frozen=True)
class OneWay:
    """(push, pop) places of the queue into compute and of the one out of it, and places of NOPs, all ascending."""

    into: tuple[Pair, ...]
    out_of: tuple[Pair, ...]
    nops: tuple[int, ...]


@dataclass(frozen=True)
class _Told:
    """What is known along program order, as the last place that has ended, and what it cost."""

    tokens: int = 0
    nops: int = 0
    compute: int = NOTHING  # what compute knows of the first module
    last: int = NOTHING  # what the last module knows of the first one
    last_of_compute: int = NOTHING  # ... and of compute
    step: "tuple[_Told, tuple[bool, int, int]] | None" = None  # (before, (into compute?, push, pop))

    @property
    def cost(self) -> tuple[int, int]:
        return self.tokens, self.nops

    def beats(self, other: "_Told") -> bool:
        """As cheap or cheaper, and everybody knows as much or more."""
        return (
            self.cost <= other.cost
            and self.compute >= other.compute
            and self.last >= other.last
            and self.last_of_compute >= other.last_of_compute
        )


def fewest_one_way(module: Sequence[int], after: Sequence[Sequence[int]], first: int, last: int) -> OneWay:
    """The fewest tokens, then NOPs, for all orders from `first` to compute, compute to `last`, and `first` to `last`.

    Along program order every way to tell that nothing beats is kept. Two tokens tell everybody everything, so no way
    that costs two more than the cheapest can win, and few are left.
    """
    ways = [_Told()]
    done = {m: NOTHING for m in Module}
    for t, row in enumerate(after):
        m, place = Module(module[t]), 2 * t + 1
        need = {o: max((2 * a + 1 for a in row if module[a] == o), default=NOTHING) for o in Module}
        if m == Module.COMPUTE:
            ways = [w for way in ways for w in (way, _tell_compute(way, done[Module(first)], place))]
            ways = [w for w in ways if w.compute >= need[Module(first)]]
        elif m == last:
            ways = [w for way in ways for w in _tell_last(way, done, Module(first), place)]
            ways = [w for w in ways if w.last >= need[Module(first)] and w.last_of_compute >= need[Module.COMPUTE]]
        ways = _unbeaten(ways)
        done[m] = place
    return _found(min(ways, key=lambda w: w.cost))


def _tell_compute(way: _Told, push: int, pop: int) -> _Told:
    if push <= way.compute:
        return way
    return replace(way, tokens=way.tokens + 1, compute=push, step=(way, (True, push, pop)))


def _tell_last(way: _Told, done: dict[Module, int], first: Module, place: int) -> list[_Told]:
    """Not at all; what compute knows; or, by a NOP right before, all that the first module has done."""
    out = [way]
    if done[Module.COMPUTE] > way.last_of_compute:
        out.append(_pass_on(way, done[Module.COMPUTE], place))
    if done[first] > way.compute:
        told = _tell_compute(way, done[first], place - 1)
        out.append(_pass_on(replace(told, nops=told.nops + 1), place - 1, place))
    return out


def _pass_on(way: _Told, push: int, pop: int) -> _Told:
    known = replace(way, tokens=way.tokens + 1, last=max(way.last, way.compute), last_of_compute=push)
    return replace(known, step=(way, (False, push, pop)))


def _unbeaten(ways: list[_Told]) -> list[_Told]:
    kept: list[_Told] = []
    for way in sorted(ways, key=lambda w: (w.cost, -w.last, -w.last_of_compute, -w.compute)):
        if not any(other.beats(way) for other in kept):
            kept.append(way)
    return kept


def _found(way: _Told) -> OneWay:
    into: list[Pair] = []
    out_of: list[Pair] = []
    at = way
    while at.step is not None:
        at, (to_compute, push, pop) = at.step
        (into if to_compute else out_of).append((push, pop))
    nops = [push for push, _ in out_of if push % 2 == 0]
    return OneWay(tuple(into[::-1]), tuple(out_of[::-1]), tuple(nops[::-1]))
