"""Options of the tools: refused before any work is done, in words; a program from standard input."""

import argparse
import io
import os
import sys
from pathlib import Path

import pytest

from wlm_dialect.errors import UsageError
from wlm_dialect.tools.options import at_least, check_outputs, output_file
from wlm_dialect.tools.wlm import main

ROOT = Path(__file__).resolve().parents[2]
FIVE = (ROOT / "examples" / "five.mlir").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with five.mlir and nothing else."""
    monkeypatch.chdir(tmp_path)
    Path("five.mlir").write_text(FIVE, encoding="utf-8")


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The last line on standard error of a run of wlm that prints nothing and writes nothing."""
    before = sorted(os.listdir())
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert sorted(os.listdir()) == before
    return err.splitlines()[-1].partition(": error: ")[2]


def stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.parametrize(("text", "least"), [("-1", 0), ("x", 0), ("1.5", 1), ("nan", 1), ("", 0), ("0", 1)])
def test_numbers_out_of_range(text: str, least: int) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is no whole number from {least} on"):
        at_least(least)(text)
    assert at_least(least)(str(least)) == least


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ["run", "five.mlir", "--jitter", "uniform", "--seed", "-1"],
            "argument --seed: '-1' is no whole number from 0 on",
        ),
        (["run", "five.mlir", "--stress", "2", "--seed", "-1"], "argument --seed: '-1' is no whole number from 0 on"),
        (
            ["run", "squeezenet", "--check", "--data-seed", "-1"],
            "argument --data-seed: '-1' is no whole number from 0 on",
        ),
        (["verify", "five.mlir", "--findings", "-1"], "argument --findings: '-1' is no whole number from 0 on"),
        (["diff", "five.mlir", "five.mlir", "--limit", "-1"], "argument --limit: '-1' is no whole number from 0 on"),
        (["vta", "replay", "x", "--seed", "-1"], "argument --seed: '-1' is no whole number from 0 on"),
        (["vta", "run", "x", "--seed", "-1"], "argument --seed: '-1' is no whole number from 0 on"),
        (["vta", "time", "x", "--seed", "-1"], "argument --seed: '-1' is no whole number from 0 on"),
        (["vta", "explain", "x", "--rows", "-1"], "argument --rows: '-1' is no whole number from 0 on"),
        (["run", "five.mlir", "-m", "tiny", "--mode", ""], "no mode given; known: all, firmware, partial, full, ideal"),
        (
            ["run", "five.mlir", "-m", "tiny", "--shape", "x=1x3"],
            "'five.mlir': --shape is for networks; task graphs and IR have no shapes",
        ),
        (["run", "five.mlir", "-m", "tiny", "--json", ""], "cannot write '': the name of a file is empty"),
        (["compile", "five.mlir", "-m", "tiny", "-o", ""], "cannot write '': the name of a file is empty"),
        (["compare", "--networks", "nosuch", "--json", "no/x"], "cannot write 'no/x': no such file or directory"),
        (
            ["vta", "check", "x", "--json", "-", "--order", "-"],
            "only one of --json and --order can go to standard output",
        ),
        (
            ["vta", "time", "x", "--trace", "y", "--html", "y"],
            "--trace and --html would both write 'y'; give each a file of its own",
        ),
        (
            ["vta", "explain", "x", "--json", "y", "--html", "./y"],
            "--json and --html would both write './y'; give each a file of its own",
        ),
        (
            ["verify", "five.mlir", "--json", "y", "--certificate", "y"],
            "--json and --certificate would both write 'y'; give each a file of its own",
        ),
        (["machines", "tiny", "-o", "x.toml"], "--output says where the TOML goes: give --toml, too"),
        (
            ["machines", "--toml"],
            "--toml prints one machine: name it; known: npu37xx, npu40xx:1, npu40xx:2, npu40xx:3, npu40xx:4, "
            "npu40xx:5, npu40xx:6, tiny, vta",
        ),
        (
            ["vta", "run", str(ROOT / "tests/data/vta/hand_16x16"), "--launch", "3"],
            f"--launch 3: '{ROOT / 'tests/data/vta/hand_16x16'}' is no dump, which alone holds several",
        ),
        (
            ["vta", "check", str(ROOT / "tests/data/vta/hand_16x16"), "--hardware", "nosuch"],
            "unknown VTA hardware 'nosuch'; known: chisel, de10nano, hls, hls-sim, intelfocl, opencl, pynq, sim, tsim, "
            "ultra96, zcu104",
        ),
        (["diff", "-", "-"], "only one of the two programs can come from standard input"),
    ],
)
def test_refused_before_any_work(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, *argv) == said


@pytest.mark.parametrize("option", ["--trace", "--html", "--dot", "--svg", "--json"])
def test_a_file_that_cannot_be_written_is_refused_before_the_run(
    option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wlm_dialect.api.run", lambda *_, **__: pytest.fail("it ran"))
    assert refused(capsys, "run", "five.mlir", "-m", "tiny", option, ".") == "cannot write '.': it is a folder"


def test_a_check_leaves_no_trace(tmp_path: Path) -> None:
    Path("old").write_text("old", encoding="utf-8")
    assert (output_file("old"), output_file("new"), output_file("-")) == ("old", "new", "-")
    assert sorted(os.listdir()) == ["five.mlir", "old"]
    assert Path("old").read_text(encoding="utf-8") == "old"


def test_a_pipe_is_not_opened_to_look() -> None:
    os.mkfifo("pipe")
    assert output_file("pipe") == "pipe"


def test_a_device_takes_what_two_options_write() -> None:
    check_outputs(argparse.Namespace(json="/dev/null", html="/dev/null", dot=None), "json", "html", "dot")
    with pytest.raises(UsageError, match="--json and --dot would both write"):
        check_outputs(argparse.Namespace(json="x", html="/dev/null", dot="x"), "json", "html", "dot")


def test_programs_come_through_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stdin(monkeypatch, FIVE)
    assert main(["compile", "-", "-m", "tiny"]) == 0
    managed = capsys.readouterr().out
    stdin(monkeypatch, managed)
    assert main(["verify", "-"]) == 0
    assert capsys.readouterr().out.startswith("@five: proved\n")
    stdin(monkeypatch, managed)
    assert main(["diff", "five.mlir", "-", "-m", "tiny"]) == 0
    assert capsys.readouterr().out.startswith("tasks: 4 added, 0 removed\n")


@pytest.mark.parametrize("options", [["--durations", "x.csv"], ["--shape", "x=1"]])
def test_what_standard_input_does_not_take(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "run", "-", *options)
    assert said in (
        "--durations is for sources in files: write standard input into one",
        "'-': --shape is for networks; task graphs and IR have no shapes",
    )


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_program_is_called_empty(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty.mlir").write_text(text, encoding="utf-8")
    assert refused(capsys, "stats", "empty.mlir") == "empty.mlir is empty, but should hold a module or a task.graph"
    stdin(monkeypatch, text)
    assert refused(capsys, "stats", "-") == "stdin is empty, but should hold a module or a task.graph"


def test_a_proved_program_has_no_timing_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "five.mlir", "-m", "tiny", "--timing", "t.json"]) == 0
    assert capsys.readouterr().err == "wlm: note: no run shows @five to be wrong: no timing is written\n"
    assert os.listdir() == ["five.mlir"]
