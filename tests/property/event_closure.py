"""Random task graphs on engines of every kind, and what comes before what in them, by walking every path."""

import random
from dataclasses import dataclass, field

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.kernels.happens_before import OUTSTANDING, POOL, PREFETCHING, SERIAL, Graph, graph_of

HEAD, START, END = 0, 1, 2


@dataclass
class Case:
    """A graph in plain lists. `pusher` -1 = pushed at bootstrap."""

    order: list[int]
    servers: list[int]
    engine: list[int] = field(default_factory=list)
    after: list[list[int]] = field(default_factory=list)
    waits: list[list[int]] = field(default_factory=list)
    updates: list[list[int]] = field(default_factory=list)
    pusher: list[int] = field(default_factory=list)
    barriers: int = 0

    @property
    def graph(self) -> Graph:
        def narrow(values: list[int]) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
            return np.asarray(values, np.int32)

        tables = (Csr.of(t) for t in (self.after, self.waits, self.updates))
        return graph_of(
            narrow(self.engine), narrow(self.order), narrow(self.servers), *tables, pusher=narrow(self.pusher)
        )

    @property
    def producers(self) -> list[list[int]]:
        return [[t for t, row in enumerate(self.updates) if v in row] for v in range(self.barriers)]

    @property
    def consumers(self) -> list[list[int]]:
        return [[t for t, row in enumerate(self.waits) if v in row] for v in range(self.barriers)]


def random_case(seed: int, longest: int = 24) -> Case:
    """Up to six engines; dependences near and far; barriers with several producers and consumers; enqueue DMAs."""
    rng = random.Random(seed)
    engines = rng.randint(1, 6)
    order = [rng.choice([SERIAL, PREFETCHING, OUTSTANDING, POOL]) for _ in range(engines)]
    servers = [rng.randint(1, 3) if o in (OUTSTANDING, POOL) else 1 for o in order]
    n = rng.randint(1, longest)
    case = Case(order, servers)
    dense, reach = rng.choice([0.0, 0.5, 1.5, 3.0]), rng.choice([2, 6, n])
    for t in range(n):
        case.engine.append(rng.randrange(engines))
        count = min(t, int(rng.expovariate(1 / dense)) if dense else 0)
        case.after.append([rng.randrange(max(0, t - reach), t) for _ in range(count)])
        case.waits.append([])
        case.updates.append([])
        case.pusher.append(rng.randrange(t) if t and rng.random() < 0.2 else -1)
    for v in range(rng.randint(0, n // 2)):
        middle = rng.randint(0, n)
        for t in range(n):
            if abs(t - middle) <= reach and rng.random() < 0.4:
                (case.updates if t < middle else case.waits)[t].append(v)
        case.barriers += 1
    return case


def tasks_before(case: Case) -> list[list[int]]:
    """Per event HEAD, START, END a list over tasks: a bit mask of what comes before the event, itself included.

    Bit 3 t + event. The rules are those of docs/rules.md.
    """
    masks: list[list[int]] = [[], [], []]
    lists: list[list[int]] = [[] for _ in case.order]
    producers = case.producers

    def ends(tasks: list[int]) -> int:
        out = 0
        for a in tasks:
            out |= masks[END][a]
        return out

    for t, e in enumerate(case.engine):
        listed, order = lists[e], case.order[e]
        head = 1 << 3 * t
        if case.pusher[t] >= 0:
            head |= masks[END][case.pusher[t]]
        if listed:
            known = {SERIAL: END, PREFETCHING: START, OUTSTANDING: START, POOL: HEAD}[order]
            head |= masks[known][listed[-1]]
        start = head | 2 << 3 * t | ends(case.after[t])
        if listed and order == PREFETCHING:
            start |= masks[END][listed[-1]]
        if order == OUTSTANDING and len(listed) >= case.servers[e]:
            start |= masks[END][listed[-case.servers[e]]]
        for v in case.waits[t]:
            start |= ends(producers[v])
        for mask, value in zip(masks, (head, start, start | 4 << 3 * t), strict=True):
            mask.append(value)
        listed.append(t)
    return masks


def precedes(masks: list[list[int]], first: tuple[int, int], then: tuple[int, int]) -> bool:
    """Whether event `first` = (event, task) comes before `then`, or is the same one."""
    return bool(masks[then[0]][then[1]] >> (3 * first[1] + first[0]) & 1)
