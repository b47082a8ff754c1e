"""`Csr`: what it does on arrays is what lists say."""

import random

import numpy as np
import pytest

from wlm_dialect.kernels.csr import Csr, int32

Rows = list[list[int]]


def table(seed: int, width: int = 6) -> Rows:
    rng = random.Random(seed)
    return [[rng.randrange(width) for _ in range(rng.choice([0, 0, 1, 2, 3]))] for _ in range(rng.randint(0, 12))]


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_filtered_gathered_stacked_and_weighed(seed: int) -> None:
    rng = random.Random(seed)
    rows, other = table(seed), table(seed + 100)
    t = Csr.of(rows)
    keep = np.asarray([rng.random() < 0.5 for row in rows for _ in row], np.bool_)
    entries = iter(keep.tolist())
    assert t.kept(keep).lists() == [[v for v in row if next(entries)] for row in rows]
    order = int32(rng.randrange(len(rows)) for _ in range(8)) if rows else int32([])
    assert t.gathered(order).lists() == [rows[i] for i in order]
    assert t.stacked(Csr.of(other)).lists() == rows + other
    weight = int32(rng.randrange(9) for _ in range(6))
    assert t.sums(weight).tolist() == [sum(weight[row].tolist()) for row in rows]
    assert t.largest(weight).tolist() == [max(weight[row].tolist(), default=0) for row in rows]


@pytest.mark.parametrize("seed", range(20))
def test_the_first_equal_row(seed: int) -> None:
    rows = table(seed, 2)
    assert Csr.of(rows).first_equal().tolist() == [rows.index(row) for row in rows]


@pytest.mark.parametrize("seed", range(20))
def test_a_set_of_pairs_becomes_ascending_rows_without_duplicates(seed: int) -> None:
    rows = table(seed)
    pairs = [(r, v) for r, row in enumerate(rows) for v in row]
    random.Random(seed).shuffle(pairs)
    made = Csr.of_set(int32(r for r, _ in pairs), int32(v for _, v in pairs), len(rows))
    assert made.lists() == [sorted(set(row)) for row in rows]
