"""The benchmark of scarce barriers: its rows, and that a missed target is noticed."""

from typing import Any

import pytest

from tests.benchmark_scripts import load_script

BENCHMARK = load_script("barriers")
KEYS = [
    "network",
    "machine",
    "barriers",
    "policy",
    "makespan",
    "unlimited",
    "virtual_barriers",
    "physical_used",
    "orderings_added",
    "dummy_tasks",
]


def _row(count: int, policy: str, makespan: int | None, dummies: int = 0) -> dict[str, Any]:
    values = ["net", "npu40xx:4", count, policy, makespan, 1000, 10, 4, 0, dummies]
    return dict(zip(KEYS, values, strict=True))


def test_rows_of_a_network() -> None:
    case = BENCHMARK.load("squeezenet", "npu40xx:4")
    problems: list[str] = []
    rows = list(BENCHMARK.rows_of(case, 16, ["chains", "round-robin"], problems))
    assert problems == []
    assert [r["policy"] for r in rows] == ["chains", "round-robin"]
    for row in rows:
        assert list(row) == KEYS
        assert row["makespan"] >= row["unlimited"] == case.unlimited
        assert row["physical_used"] <= 16
    assert rows[0]["dummy_tasks"] == 0


def test_where_nothing_can_be_placed_the_makespan_is_null() -> None:
    case = BENCHMARK.load("squeezenet", "npu40xx:4")
    (row,) = BENCHMARK.rows_of(case, 1, ["chains"], [])
    assert (row["makespan"], row["physical_used"], row["dummy_tasks"]) == (None, None, None)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([_row(64, "chains", 1000), _row(64, "round-robin", 1000)], []),
        ([_row(64, "chains", 1003)], ["64 barriers: 1.0030 of unlimited on average, at most 1.002 wanted"]),
        (
            [_row(4, "chains", 1200), _row(4, "pages", 1100), _row(4, "color-bins", None)],
            ["net on npu40xx:4, 4 barriers: 1.0909 of pages, at most 1.002 wanted"],
        ),
        ([_row(16, "chains", 1000, 3)], ["net on npu40xx:4, 16 barriers: 3 dummy tasks, 0 wanted"]),
        ([_row(8, "chains", 1000, 3)], []),
        ([_row(8, "chains", None)], ["net on npu40xx:4, 8 barriers: chains cannot place"]),
    ],
)
def test_missed_targets_are_named(rows: list[dict[str, Any]], wanted: list[str]) -> None:
    assert BENCHMARK.missed(rows) == wanted
