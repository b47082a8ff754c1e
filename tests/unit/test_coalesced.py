"""Which fetches share an interrupt."""

import pytest

from wlm_dialect.passes.insert_pulses import coalesced

LATER = 99


@pytest.mark.parametrize(
    ("tasks", "patience", "groups"),
    [
        ([], 9, []),
        ([(0, LATER)], 9, [[0]]),
        ([(0, LATER), (1, LATER), (2, LATER)], 20, [[0, 1, 2]]),
        ([(0, LATER), (1, LATER), (2, LATER)], 10, [[0, 1], [2]]),  # the third ends 20 after the first
        ([(2, LATER), (0, LATER)], 20, [[0, 2]]),  # in program order, whatever order they are given in
        ([(0, 1), (1, LATER)], 20, [[0], [1]]),  # task 1 needs to hear of task 0, so 0 may not wait for it
        ([(0, LATER), (1, 2), (2, LATER)], 20, [[0, 1], [2]]),
        ([(0, LATER), (1, LATER)], -1, [[0], [1]]),
    ],
)
def test_what_ends_soon_after_each_other_and_before_anybody_needs_it_shares_an_interrupt(
    tasks: list[tuple[int, int]], patience: int, groups: list[list[int]]
) -> None:
    end = [100, 110, 120]
    assert coalesced(tasks, end, patience) == groups


def test_no_more_share_an_interrupt_than_a_barrier_has_producers() -> None:
    assert coalesced([(t, LATER) for t in range(5)], [0] * 5, 9, 2) == [[0, 1], [2, 3], [4]]
