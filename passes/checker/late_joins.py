"""What a certificate has to say about ENQUEUE tasks that wait for room: their pushes and ends are joins.

A join comes before whatever takes time and comes after all its causes, though no edge leads there. `lacking` finds the
rules that need one, `moments` the events at which it can be stated.
"""

from collections.abc import Iterator
from itertools import pairwise

from wlm_dialect.check.events import END, HEAD, PUSH, START, THROUGH, Events, event
from wlm_dialect.check.rules import Proof


def moments(events: Events, then: int) -> Iterator[int]:
    """The last events that take time and come before `then`, or `then` itself if it takes time."""
    seen, stack = {then}, [then]
    while stack:
        here = stack.pop()
        if events.takes_time(here):
            yield here
            continue
        new = [x for x in events.before[here] if x not in seen]
        seen.update(new)
        stack += new


def lacking(proof: Proof) -> Iterator[tuple[int, int]]:
    """(join, event) where a rule wants the one before the other and the clocks do not know it yet."""
    for first, then in _wanted(proof):
        if not proof.leq(first, then):
            yield first, then


def _wanted(proof: Proof) -> Iterator[tuple[int, int]]:
    events = proof.events
    late = {x for x in events.joins if x % 8 == END}
    for v, users in list(events.users.items()) if late else []:
        heads = [event(x // 8 - 1, HEAD) for x in users.consumers]
        for first in events.arms(v):
            if first in late:
                yield from ((first, then) for then in (*users.producers, *heads) if then != first)  # H1, H2
        full = v[0], v[1] + events.schedule.machine.barriers.fifo_depth + 1
        pushes = events.users[full].pushes if full in events.users else []
        for first in users.producers + users.consumers:
            if first in late:
                yield from ((first, then) for then in pushes)  # H3
    for t, task in enumerate(events.schedule.tasks) if late else []:
        yield from ((first, event(t, START)) for a in task.after if (first := event(a, END)) in late)  # H8
    lists: dict[int, list[int]] = {}
    for push in sorted(events.pushed, key=proof.rank.__getitem__):
        lists.setdefault(events.pushed[push][0], []).append(push)
    for pushes in lists.values():
        for a, b in pairwise(pushes):
            if a % 8 == PUSH:
                yield from ((a, then) for then in events.before[b] if then % 8 == THROUGH)  # H6
