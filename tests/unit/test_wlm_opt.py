"""`wlm-opt`: what it adds to xDSL's driver, and how it says what is wrong."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Attribute
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from wlm_dialect.dialects.task import RunOp
from wlm_dialect.tools import wlm_opt
from wlm_dialect.tools.wlm_opt import WlmOptMain, main
from wlm_dialect.universe import WLM_UNIVERSE

GRAPH = """\
task.graph @net {
  %a = task.run @dma0 "load" cycles 310
  task.run @dpu0 "conv1" after(%a) cycles 4200
}
"""


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("net.mlir").write_text(GRAPH)
    return "net.mlir"


def edited(old: str, new: str) -> str:
    assert old in GRAPH
    Path("edited.mlir").write_text(GRAPH.replace(old, new))
    return "edited.mlir"


@dataclass(frozen=True)
class Crash(ModulePass):
    """Fails like a bug."""

    name = "test-crash"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        raise TypeError("boom")


@dataclass(frozen=True)
class Break(ModulePass):
    """Leaves IR that does not verify."""

    name = "test-break"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for task in op.walk():
            if isinstance(task, RunOp):
                task.properties["cycles"] = IntegerAttr(0, i64)


@dataclass(frozen=True)
class Refuse(ModulePass):
    """Refuses its input."""

    name = "test-refuse"
    why: str = "no reason"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        raise PassFailedException(f"cannot: {self.why}")


@pytest.fixture
def bad_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in (Crash, Break, Refuse):
        monkeypatch.setitem(WLM_UNIVERSE.all_passes, cls.name, lambda cls=cls: cls)


def error_of(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The first line on standard error of a run that fails with code 1 and prints no result."""
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err.partition("\n")[0]


def test_machine_is_written_into_the_module(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([graph, "--machine", "tiny"]) == 0
    assert 'attributes {wlm.machine = "tiny"}' in capsys.readouterr().out


def test_a_machine_file_is_written_as_a_whole(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.toml").write_text('base = "tiny"\nname = "mine"\n[barriers]\ncount = 3\n')
    assert main([graph, "--machine", "m.toml"]) == 0
    assert "count = 3 : i64" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["firmware", "partial", "full"])
def test_named_pipelines_lower_to_their_mode(mode: str, graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([graph, "--machine", "tiny", "--pipeline", mode]) == 0
    assert f"task.graph @net phase managed mode {mode} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--machine", "tinny"], "unknown machine 'tinny'; did you mean 'tiny'? (or give a .toml file)"),
        (["--pipeline", "ful"], "unknown mode 'ful'; did you mean 'full'?"),
        (["--pipeline", "full", "-p", "wlm-insert-barriers"], "give either --pipeline or -p, not both"),
        (
            ["-p", "insert-barriers"],
            "unknown pass 'insert-barriers'; did you mean 'wlm-insert-barriers'? (--list-passes describes them)",
        ),
        (
            ["-p", "wlm-set-machine{mach=tiny}"],
            "pass 'wlm-set-machine' has no option 'mach'; did you mean 'machine'?",
        ),
        (["-p", "wlm-insert-barriers{x=1}"], "pass 'wlm-insert-barriers' has no option 'x'; it has none"),
        (["-p", "wlm-set-machine"], "pass 'wlm-set-machine': wlm-set-machine requires argument \"machine\""),
        (["-p", "wlm-set-machine{"], "Error parsing pass pipeline specification:"),
        (["--print-ir-after", "wlm-x"], "--print-ir-after=wlm-x: no such pass in this pipeline; it runs: none"),
        (["-o", "no/such/file"], "cannot write 'no/such/file': no such file or directory"),
    ],
)
def test_bad_command_lines(argv: list[str], text: str, graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, graph, *argv) == f"wlm-opt: error: {text}"


def test_bad_usage_is_not_the_code_of_a_refuted_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--no-such-option"]) == 1
    assert capsys.readouterr().err.startswith("usage: wlm-opt ")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("task.run @dma0", "task.run dma0", "edited.mlir:2:17: expect symbol name"),
        ("cycles 310", "cycles 0", "edited.mlir:2:3: task.run: cycles is 0 but must be at least 1"),
        (
            "%a = task.run",
            "%a = task.rum",
            "edited.mlir:2:3: operation task.rum is not registered; did you mean 'task.run'?",
        ),
        ("task.graph", "tsk.graph", "edited.mlir:1:1: operation tsk.graph is not registered"),
        ("cycles 310", 'cycles 310 {x = "\\', "edited.mlir:2:46: End of file reached before closing string literal"),
    ],
)
def test_every_complaint_about_text_has_a_place(
    old: str, new: str, text: str, graph: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert error_of(capsys, edited(old, new)).startswith(f"wlm-opt: error: {text}")


def test_the_line_is_shown(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([edited("task.run @dma0", "task.run dma0")]) == 1
    assert capsys.readouterr().err.splitlines()[1:] == [
        '    %a = task.run dma0 "load" cycles 310',
        "                  ^^^^",
    ]


def test_places_count_from_the_start_of_a_split_file(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    bad = GRAPH.replace("cycles 310", "cycles 0")
    Path("two.mlir").write_text(f"{GRAPH}// -----\n{bad}")
    assert main(["two.mlir", "--split-input-file", "-o", "out.mlir"]) == 1
    assert capsys.readouterr().err.startswith("wlm-opt: error: two.mlir:7:3: task.run: cycles is 0")
    assert not Path("out.mlir").exists()


def test_files_that_cannot_be_read(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, "no.mlir") == "wlm-opt: error: cannot read 'no.mlir': no such file or directory"
    assert error_of(capsys, ".") == "wlm-opt: error: cannot read '.': is a directory"
    Path("binary").write_bytes(b"task.graph\n\xff")
    assert error_of(capsys, "binary") == (
        "wlm-opt: error: binary:2: byte 11 is not UTF-8 text; MLIR bytecode is not read"
    )


def test_a_pass_that_refuses_is_named(graph: str, bad_passes: None, capsys: pytest.CaptureFixture[str]) -> None:
    text = error_of(capsys, graph, "-p", 'test-refuse{why="the weather"}')
    assert text == "wlm-opt: error: in pass 'test-refuse': cannot: the weather"


def test_a_crash_leaves_a_reproducer(graph: str, bad_passes: None, capsys: pytest.CaptureFixture[str]) -> None:
    passes = "wlm-set-machine{machine=tiny},test-crash"
    argv = [graph, "--machine", "tiny", "-p", passes, "--reproducer", "again.mlir"]
    assert main([*argv, "-o", "out.mlir"]) == 1
    err = capsys.readouterr().err
    assert "TypeError: boom" in err
    assert "Traceback" in err
    assert "wlm-opt: error: internal error in pass 'test-crash': TypeError: boom\n" in err
    assert err.endswith("wlm-opt: note: this is a bug; reproducer written to again.mlir\n")
    text = Path("again.mlir").read_text()
    assert """-p 'wlm-set-machine{machine="tiny"},test-crash'""" in text
    assert "// versions: wlm-dialect " in text
    assert "// seed: PYTHONHASHSEED=" in text
    assert not Path("out.mlir").exists()
    assert main(["again.mlir"]) == 0
    again = capsys.readouterr().out
    assert main([graph, "--machine", "tiny"]) == 0
    assert capsys.readouterr().out == again


def test_without_a_name_the_reproducer_is_a_temporary_file(
    graph: str, bad_passes: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main([graph, "-p", "test-crash"]) == 1
    path = capsys.readouterr().err.rpartition("reproducer written to ")[2].strip()
    assert Path(path).parent == tmp_path
    assert Path(path).read_text().startswith("// internal error in pass 'test-crash': TypeError: boom\n")


@pytest.mark.parametrize(
    ("option", "who"), [("--verify-each", "pass 'test-break'"), ("--no-verify-each", "a pass up to 'wlm-set-machine'")]
)
def test_the_pass_that_broke_the_ir_is_named(
    option: str, who: str, graph: str, bad_passes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [graph, "-p", "test-break,wlm-set-machine{machine=tiny}", option, "--reproducer", "again.mlir"]
    assert error_of(capsys, *argv) == (
        f"wlm-opt: error: {who} left IR that does not verify: task.run: cycles is 0 but must be at least 1"
    )
    assert Path("again.mlir").exists()


def test_ir_is_printed_around_passes(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    passes = ["-p", "wlm-set-machine{machine=tiny},wlm-insert-barriers"]
    heads = {
        "--print-ir-before-all": ["before wlm-set-machine", "before wlm-insert-barriers"],
        "--print-ir-after-all": ["after wlm-set-machine", "after wlm-insert-barriers"],
        "--print-ir-after=wlm-set-machine": ["after wlm-set-machine"],
    }
    for option, expected in heads.items():
        assert main([graph, *passes, option]) == 0
        out, err = capsys.readouterr()
        assert "//----- //" not in out
        assert [line[14:-10] for line in err.splitlines() if "//----- //" in line] == [f"{e} " for e in expected]
        assert err.count("task.graph") == len(expected)


def test_timing_has_a_line_per_pass(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([graph, "-p", "wlm-set-machine{machine=tiny},wlm-insert-barriers", "--timing"]) == 0
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert [line[0] for line in lines] == [
        "pass",
        "wlm-set-machine",
        "wlm-insert-barriers",
        "(verify)",
        "(decode)",
        "(encode)",
        "total",
    ]
    assert lines[-1][-1] == "100.0%"


def test_list_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-passes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("wlm-set-machine")
    assert lines[at + 1].startswith("    Write a machine model into the module")
    assert lines[at + 2 : at + 4] == ["    machine: str (required)", "    dlti: bool = false"]
    assert any(line.startswith("full ") for line in lines)
    assert "canonicalize" not in lines
    assert main(["--list-passes=all"]) == 0
    assert "canonicalize" in capsys.readouterr().out.splitlines()


def test_output_file_and_standard_input(
    graph: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(graph) as text:
        monkeypatch.setattr("sys.stdin", text)
        assert main(["-", "-o", "out.mlir"]) == 0
    assert capsys.readouterr().out == ""
    assert main([graph]) == 0
    assert Path("out.mlir").read_text() == capsys.readouterr().out


def test_interrupt_leaves_nothing_half_written(
    graph: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: WlmOptMain, prog: ModuleOp) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(wlm_opt.WlmOptMain, "apply_passes", interrupt)
    assert main([graph, "-o", "out.mlir"]) == 130
    assert capsys.readouterr().err == "wlm-opt: interrupted; nothing was written\n"
    assert sorted(os.listdir()) == ["net.mlir"]


def test_disable_verify_ends_with_the_run(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Attribute.__post_init__
    assert main([edited("cycles 310", "cycles 0"), "--disable-verify"]) == 0
    assert Attribute.__post_init__ is before


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("wlm-opt 0.")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("copies", [1, 100])  # noticed at the end, or while it is written
def test_a_full_disk_names_the_output(graph: str, capsys: pytest.CaptureFixture[str], copies: int) -> None:
    text = Path(graph).read_text(encoding="utf-8")
    Path(graph).write_text("".join(text.replace("@net", f"@net{n}") for n in range(copies)), encoding="utf-8")
    wanted = "wlm-opt: error: cannot write '/dev/full': no space left on device"
    assert error_of(capsys, graph, "-o", "/dev/full") == wanted
