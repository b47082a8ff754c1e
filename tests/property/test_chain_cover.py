"""Chain covers of random barriers, against brute force and against an independent check of the certificate."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wlm_dialect.kernels import chain_cover as module
from wlm_dialect.kernels.chain_cover import ChainCover, chain_cover, check_cover, dominance, widest_position
from wlm_dialect.kernels.csr import I32

SCALE = 400

Rows = tuple[I32, I32]


@st.composite
def barriers(draw: st.DrawFn) -> Rows:
    """Rows as clocks give them: what is known grows along the program and never runs ahead of it."""
    lanes = draw(st.integers(1, 3))
    count = draw(st.integers(0, 8))
    users: list[list[int]] = []
    known: list[list[int]] = []
    position = 0
    progress = [-1] * lanes
    for _ in range(count):
        position += draw(st.integers(0, 2))
        progress = [max(p, draw(st.integers(-1, position))) for p in progress]
        lane, last = draw(st.integers(0, lanes - 1)), position + draw(st.integers(1, 4))
        users.append([last if c == lane else -1 for c in range(lanes)] + [2 * last])
        known.append([*progress, 2 * position])
    shape = (count, lanes + 1)
    return np.asarray(users, np.int32).reshape(shape), np.asarray(known, np.int32).reshape(shape)


def random_rows(seed: int, count: int, lanes: int, span: int) -> Rows:
    """Many barriers in use for up to `span` positions, each known to be over up to three times as much later."""
    rng = np.random.default_rng(seed)
    first = np.sort(rng.integers(0, 2 * count, count))
    last = first + rng.integers(1, span, count)
    users = np.full((count, lanes + 1), -1, np.int32)
    users[np.arange(count), rng.integers(0, lanes, count)] = last
    users[:, -1] = 2 * last
    behind = np.maximum.accumulate(first[:, None] - rng.integers(0, 3 * span, (count, lanes)), axis=0)
    return users, np.concatenate([behind, 2 * first[:, None]], axis=1).astype(np.int32)


def largest_antichain(related: np.ndarray) -> int:  # type: ignore[type-arg]
    """By trying every subset."""
    count = len(related)
    comparable = related | related.T
    for size in range(count, 0, -1):
        for chosen in combinations(range(count), size):
            if not comparable[np.ix_(chosen, chosen)].any():
                return size
    return 0


@given(barriers())
@settings(max_examples=SCALE, deadline=None)
def test_the_cover_is_minimal_and_the_antichain_says_so(rows: Rows) -> None:
    related = dominance(*rows)
    assert not (related & related.T).any()  # a strict partial order
    assert not (related @ related & ~related).any()
    cover = chain_cover(*rows)
    assert check_cover(*rows, cover) == []
    assert cover.count == cover.width == largest_antichain(related)


@given(barriers())
@settings(max_examples=SCALE // 4, deadline=None)
def test_barriers_in_use_at_one_position_are_incomparable(rows: Rows) -> None:
    users, known = rows
    widest = widest_position(known[:, -1], users[:, -1])
    assert not dominance(users[widest], known[widest]).any()
    assert len(widest) <= chain_cover(*rows).width


@pytest.mark.parametrize("span", [5, 40, 300])
@pytest.mark.parametrize("count", [300, 2000])
def test_up_to_2000_barriers_the_cover_is_exact_and_windows_are_close(count: int, span: int) -> None:
    rows = random_rows(count + span, count, 12, span)
    exact = chain_cover(*rows)
    assert check_cover(*rows, exact) == []
    assert exact.method == "matching"
    assert exact.count == exact.width
    windows = chain_cover(*rows, exact_up_to=0)
    assert check_cover(*rows, windows) == []
    assert windows.method == "windows"
    assert exact.count <= windows.count <= 1.05 * exact.count


def test_windows_that_are_too_narrow_cost_chains_but_stay_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 3)
    monkeypatch.setattr(module, "SLICE", 50)
    rows = random_rows(1, 500, 6, 30)
    cover = chain_cover(*rows, exact_up_to=0)
    assert check_cover(*rows, cover) == []
    assert chain_cover(*rows).count <= cover.count
    assert cover.width <= chain_cover(*rows).width


def test_no_barriers() -> None:
    none = np.zeros((0, 3), np.int32)
    for exact_up_to in (0, 10):
        cover = chain_cover(none, none, exact_up_to=exact_up_to)
        assert (cover.count, cover.width) == (0, 0)


def test_the_check_finds_what_is_wrong() -> None:
    users, known = np.array([[0, 2], [1, 4], [2, 6]], np.int32), np.array([[-1, 0], [0, 2], [0, 4]], np.int32)
    good = chain_cover(users, known)  # 0 before 1 and 2; 1 and 2 overlap
    assert (good.count, good.antichain.tolist(), good.chain.tolist()) == (2, [1, 2], [0, 0, 1])

    def check(chain: list[int], antichain: list[int]) -> list[str]:
        cover = ChainCover(np.asarray(chain, np.int32), np.asarray(antichain, np.int32), "matching")
        return check_cover(users, known, cover)

    assert check([0, 1], [1, 2]) == ["2 barriers are covered, not 3"]
    assert check([0, 0, 0], [1, 2]) == ["chain 0: v1 is not before v2", "1 chains, but an antichain of 2"]
    assert check([0, 0, 1], [0, 2]) == ["antichain: v0 is before v2"]
    assert check([0, 1, 2], [1, 2]) == ["3 chains, but an antichain of 2"]
