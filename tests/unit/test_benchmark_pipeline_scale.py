"""The benchmark of growth: its figures, and that a pipeline that grows too fast is noticed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark_scripts import load_script

BENCHMARK = load_script("pipeline_scale")


def _columns(seconds: list[float]) -> list[dict[str, float]]:
    return [{"fuse": s / 2, "all": s, "tasks": 10 ** (n + 1), "barriers": 5} for n, s in enumerate(seconds)]


def test_figures_of_a_network() -> None:
    graph = BENCHMARK.load("cnn", "npu40xx:2", 400)
    assert 300 < len(graph) < 450
    figures = BENCHMARK.measure(graph, "full", 2)
    assert {"reduce-dependences", "assign-barriers", "verify-schedule"} < set(figures)
    passes = [seconds for name, seconds in figures.items() if name not in ("all", "tasks", "barriers")]
    assert figures["all"] == pytest.approx(sum(passes))
    assert figures["tasks"] == len(graph)


def test_growth_is_that_over_all_sizes_or_over_the_last_two() -> None:
    assert BENCHMARK.growth(_columns([1, 10, 100])) == pytest.approx(1)
    assert BENCHMARK.growth(_columns([1, 1, 100])) == pytest.approx(2)
    assert BENCHMARK.growth(_columns([1, 100, 100])) == pytest.approx(1)
    assert BENCHMARK.growth(_columns([1])) == 0
    assert BENCHMARK.exponents(_columns([1, 0]), "all") == []


@pytest.mark.parametrize(
    ("last", "code", "text"), [(150, 0, "1.18 (at most 1.2)"), (170, 1, "1.23 (at most 1.2, MISSED)")]
)
def test_what_grows_too_fast_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    last: float,
    code: int,
    text: str,
) -> None:
    def measure(graph: Any, mode: str, runs: int = 1) -> dict[str, float]:
        return _columns([1, 10, last])[{10: 0, 100: 1, 1000: 2}[graph]]

    monkeypatch.setattr(BENCHMARK, "load", lambda network, machine, tasks: tasks)
    monkeypatch.setattr(BENCHMARK, "measure", measure)
    file = tmp_path / "out.json"
    options = ["--networks", "cnn", "--modes", "full", "--tasks", "10,100,1000", "--json", str(file)]
    assert BENCHMARK.main(options) == code
    out = capsys.readouterr().out
    assert f"cnn on npu40xx:6, full: exponent {text}" in out
    assert json.loads(file.read_text())["seconds"]["cnn"]["full"][2]["all"] == last
