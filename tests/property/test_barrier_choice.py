"""The loop of policy `chains`: compiled and plain agree, and what it calls good is good."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wlm_dialect.kernels import barrier_choice
from wlm_dialect.kernels.barrier_choice import FREE, NO_WINDOW, PUSHED, UNKNOWN, Knowledge, Uses, chosen


def random_input(seed: int, barriers: int) -> tuple[Uses, Knowledge]:
    """Barriers that open one after the other; clocks of three lanes that grow, with gaps; two DMA queues."""
    draw = np.random.default_rng(seed)
    first = np.sort(draw.integers(0, 4 * barriers, barriers)).astype(np.int64)
    last = first + draw.integers(1, 30, barriers)
    uses = Uses(first, last, last * 10)
    base = np.arange(barriers, dtype=np.int32)[:, None]

    def rows(width: int, lag: int) -> "np.ndarray[tuple[int, int], np.dtype[np.int32]]":
        return (base - draw.integers(0, lag, (barriers, width))).astype(np.int32)

    users, at_head = rows(3, 5), rows(3, 12)
    refill = rows(2, 8)
    pushed, later = np.maximum(at_head, rows(3, 8)), refill + draw.integers(0, 3, (barriers, 2)).astype(np.int32)
    return uses, Knowledge(users, at_head, pushed, rows(2, 4) + 2, refill, later.astype(np.int32))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), barriers=st.integers(1, 80), count=st.integers(1, 20), depth=st.integers(0, 3))
def test_what_it_calls_good_is_good(seed: int, barriers: int, count: int, depth: int) -> None:
    uses, known = random_input(seed, barriers)
    found = chosen(uses, known, count, depth, count // 4)
    if found is None:  # then more barriers are in use at once than there are
        used = [int(((uses.first <= at) & (uses.last >= at)).sum()) for at in uses.first]
        assert max(used) > count
        return
    pids, quality = found
    chains: dict[int, list[int]] = {}
    for v, pid in enumerate(pids.tolist()):
        row = chains.setdefault(pid, [])
        if row:
            u = row[-1]
            assert uses.last[u] < uses.first[v]
            strict = bool((known.users[u] <= known.at_head[v]).all())
            pushed = bool((known.users[u] <= known.pushed[v]).all())
            assert {FREE: strict, PUSHED: strict or pushed, NO_WINDOW: strict or pushed, UNKNOWN: not pushed}[
                int(quality[v])
            ]
        row.append(v)
    for row in chains.values():
        if all(quality[v] == FREE for v in row):  # one queue has a place for every refill of this barrier
            refills = list(zip(row[depth + 1 :], row, strict=False))
            assert any(all(known.over_from[f, q] <= known.refill_by[v, q] for v, f in refills) for q in range(2))


def test_numba_and_plain_python_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    for seed in range(3):
        uses, known = random_input(seed, 400)
        monkeypatch.setattr(barrier_choice, "COMPILE_FROM", 1 << 62)
        plain = chosen(uses, known, 16, 1, 4)
        monkeypatch.setattr(barrier_choice, "COMPILE_FROM", 0)
        compiled = chosen(uses, known, 16, 1, 4)
        monkeypatch.undo()
        if plain is None or compiled is None:
            assert plain is compiled
        else:
            assert np.array_equal(plain, compiled)
