"""The benchmark of management: its rows, that it goes on where it stopped, and that a missed target is noticed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark_scripts import load_script
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.place_programs import PlaceProgramsPass
from wlm_dialect.program import Program

BENCHMARK = load_script("management")
MODES = ("firmware", "partial", "full", "pages")


def _row(machine: str = "npu40xx:6", divisor: int = 1, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"network": "net", "machine": machine, "fifo_depth": 4, "duration_scale": 1 / divisor}
    row |= {"tasks": 100, "ideal": 1000, "firmware": 3000, "partial": 2000, "full": 1000, "pages": 1100, "refills": 5}
    row |= {"full_dmas": 0.5, "pages_dmas": 0.75, "seconds": 1.0, "code": "x"}
    for mode in MODES:
        row |= {f"{mode}_error": None, f"{mode}_compile_seconds": 0.5}
    return row | changes


def _missed(*rows: dict[str, Any]) -> list[str]:
    return [text for text, held in BENCHMARK.targets(rows) if not held]


def test_row_of_a_network() -> None:
    row = BENCHMARK.measure(("squeezenet", "npu40xx:1", 1, 4), "abc")
    assert BENCHMARK.key_of(row) == ("squeezenet", "npu40xx:1", 1, 4)
    assert row["code"] == "abc"
    assert row["ideal"] <= row["full"] <= 1.05 * row["ideal"]
    assert row["refills"] > 0
    assert all(row[f"{mode}_error"] is None and row[mode] >= row["ideal"] for mode in MODES[:3])
    assert all(row[f"{mode}_bootstrap"] > 0 and row[f"{mode}_compile_seconds"] > 0 for mode in MODES[:3])
    assert row["full_dmas"] * row["tasks"] == pytest.approx(round(row["full_dmas"] * row["tasks"]))
    assert row["full_bytes"] > 0


def test_only_tasks_of_the_network_are_scaled_and_the_graph_is_loaded_once() -> None:
    graph = BENCHMARK.load("squeezenet", "npu40xx:1")
    assert BENCHMARK.load("squeezenet", "npu40xx:1") is graph
    quarter = BENCHMARK.scaled(graph, 4)
    assert abs(quarter.cycles - graph.cycles / 4).max() <= 0.5
    assert BENCHMARK.scaled(graph, 10**9).cycles.tolist() == [1] * len(graph)
    shallow = BENCHMARK.with_depth(quarter, 1)
    assert shallow.machine.barriers.fifo_depth == 1
    assert (shallow.bytes == graph.bytes).all()
    assert shallow.machine.firmware == graph.machine.firmware


def test_a_mode_that_cannot_place_has_no_figures_but_a_reason() -> None:
    graph = BENCHMARK.load("squeezenet", "npu40xx:1")
    figures = BENCHMARK.mode_figures(graph, "full{policy=nonsense}")
    assert figures["makespan"] is None
    assert "nonsense" in figures["error"]


def test_what_is_refuted_is_named_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuted(self: PlaceProgramsPass, program: Program) -> Program:
        error = ScheduleError("@net is refuted: H1")
        error.exit_code = 2
        raise error

    monkeypatch.setattr(PlaceProgramsPass, "transform", refuted)
    figures = BENCHMARK.mode_figures(BENCHMARK.load("squeezenet", "npu40xx:1"), "full")
    assert figures["error"] == "refuted: @net is refuted: H1"


def test_targets_that_hold() -> None:
    assert _missed(_row(), _row(divisor=16), _row(refills=0)) == []


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([_row(refills=0), _row(refills=0), _row()], "rows with refills: 1 of 3 (at least half wanted)"),
        ([_row(full=1011, pages=2000)], "full / ideal at scale 1, mean: 1.0110 (at most 1.01 wanted)"),
        (
            [_row(full=1051, pages=2000), *[_row()] * 9],
            "full / ideal at scale 1, worst: 1.0510, net on npu40xx:6, B = 4, scale 1 (at most 1.05 wanted)",
        ),
        (
            [_row(divisor=4, full=1103)],
            "full / pages, worst of 1 rows: 1.0027, net on npu40xx:6, B = 4, scale 1/4; 1 over 1.002 (0 wanted)",
        ),
        (
            [_row(divisor=16, pages=1040), _row("npu40xx:1", 16, pages=2000)],
            "pages / full, geometric mean of 1 rows on npu40xx:6, scale 1/16: 1.0400 (at least 1.05)",
        ),
        (
            [_row(), _row("npu40xx:1", full_dmas=0.75)],
            "management DMAs, full / pages, most: 1.0000, net on npu40xx:1, B = 4, scale 1; 1 rows not fewer "
            "(0 wanted)",
        ),
        ([_row(pages=None, pages_dmas=None)], "full against pages: pages placed none of 1 rows"),
        (
            [_row(full_error="hazard: H1")],
            "programs proved and run without hazard: 3; not: 1 (0 wanted)\n"
            "    net on npu40xx:6, B = 4, scale 1, full: hazard: H1",
        ),
    ],
)
def test_missed_targets_are_named(rows: list[dict[str, Any]], wanted: str) -> None:
    assert _missed(*rows) == [wanted]


def test_management_dmas_are_added_up_too() -> None:
    missed = _missed(_row(), _row("npu40xx:1", full_dmas=2.0))
    assert [text.partition(":")[0] for text in missed] == [
        "management DMAs of all rows",
        "management DMAs, full / pages, most",
    ]


def test_pages_may_find_no_place_but_what_it_places_is_safe() -> None:
    assert BENCHMARK.broken(_row(pages=None, pages_error="no room")) == []
    assert BENCHMARK.broken(_row(pages=None, pages_error="refuted: H1")) == ["pages: refuted: H1"]
    assert BENCHMARK.broken(_row(pages_error="outcome: deadlock")) == ["pages: outcome: deadlock"]
    assert BENCHMARK.broken(_row(partial=None, partial_error="no room")) == ["partial: no room"]
    assert BENCHMARK.broken(_row(full=999)) == ["full: 999 ticks, but ideal takes 1,000"]


def test_a_second_run_measures_what_is_missing_or_was_measured_with_other_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, str, int, int]] = []

    def measure(key: tuple[str, str, int, int], code: str) -> dict[str, Any]:
        asked.append(key)
        return _row(key[1], key[3], network=key[0], fifo_depth=key[2], code=code)

    monkeypatch.setattr(BENCHMARK, "measure", measure)
    file = tmp_path / "rows.json"
    options = ["--json", str(file), "--networks", "squeezenet", "--machines", "npu40xx:1", "--scales", "1"]
    assert BENCHMARK.main([*options, "--depths", "1"]) == 0
    assert BENCHMARK.main([*options, "--depths", "1,4"]) == 0
    assert asked == [("squeezenet", "npu40xx:1", 1, 1), ("squeezenet", "npu40xx:1", 4, 1)]
    assert "1 rows are there already" in capsys.readouterr().out
    rows = json.loads(file.read_text())
    assert [row["fifo_depth"] for row in rows] == [1, 4]
    assert {row["code"] for row in rows} == {BENCHMARK.code_hash()}
    monkeypatch.setattr(BENCHMARK, "code_hash", lambda: "other")
    assert BENCHMARK.main([*options, "--any-code"]) == 0
    assert len(asked) == 2
    assert BENCHMARK.main(options) == 0
    assert len(asked) == 4


def test_exit_code_says_that_a_target_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(BENCHMARK, "measure", lambda key, code: _row(network=key[0], refills=0))
    assert BENCHMARK.main(["--networks", "vgg19", "--machines", "npu40xx:6", "--depths", "4", "--scales", "1"]) == 1
    assert "MISSED rows with refills: 0 of 1" in capsys.readouterr().out
