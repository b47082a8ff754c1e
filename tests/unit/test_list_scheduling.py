"""List scheduling: order, starts, priorities."""

import pytest

from wlm_dialect.kernels.list_scheduling import b_levels, list_schedule, successors_of, topological_order


def test_the_longer_chain_goes_first() -> None:
    # On engine 0 two tasks are ready; only the second has work behind it.
    order, start = list_schedule([0, 0, 1], [5, 5, 50], [[], [], [1]], [1, 1])
    assert order == [1, 0, 2]
    assert start.tolist() == [5, 0, 5]


def test_servers_run_side_by_side_and_ties_go_to_the_lower_index() -> None:
    order, start = list_schedule([0, 0, 0], [4, 4, 4], [[], [], []], [2])
    assert order == [0, 1, 2]
    assert start.tolist() == [0, 0, 4]


def test_given_priorities_replace_the_levels() -> None:
    order, _ = list_schedule([0, 0, 1], [5, 5, 50], [[], [], [1]], [1, 1], priority=[9, 1, 1])
    assert order == [0, 1, 2]


def test_levels_are_longest_paths() -> None:
    after = [[], [0], [0], [1, 2]]
    assert b_levels([1, 10, 2, 3], successors_of(after), range(4)) == [14, 13, 5, 3]


def test_topological_order_is_stable_and_stops_at_a_cycle() -> None:
    after = [[2], [], [], [0]]
    assert topological_order(after, successors_of(after)) == [1, 2, 0, 3]
    cyclic = [[1], [0], []]
    assert topological_order(cyclic, successors_of(cyclic)) == [2]
    with pytest.raises(ValueError, match=r"^list_schedule: the predecessors are cyclic$"):
        list_schedule([0, 0, 0], [1, 1, 1], cyclic, [1])
