"""Exhaustive exploration of the machine of design section 3: every order of events, counters and FIFOs as in hardware.

No clocks, no event graph: states are explored one by one, and what goes wrong is seen when it happens. What happens at
once in hardware (arming, coming to head, seeing zeros, room in a FIFO) happens within a step; a step is one start, one
end or one firmware step, whose delays are free. Partial-order reduction: a start that nobody can be hurt by waiting for
is taken at once.
"""

from dataclasses import dataclass

from tests.oracles.limits import broken_limits
from tests.oracles.machine import Fault, Machine, Stop
from tests.oracles.schedule import Schedule

MAX_STATES = 20_000


@dataclass
class Answer:
    """What exploration found: the faults that come first in some order of events; complete unless `cut`."""

    faults: set[Fault]
    states: int
    cut: bool


def explore(s: Schedule, limit: int = MAX_STATES, reduce: bool = True) -> Answer:
    """Visit every reachable state, up to `limit`; `reduce` False does without partial-order reduction."""
    limits = broken_limits(s)
    if limits:
        return Answer(set(limits), 0, False)
    machine = Machine(s, reduce)
    faults: set[Fault] = set()
    try:
        stack = [machine.boot()]
    except Stop as stop:
        return Answer(set(stop.faults), 1, False)
    visited = {stack[0].key()}
    while stack:
        st = stack.pop()
        try:
            steps = machine.steps(st)
            if not steps:
                machine.at_end(st)
        except Stop as stop:
            faults.update(stop.faults)
        for step in steps:
            try:
                after = machine.take(st, step)
            except Stop as stop:
                faults.update(stop.faults)
                continue
            key = after.key()
            if key not in visited:
                if len(visited) >= limit:
                    return Answer(faults, len(visited), True)
                visited.add(key)
                stack.append(after)
    return Answer(faults, len(visited), False)
