"""Earliest times against a queue per engine, written down plainly."""

import random
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
import pytest

from wlm_dialect.kernels.csr import Csr, int32, int64
from wlm_dialect.kernels.earliest_times import earliest_times
from wlm_dialect.kernels.happens_before import compiled

Rows = list[list[int]]


@dataclass
class Case:
    engine: list[int]
    cycles: list[int]
    in_flight: list[bool]
    servers: list[int]
    after: Rows
    waits: Rows
    updates: Rows
    previous: list[int]

    def times(self, compile: bool) -> tuple[list[int], list[int]]:
        return earliest_times(
            int32(self.engine),
            int64(self.cycles),
            self.in_flight,
            self.servers,
            Csr.of(self.after),
            Csr.of(self.waits),
            Csr.of(self.updates),
            int32(self.previous),
            compile=compile,
        )


def random_case(seed: int) -> Case:
    rng = random.Random(seed)
    engines, n, barriers = rng.randint(1, 4), rng.randint(0, 25), rng.randint(0, 8)
    rows: list[Rows] = [[], [], []]
    for t in range(n):
        rows[0].append(sorted({rng.randrange(t) for _ in range(rng.randint(0, 2))}) if t else [])
        for table in rows[1:]:
            table.append(sorted({rng.randrange(barriers) for _ in range(rng.randint(0, 2))}) if barriers else [])
    previous = [v - 3 if v >= 3 and rng.random() < 0.7 else -1 for v in range(barriers)]
    return Case(
        [rng.randrange(engines) for _ in range(n)],
        [rng.randint(1, 30) for _ in range(n)],
        [rng.random() < 0.5 for _ in range(engines)],
        [rng.randint(1, 3) for _ in range(engines)],
        rows[0],
        rows[1],
        rows[2],
        previous,
    )


def by_hand(case: Case) -> tuple[list[int], list[int]]:
    start: list[int] = []
    end: list[int] = []
    free = [[0] * k for k in case.servers]
    for t, e in enumerate(case.engine):
        same = [a for a in range(t) if case.engine[a] == e]
        over = []
        for u in (case.previous[v] for v in (*case.waits[t], *case.updates[t])):
            if u >= 0:
                anybody = any(u in row for row in case.waits)
                waiting = [start[a] for a in range(t) if u in case.waits[a]]
                over += waiting if anybody else [end[a] for a in range(t) if u in case.updates[a]]
        lifted = [end[a] for v in case.waits[t] for a in range(t) if v in case.updates[a]]
        begin = max([heappop(free[e]), *over, *lifted, *(end[a] for a in case.after[t])])
        if case.in_flight[e]:
            begin = max([begin, *(start[a] for a in same)])
        start.append(begin)
        end.append(begin + case.cycles[t])
        heappush(free[e], end[t])
    return start, end


@pytest.mark.parametrize("seed", range(100))
def test_a_task_starts_when_its_engine_its_dependences_and_its_barriers_let_it(seed: int) -> None:
    case = random_case(seed)
    assert case.times(False) == by_hand(case)


@pytest.mark.skipif(compiled() is None, reason="numba is not installed")
@pytest.mark.parametrize("seed", range(20))
def test_the_compiled_loop_gives_the_same_times(seed: int) -> None:
    case = random_case(seed)
    assert case.times(True) == case.times(False)
    assert np.all(np.asarray(case.times(True)[1]) >= np.asarray(case.cycles))
