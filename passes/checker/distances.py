"""Paths for certificates under bounded re-arming: events that take time, from what arms an instance to its users."""

from wlm_dialect.check.events import END
from wlm_dialect.check.rules import Proof

_LIMIT = 2_000_000  # events that all searches may visit


def paths(proof: Proof, extra: dict[int, list[int]], delta: int) -> list[tuple[int, int, list[int]]]:
    """(first, then, events between them that take time), where there are enough: `delta`, one more before an end.

    `extra` are the derived orders: event -> events before it.
    """
    out: list[tuple[int, int, list[int]]] = []
    left = _LIMIT
    for pair in dict.fromkeys((x, y) for _, x, y in proof.events.rearmings()):
        path, visited = _path(proof, extra, *pair, delta + (pair[1] % 8 == END), left)
        left -= visited
        if path:
            out.append((*pair, path))
    return out


def _path(
    proof: Proof, extra: dict[int, list[int]], first: int, then: int, least: int, left: int
) -> tuple[list[int], int]:
    """Back from `then`, as many ticks as there are; and how many events were visited."""
    events = proof.events
    best: dict[int, tuple[int, int]] = {then: (0, -1)}  # ticks from here to `then`, the event after it
    stack, visited = [then], 0
    while stack and visited < left:
        visited += 1
        here = stack.pop()
        ticks = best[here][0] + events.takes_time(here)
        for x in (*events.before[here], *extra.get(here, ())):
            if best.get(x, (-1, -1))[0] < ticks and proof.leq(first, x):
                best[x] = ticks, here
                if ticks >= least:
                    return _takes_time(proof, best, x), visited
                stack.append(x)
    return [], visited


def _takes_time(proof: Proof, best: dict[int, tuple[int, int]], here: int) -> list[int]:
    out = []
    while (here := best[here][1]) >= 0:
        if proof.events.takes_time(here):
            out.append(here)
    return out
