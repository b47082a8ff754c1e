"""Orders between two modules as stairs: the few pairs that imply all others.

Places of instructions are numbers on one line, in program order. Both modules execute in order, so a pair (a, b), "a
ends before b starts", implies every (a' <= a, b' >= b). What is left of a set of pairs ascends on both sides: no
instruction is in two pairs, and a queue that takes one token per pair matches them up, first in, first out.
"""

from bisect import bisect_left
from collections.abc import Iterable

Pair = tuple[int, int]


def stair(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that no other one implies, ascending."""
    out: list[Pair] = []
    for a, b in sorted(set(pairs), key=lambda p: (p[0], -p[1])):
        while out and out[-1][1] >= b:
            out.pop()
        out.append((a, b))
    return out


def first_after(steps: list[Pair], a: int) -> int | None:
    """The first place that a stair orders behind `a`; None if there is none."""
    at = bisect_left(steps, (a, -1))
    return steps[at][1] if at < len(steps) else None


def last_before(steps: list[Pair], b: int) -> int | None:
    """The last place that a stair orders before `b`; None if there is none."""
    at = bisect_left(steps, b + 1, key=lambda p: p[1])
    return steps[at - 1][0] if at else None
