"""What `wlm compare` and `wlm run` say about where ticks went, and what they refuse."""

import json
from pathlib import Path

import pytest

from wlm_dialect import api
from wlm_dialect.runtime.what_if import FREE
from wlm_dialect.runtime.why import CAUSES, WORK
from wlm_dialect.tools.wlm import main

TASKS = "".join(f'  %{n} = task.run @dma{n % 2} "t{n}" after(%{n - 1}) cycles 10\n' for n in range(1, 30))
GRAPH = f'task.graph @net {{\n  %0 = task.run @dma0 "t0" cycles 10\n{TASKS}}}\n'


@pytest.fixture(autouse=True)
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A chain of 30 short DMAs on two queues: in the modes of firmware all that counts is how fast it programs."""
    monkeypatch.chdir(tmp_path)
    Path("net.mlir").write_text('builtin.module attributes {wlm.machine = "tiny"} {\n' + GRAPH + "}\n")
    return "net.mlir"


def test_compare_says_why_in_a_column(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--networks", net, "-m", "tiny"]) == 0
    head, firmware, _, full = capsys.readouterr().out.splitlines()
    assert head.split()[-5:] == ["ideal", "to", "law", "outcome", "why"]
    assert firmware.endswith("%")
    assert full.split("  ok ")[0].endswith(" -")  # full mode has no law
    assert not firmware.split("  ok ")[0].endswith(" -")


def test_compare_has_all_of_it_in_json(net: str) -> None:
    assert main(["compare", "--networks", net, "-m", "tiny", "--what-if", "--json", "rows.json"]) == 0
    rows = json.loads(Path("rows.json").read_text())
    for row in rows:
        why = row["why"]
        assert list(why["causes"]) == [WORK, *CAUSES]
        assert sum(part["path"] for part in why["causes"].values()) == row["makespan"] == why["ticks"]
        assert sum(part["delay"] for part in why["causes"].values()) == row["makespan"] - row["ideal"] == why["delay"]
        assert list(why["what_if"]) == list(FREE)
        assert (why["law"] is None) == (row["mode"] == "full")
        if why["law"]:
            assert row["makespan"] >= why["law"]["ticks"] > 0
            assert why["law"]["to_law"] == round(row["makespan"] / why["law"]["ticks"], 4)


def test_compare_prints_a_table_per_row(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--networks", net, "-m", "tiny", "--modes", "partial,full", "--why"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.endswith("where the ticks went")] == [
        f"{net} on tiny, {mode}: where the ticks went" for mode in ("partial", "full")
    ]
    assert "saved if free" not in out
    assert out.count("firmware: busy ") == out.count("law of firmware: ") == 1
    assert main(["compare", "--networks", net, "-m", "tiny", "--modes", "partial", "--what-if"]) == 0
    assert "saved if free" in capsys.readouterr().out


def test_compare_takes_choices(net: str) -> None:
    modes = "partial,partial{policy=round-robin}"
    assert main(["compare", "--networks", net, "-m", "tiny", "--modes", modes, "--json", "rows.json"]) == 0
    assert [row["mode"] for row in json.loads(Path("rows.json").read_text())] == modes.split(",")


def test_a_row_that_failed_has_no_why(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("no.toml").write_text('base = "tiny"\nname = "no"\n[barriers]\nmax_sum = 1\n')
    assert main(["compare", "--networks", net, "-m", "no.toml", "--modes", "full", "--why", "--json", "rows.json"]) == 1
    assert json.loads(Path("rows.json").read_text())[0]["why"] is None
    assert "where the ticks went" not in capsys.readouterr().out


def test_run_prints_the_same_table(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--networks", net, "-m", "tiny", "--modes", "partial", "--what-if"]) == 0
    table = capsys.readouterr().out.partition("where the ticks went\n")[2]
    assert main(["run", net, "--mode", "partial", "--what-if", "--json", "r.json"]) == 0
    assert capsys.readouterr().out.endswith(f"\nwhere the ticks went\n{table}")
    [row] = api.compare([net], ["tiny"], ["partial"], what_if=True)
    assert json.loads(Path("r.json").read_text())["why"] == row["why"]


def test_there_is_no_delay_without_a_graph_or_with_other_times(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", net, "--mode", "full", "-o", "full.mlir"]) == 0
    for argv in (["full.mlir"], [net, "--jitter", "uniform"], [net, "--limit", "1"]):
        main(["run", *argv, "--json", "r.json"])
        assert json.loads(Path("r.json").read_text())["why"]["delay"] is None
        assert "delay" not in capsys.readouterr().out.partition("where the ticks went")[2]


def test_what_if_is_about_nominal_times(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", net, "--what-if", "--jitter", "uniform"]) == 1
    assert capsys.readouterr().err == ("wlm: error: --what-if compares nominal runs; leave out --timing and --jitter\n")
