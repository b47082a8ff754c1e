"""Redundant waits, updates and barriers against walking every path."""

from dataclasses import replace

import numpy as np
import pytest

from tests.property.event_closure import Case, random_case, tasks_before
from wlm_dialect.kernels.barrier_reduction import needed_links
from wlm_dialect.kernels.happens_before import compiled

CHUNKS = range(8)
CHUNK = 30  # graphs per test


def cases(chunk: int) -> list[Case]:
    """Half of them without other dependences, as barriers come from `wlm-insert-barriers`."""
    out = []
    for seed in range(CHUNK * chunk, CHUNK * (chunk + 1)):
        case = random_case(seed, 16)
        if seed % 2:
            case.after = [[] for _ in case.after]
        out.append(case)
    return out


def without(rows: list[list[int]], keep: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> list[list[int]]:
    entries = iter(keep.tolist())
    return [[v for v in row if next(entries)] for row in rows]


def single_removals(rows: list[list[int]], fixed: list[bool]) -> list[list[list[int]]]:
    """The table with one entry less, in every way."""
    return [
        [[w for w in r if u != t or w != v] for u, r in enumerate(rows)]
        for t, row in enumerate(rows)
        for v in row
        if not fixed[v]
    ]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_no_order_is_lost_and_nothing_that_is_left_could_go(chunk: int) -> None:
    for n, case in enumerate(cases(chunk)):
        fixed = [n % 3 == 0 and v % 2 == 0 for v in range(case.barriers)]
        waits, updates = needed_links(case.graph, np.asarray(fixed, np.bool_))
        less = replace(case, waits=without(case.waits, waits), updates=without(case.updates, updates))
        before = tasks_before(case)
        assert tasks_before(less) == before
        for v, (p, c) in enumerate(zip(less.producers, less.consumers, strict=True)):
            if fixed[v]:
                assert (p, c) == (case.producers[v], case.consumers[v])
            else:
                assert (p == []) == (c == [])
        for rows in single_removals(less.waits, fixed):
            assert tasks_before(replace(less, waits=rows)) != before
        for rows in single_removals(less.updates, fixed):
            assert tasks_before(replace(less, updates=rows)) != before


@pytest.mark.skipif(compiled() is None, reason="numba is not installed")
@pytest.mark.parametrize("chunk", CHUNKS)
def test_compiled_loops_keep_the_same(chunk: int) -> None:
    for case in cases(chunk):
        fixed = np.zeros(case.barriers, np.bool_)
        for plain, fast in zip(*(needed_links(case.graph, fixed, compile=c) for c in (False, True)), strict=True):
            assert np.array_equal(plain, fast)


def test_a_barrier_with_many_producers_and_consumers_is_no_product_of_both() -> None:
    many = 3000
    engine = [0] * many + [1] * many
    none: list[list[int]] = [[] for _ in engine]
    case = Case(
        [0, 0], [1, 1], engine, none, none[:many] + [[0]] * many, [[0]] * many + none[many:], [-1] * 2 * many, 1
    )
    waits, updates = needed_links(case.graph, np.zeros(1, np.bool_))
    assert np.nonzero(updates)[0].tolist() == [many - 1]
    assert np.nonzero(waits)[0].tolist() == [0]
