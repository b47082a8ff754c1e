"""The benchmark of starvation: its rows, and that a stall which costs something is noticed."""

from typing import Any

import pytest

from tests.benchmark_scripts import load_script

BENCHMARK = load_script("starvation")


def _row(starvation: str, makespan: int | None, barriers: int) -> dict[str, Any]:
    place = {"network": "net", "machine": "npu40xx:4", "queue": "any", "starvation": starvation}
    return place | {"makespan": makespan, "barriers": barriers, "physical": 9, "dmas": 7, "error": "no room"}


def test_options_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert BENCHMARK.main(["--networks", "inception_v1", "--machines", "npu40xx:2", "--queues", "dma0_ddr"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["network", "machine", "queue", "neither", "barrier", "stall"]
    cells = line.split()
    assert cells[:3] == ["inception_v1", "npu40xx:2", "dma0_ddr"]
    counts = [[int(n) for n in cell.split("/")] for cell in cells[3::2]]
    assert counts[2][0] < counts[0][0] < counts[1][0], "stalls save barriers, own barriers are more"
    ends = [int(cell.replace(",", "")) for cell in cells[4::2]]
    assert ends[2] <= ends[0]


@pytest.mark.parametrize(
    ("stall", "text"),
    [
        (_row("stall", 101, 4), "net npu40xx:4 any: stall: makespan 101 > 100"),
        (_row("stall", 100, 6), "net npu40xx:4 any: stall: barriers 6 > 5"),
        (_row("stall", None, 0), "net npu40xx:4 any: stall: no room"),
        (_row("stall", 100, 5), "stalls save no barrier anywhere"),
    ],
)
def test_what_a_stall_costs_is_noticed(stall: dict[str, Any], text: str) -> None:
    assert text in BENCHMARK.problems([_row("neither", 100, 5), stall])


def test_a_stall_that_pays_is_no_problem() -> None:
    assert BENCHMARK.problems([_row("neither", 100, 5), _row("stall", 100, 4)]) == []


def test_a_program_that_is_refused_is_a_problem() -> None:
    assert BENCHMARK.problems([_row("neither", None, 5), _row("stall", None, 4)])[0] == "net npu40xx:4 any: no room"
