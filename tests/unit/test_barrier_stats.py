"""What is said about barriers: figures against small programs, `wlm stats --barriers`, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.analysis.barrier_stats import barrier_stats, lifetimes, occupancy, width
from wlm_dialect.program import Barriers, Program
from wlm_dialect.program.model import Draft
from wlm_dialect.tools.plots import bars, curve
from wlm_dialect.tools.wlm import main

TINY = api.machine("tiny")
DMA0, DMA1, DPU, SHAVE = 0, 1, 3, 4
GRAPH = """task.graph @net {
  %a = task.run @dma0 "load" cycles 100
  %b = task.run @dpu0 "conv" after(%a) cycles 50
  %c = task.run @dma1 "fill" cycles 100
  task.run @shave0 "soft" after(%b, %c) cycles 10
}
"""


def _i64(*values: int) -> np.ndarray:
    return np.asarray(values, np.int64)


def _pairs(pids: tuple[int, int]) -> Program:
    """Two independent pairs of tasks on two barriers."""
    draft = Draft("pairs", TINY, "physical")
    for n, (loader, user) in enumerate(((DMA0, DPU), (DMA1, SHAVE))):
        draft.add(loader, f"load{n}", 100, updates=[n])
        draft.add(user, f"use{n}", 50, waits=[n])
    one = np.ones(2, np.int32)
    return draft.finish(barriers=Barriers(np.asarray(pids, np.int32), one, one, 0 * one))


def _unordered() -> Program:
    draft = Draft("pairs", TINY)
    for n, (loader, user) in enumerate(((DMA0, DPU), (DMA1, SHAVE))):
        draft.add(loader, f"load{n}", 100)
        draft.add(user, f"use{n}", 50, after=[2 * n])
    return draft.finish()


def test_figures_of_two_barriers_side_by_side() -> None:
    stats = barrier_stats(_pairs((0, 1)), graph=_unordered())
    assert {k: stats[k] for k in ("barriers", "available", "physical_used", "makespan")} == {
        "barriers": 2,
        "available": 8,
        "physical_used": 2,
        "makespan": 150,
    }
    assert stats["lifetimes"]["longest"] == 100
    assert stats["occupancy"]["most"] == 2
    assert set(stats["added"].values()) == {0, 150}
    assert stats["added"]["unlimited"] == 150


def test_sharing_one_barrier_adds_an_order_and_its_cost() -> None:
    stats = barrier_stats(_pairs((3, 3)), graph=_unordered())
    assert stats["physical_used"] == 1
    assert stats["occupancy"]["most"] == 1
    assert stats["added"] == {
        "waits": 0,
        "reuses": 1,
        "tasks": 0,
        "unlimited": 150,
        "waits_cost": 0,
        "reuses_cost": 100,
    }


def test_without_the_graph_orders_added_are_not_known() -> None:
    assert barrier_stats(_pairs((0, 1)))["added"] is None


def test_the_width_names_barriers_that_cannot_share() -> None:
    found = width(_pairs((0, 1)))
    assert (found["at_least"], found["enough"], found["exact"]) == (2, 2, True)
    assert found["antichain"][1] == {
        "barrier": "b1#0",
        "producers": ["load1 on dma1"],
        "consumers": ["use1 on shave0"],
    }


def test_lifetimes_are_counted_by_powers_of_two() -> None:
    found = lifetimes(_i64(1, 3, 4, 7, 16))
    assert (found["mean"], found["median"], found["longest"]) == (6, 4, 16)
    assert [(r["from"], r["below"], r["barriers"]) for r in found["histogram"]] == [
        (1, 2, 1),
        (2, 4, 1),
        (4, 8, 2),
        (8, 16, 0),
        (16, 32, 1),
    ]
    assert lifetimes(_i64())["histogram"] == []


def test_occupancy_is_the_most_within_each_column() -> None:
    found = occupancy(_i64(0, 2, 4), _i64(4, 3, 6), 6)
    assert found == {"most": 2, "mean": 1.167, "columns": [1, 1, 2, 1, 1, 1]}  # one is over when the other begins
    assert occupancy(_i64(), _i64(), 10) == {"most": 0, "mean": 0.0, "columns": []}
    assert len(occupancy(_i64(0), _i64(500), 1000)["columns"]) == 60


def test_figures_of_a_network_agree_with_each_other() -> None:
    graph = api.load("squeezenet", "npu40xx:4")
    for mode in ("none", *api.MODES):
        stats = api.barrier_stats(graph, mode)
        assert stats["stages"][-1]["barriers"] == stats["barriers"]
        assert stats["occupancy"]["most"] <= stats["physical_used"] <= stats["available"]
        assert stats["makespan"] == sum(stats["added"][k] for k in ("unlimited", "waits_cost", "reuses_cost"))
        assert stats["width"]["at_least"] == len(stats["width"]["antichain"])
        assert sum(r["barriers"] for r in stats["lifetimes"]["histogram"]) == stats["barriers"]


def test_a_policy_is_followed() -> None:
    graph = api.load("squeezenet", "npu40xx:4")
    assert api.barrier_stats(graph, policy="round-robin")["stages"][-1]["pass"].endswith('policy="round-robin"}')
    with pytest.raises(ScheduleError, match="there is no policy 'round'; did you mean 'round-robin'"):
        api.barrier_stats(graph, policy="round")
    with pytest.raises(ScheduleError, match=r"^unknown mode 'ful'; did you mean 'full'\?$"):
        api.barrier_stats(graph, "ful")


def test_bars_and_curves() -> None:
    assert bars([("a", 4), ("bc", 1), ("d", 0)], width=4) == " a  4 ####\nbc  1 #\n d  0"
    assert bars([]) == ""
    assert curve([1, 3, 0], "0", "9") == "3 | #\n2 | #\n1 |##\n  +---\n   0 9"
    assert curve([1000] * 3, "0", "9").splitlines()[0] == "1,000 |###"
    assert len(curve([1000], "0", "9").splitlines()) == 12
    assert curve([], "0", "9") == "0 +\n   0 9".replace("0 +", "  +")


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("net.mlir").write_text(GRAPH)
    return "net.mlir"


def _error(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["stats", *argv]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err.strip()


def test_tables(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", net, "-m", "tiny", "--barriers", "--mode", "full", "--json", "stats.json"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "@net on tiny, phase graph, bound by chains for mode full"
    assert out[2].split() == ["after", "pass", "tasks", "barriers"]
    assert any(line.startswith("physical barriers used") and line.endswith(" of 8") for line in out)
    assert "no two of these may share one:" in out
    data = json.loads(Path("stats.json").read_text())
    assert data["counts"]["tasks"] == 4
    assert data["barriers"]["stages"][0] == {"pass": "", "tasks": 4, "barriers": 0}
    assert main(["stats", net, "-m", "tiny", "--barriers", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["barriers"]["added"]["tasks"] == 0


def test_programs_with_barriers_are_described_as_they_are(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", net, "-m", "tiny", "-o", "managed.mlir"]) == 0
    assert main(["stats", "managed.mlir", "--barriers"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("@net on tiny, phase managed\n\nof ")
    assert "orders added" not in out
    Path("virtual.mlir").write_text(
        "task.graph @v phase virtual {\n  %v = barrier.declare\n"
        '  task.run @dma0 "a" updates(%v) cycles 3\n  task.run @dpu0 "b" waits(%v) cycles 4\n}\n'
    )
    assert main(["stats", "virtual.mlir", "-m", "tiny", "--barriers", "--policy", "round-robin"]) == 0
    assert "(virtual)" in capsys.readouterr().out


def test_what_is_refused(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("mode", "policy"):
        assert _error(capsys, net, f"--{option}", "full") == (
            f"wlm: error: --{option} says how barriers are bound: give --barriers, too"
        )
    assert (
        _error(capsys, net, "-m", "tiny", "--barriers", "--mode", "ful")
        == "wlm: error: unknown mode 'ful'; did you mean 'full'?"
    )
    assert "there is no policy 'chain'; did you mean 'chains'?" in _error(
        capsys, net, "-m", "tiny", "--barriers", "--policy", "chain", "--json", "out.json"
    )
    assert not Path("out.json").exists()
    assert main(["compile", net, "-m", "tiny", "-o", "managed.mlir"]) == 0
    assert _error(capsys, "managed.mlir", "--barriers", "--policy", "chains") == (
        "wlm: error: @net is in phase managed: its barriers are bound already, so --mode and --policy say nothing"
    )


def test_too_few_barriers_for_anything_is_an_error(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.toml").write_text('base = "tiny"\nname = "one"\n[barriers]\ncount = 1\n')
    assert "barriers" in _error(capsys, net, "-m", "one.toml", "--barriers")
