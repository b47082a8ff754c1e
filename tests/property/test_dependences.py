"""Dependences by interval maps against all pairs of tasks."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from wlm_dialect.program.conflicts import drop_implied, find_dependences

SPANS = [(space, low, high) for space in (0, 1) for low in range(6) for high in range(low + 1, 7)]
accesses = st.lists(
    st.tuples(
        st.lists(st.integers(0, len(SPANS) - 1), max_size=3), st.lists(st.integers(0, len(SPANS) - 1), max_size=2)
    ),
    max_size=14,
)


def closure(after: list[list[int]]) -> list[set[int]]:
    out: list[set[int]] = []
    for row in after:
        out.append(set(row).union(*(out[p] for p in row)))
    return out


def conflict(a: tuple[list[int], list[int]], b: tuple[list[int], list[int]]) -> bool:
    def meet(x: list[int], y: list[int]) -> bool:
        pairs = ((SPANS[i], SPANS[j]) for i in x for j in y)
        return any(p[0] == q[0] and p[1] < q[2] and q[1] < p[2] for p, q in pairs)

    return meet(a[1], b[0]) or meet(a[0], b[1]) or meet(a[1], b[1])


@given(accesses)
def test_ordered_exactly_where_all_pairs_ask_for_it(tasks: list[tuple[list[int], list[int]]]) -> None:
    found = find_dependences([t[0] for t in tasks], [t[1] for t in tasks], SPANS)
    pairs = [[a for a in range(b) if conflict(tasks[a], tasks[b])] for b in range(len(tasks))]
    assert closure(found) == closure(pairs)
    for b, row in enumerate(found):
        assert set(row) <= set(pairs[b])  # no edge without a conflict
        assert row == sorted(set(row))


@given(st.integers(1, 10).flatmap(lambda n: st.lists(st.sets(st.integers(0, 9)), min_size=n, max_size=n)))
def test_dropping_implied_edges_keeps_the_order(rows: list[set[int]]) -> None:
    after = [sorted(a for a in row if a < n) for n, row in enumerate(rows)]
    kept = drop_implied(after)
    assert closure(kept) == closure(after)
    for row in kept:
        for a, b in combinations(row, 2):
            assert a not in after[b]
