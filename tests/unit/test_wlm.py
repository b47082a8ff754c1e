"""`wlm`: every subcommand, its files, its exit codes and its errors."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wlm_dialect import api
from wlm_dialect.machine import load_machine, preset
from wlm_dialect.tools.commands import compare, diff
from wlm_dialect.tools.reader import read_program
from wlm_dialect.tools.wlm import main

ROOT = Path(__file__).resolve().parents[2]
GRAPH = """\
task.graph @net {
  %a = task.run @dma0 "load" cycles 310 bytes 64
  %b = task.run @dpu0 "conv1" after(%a) cycles 4200 slots 4
  task.run @shave0 "softmax" after(%b) cycles 40
}
"""

DEAD = """\
task.graph @net phase managed mode partial {
  %v = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 1 producers 1 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%v, %t]
  mgmt_dma.work_item @dma1 [0 to 1)
  task.run @dma0 "load" updates(%v) cycles 10
  task.run @dma1 "store" waits(%v) updates(%t) cycles 10
}
"""


@pytest.fixture(autouse=True)
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a graph that names its machine, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    Path("net.mlir").write_text('builtin.module attributes {wlm.machine = "tiny"} {\n' + GRAPH + "}\n")
    return "net.mlir"


@pytest.fixture
def managed(net: str) -> str:
    assert main(["compile", net, "--mode", "full", "-o", "full.mlir"]) == 0
    return "full.mlir"


def error_of(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The first line on standard error of a run that ends with code 1."""
    assert main(argv) == 1
    return capsys.readouterr().err.partition("\n")[0]


# ---- compile


@pytest.mark.parametrize("mode", ["firmware", "partial", "full"])
def test_compile_writes_ir_that_runs(mode: str, net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", net, "--mode", mode, "-o", "out.mlir"]) == 0
    assert capsys.readouterr().out == ""
    program = read_program("out.mlir", None, preset("npu37xx"))
    assert (program.phase, program.mode, program.machine.name) == ("managed", mode, "tiny")
    assert api.run(program).outcome == "finished"


def test_compile_prints_to_standard_output_and_is_deterministic(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", net]) == 0
    first = capsys.readouterr().out
    assert "task.graph @net phase managed mode full" in first
    assert main(["compile", net]) == 0
    assert capsys.readouterr().out == first


def test_compile_emits_json(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", net, "--emit", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["phase"], data["mode"], data["machine"]) == ("managed", "full", "tiny")
    names = [t["name"] for t in data["tasks"]]
    assert [n for n in names if n in ("load", "conv1", "softmax")] == ["load", "conv1", "softmax"]
    conv = data["tasks"][names.index("conv1")]
    assert (conv["kind"], conv["engine"], conv["cycles"], conv["slots"]) == ("run", "dpu0", 4200, 4)
    waited = data["barriers"][conv["waits"][0]]
    assert waited["consumers"] >= 4
    fetch = next(t for t in data["tasks"] if t["kind"] == "fetch")
    assert fetch["range"][0] < fetch["range"][1]
    assert [b.get("irq") for b in data["barriers"] if b.get("tail")] == ["lifted"]
    assert main(["compile", net, "--mode", "partial", "--emit", "json"]) == 0
    assert {"engine", "range", "at", "done"} == set(json.loads(capsys.readouterr().out)["work_items"][0])


def test_compile_lists_its_stages(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", net, "--stages", "-o", "out.mlir"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].split() == ["pass", "tasks", "barriers", "joins", "waits", "ms"]
    assert any(line.startswith("wlm-insert-barriers") for line in lines)


def test_compile_wants_a_graph(managed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, "compile", managed) == (
        "wlm: error: @net is in phase managed, but compile starts from phase graph; wlm-opt lowers it step by step"
    )


# ---- run


def test_run_reports_engines_path_and_marks(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", net, "--mode", "full"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("@net on tiny, full: finished in ")
    for text in ("engines: busy, then why", "critical path: ", "high-water mark", "management DMA", "dpu0"):
        assert text in out


def test_run_takes_a_managed_program_as_it_is(managed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", managed, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["mode"], data["outcome"]) == ("full", "finished")
    expected = api.run(read_program(managed, None, preset("tiny")))
    assert data["makespan"] == expected.makespan
    assert main(["run", managed, "--mode", "full", "--json", "-"]) == 0
    capsys.readouterr()
    assert error_of(capsys, "run", managed, "--mode", "partial") == (
        "wlm: error: @net is a managed program of mode full; it has no mode partial"
    )


def test_run_writes_every_kind_of_file(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"--trace": "t.json", "--html": "r.html", "--dot": "g.dot", "--json": "r.json"}
    assert main(["run", net, *(word for pair in files.items() for word in pair)]) == 0
    assert "traceEvents" in json.loads(Path("t.json").read_text())
    assert Path("r.html").read_text().startswith("<!doctype html>")
    assert Path("g.dot").read_text().startswith('digraph "net" {')
    assert json.loads(Path("r.json").read_text())["critical_path"]


def test_run_of_several_modes_fills_one_page(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", net, "--mode", "ideal,firmware,full", "--html", "r.html", "--json", "r.json"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("@net")] == [
        "@net on tiny, phase graph",
        "@net on tiny, firmware",
        "@net on tiny, full",
    ]
    runs = json.loads(Path("r.json").read_text())
    assert [r["mode"] for r in runs] == ["graph", "firmware", "full"]
    assert f'"ideal":{runs[0]["makespan"]}' in Path("r.html").read_text()
    assert main(["run", net, "--mode", "all", "--json", "r.json"]) == 0
    assert [r["mode"] for r in json.loads(Path("r.json").read_text())] == ["firmware", "partial", "full"]


def test_run_with_random_timings_repeats_itself(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    outs = {}
    for jitter in ("uniform", "heavy", "adversarial"):
        for seed in ("1", "1", "2"):
            assert main(["run", net, "--jitter", jitter, "--seed", seed, "--json", "-"]) == 0
            outs.setdefault((jitter, seed), set()).add(capsys.readouterr().out)
    assert all(len(texts) == 1 for texts in outs.values())
    assert len({next(iter(texts)) for texts in outs.values()}) > 3


def test_run_with_a_timing_file(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.json").write_text('{"format": 1, "duration": {"1": 99999}}')
    assert main(["run", net, "--mode", "ideal", "--timing", "t.json", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["makespan"] == 310 + 99999 + 40


def test_run_stopped_by_a_limit_is_told_by_its_code(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", net, "--limit", "10"]) == 2
    assert capsys.readouterr().out.startswith("@net on tiny, full: limit")


def test_a_hazard_is_told_with_its_rule(managed: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(managed).read_text()
    Path("bad.mlir").write_text(text.replace("cycles 4200 slots 4", "cycles 4200 slots 3"))
    assert main(["run", "bad.mlir"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "@net on tiny, full: hazard"
    assert lines[1].startswith("H9 at tick 0: ")


def test_a_deadlock_says_who_waits_for_whom(capsys: pytest.CaptureFixture[str]) -> None:
    """No work item ever pushes the load."""
    Path("dead.mlir").write_text(DEAD)
    assert main(["run", "dead.mlir", "-m", "tiny"]) == 2
    out = capsys.readouterr().out
    assert out.startswith("@net on tiny, partial: deadlock\nH6 at tick 0: ")
    table = [line.split() for line in out.partition("why stuck\n")[2].splitlines()]
    assert table[0] == ["engine", "task", "state", "barrier", "waits", "for", "the", "end", "of"]
    assert ["dma1", "store", "waits", "b0#0", "load", "on", "dma0"] in table
    assert ["dma0", "load", "not", "enqueued", "-"] in table


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--mode", "partail"], "unknown mode 'partail'; did you mean 'partial'?"),
        (["--mode", ","], "no mode given; known: all, firmware, partial, full, ideal"),
        (["--mode", "all", "--trace", "t"], "--trace, --dot and --svg show one program; give a single --mode"),
        (["--timing", "t", "--jitter", "heavy"], "give either --timing or --jitter: both set the durations"),
        (["--seed", "3"], "--seed draws nothing without --jitter or --stress"),
        (["--stress", "0"], "--stress 0: it takes 1 run at least"),
        (
            ["--json", "-", "--dot", "-"],
            "only one of --trace, --html, --dot, --svg and --json can go to standard output",
        ),
        (["--timing", "none.json"], "timing file none.json: No such file or directory"),
        (["--repeat", "0"], "repeat is 0, but a program runs at least once"),
        (["--html", "no/r.html"], "cannot write 'no/r.html': no such file or directory"),
        (["-m", "tinny"], "unknown machine 'tinny'; did you mean 'tiny'? (or give a .toml file)"),
    ],
)
def test_run_refuses(argv: list[str], text: str, net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, "run", net, *argv) == f"wlm: error: {text}"


# ---- sources


def test_sources_that_do_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, "stats", "no.mlir") == "wlm: error: cannot read 'no.mlir': no such file or directory"
    assert "'resnt50'" in error_of(capsys, "stats", "resnt50")


def test_broken_ir_has_a_line_and_a_column(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.mlir").write_text(GRAPH.replace("@dma0", "dma0"))
    assert error_of(capsys, "stats", "bad.mlir") == "wlm: error: bad.mlir:2:17: expect symbol name"
    Path("bad.mlir").write_text(GRAPH.replace("cycles 310", "cycles 0"))
    assert error_of(capsys, "stats", "bad.mlir") == (
        "wlm: error: bad.mlir:2:3: task.run: cycles is 0 but must be at least 1"
    )


def test_a_file_with_two_graphs_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("two.mlir").write_text(GRAPH + GRAPH.replace("@net", "@other"))
    assert error_of(capsys, "stats", "two.mlir") == (
        "wlm: error: 'two.mlir' holds 2 task graphs (@net, @other), but one is needed"
    )


@pytest.mark.parametrize("text", ["x", "=3", "x=", "x=0x3", "x=ax3"])
def test_bad_shapes(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, "stats", "net.onnx", "--shape", text) == (
        f"wlm: error: --shape {text}: expected INPUT=1x3x224x224, a name and positive sizes"
    )


def test_the_machine_on_the_command_line_wins(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.toml").write_text('base = "tiny"\nname = "mine"\n')
    assert main(["stats", net, "-m", "m.toml"]) == 0
    assert capsys.readouterr().out.startswith("@net on mine, phase graph\n")


# ---- stats, diff, machines


def test_stats(net: str, managed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", net, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["counts"] == {"tasks": 3, "dependences": 2}
    assert [e["engine"] for e in data["engines"]] == ["dma0", "dpu0", "shave0"]
    assert data["engines"][0] == {"engine": "dma0", "tasks": 1, "management": 0, "cycles": 310, "bytes": 64}
    assert main(["stats", managed, "--json", "stats.json"]) == 0
    assert capsys.readouterr().out.startswith("@net on tiny, phase managed, mode full\n")
    counts = json.loads(Path("stats.json").read_text())["counts"]
    assert counts["tasks"] == 3
    assert counts["management_fetch"] >= 2


def test_diff_of_equal_programs(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", net, net]) == 0
    assert capsys.readouterr().out == "no differences between @net and @net\n"


def test_diff_names_tasks_and_orders(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = Path(net).read_text().replace("after(%b) ", "").replace('"load"', '"fill"')
    Path("after.mlir").write_text(text)
    assert main(["diff", net, "after.mlir"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "tasks: 1 added, 1 removed",
        "  + fill on dma0",
        "  - load on dma0",
        "barriers: 0 added, 0 removed",
        "orderings: 0 added, 1 removed",
        "  - conv1 on dpu0 before softmax on shave0",
    ]


def test_diff_sees_through_barriers(net: str, managed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Lowering adds management and barriers, and takes no order away."""
    assert main(["diff", net, managed, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["tasks"]["removed"] == data["orderings"]["removed"] == data["barriers"]["removed"] == []
    assert data["barriers"]["added"]
    assert main(["diff", net, managed, "--limit", "1", "--json", "d.json"]) == 0
    assert "  + and " in capsys.readouterr().out
    assert json.loads(Path("d.json").read_text()) == data


def test_an_order_that_follows_from_others_is_no_difference() -> None:
    chain = GRAPH.replace("%b = ", "%b = ").replace("after(%b)", "after(%a, %b)")
    Path("a.mlir").write_text(GRAPH)
    Path("b.mlir").write_text(chain)
    a, b = (read_program(name, None, preset("tiny")) for name in ("a.mlir", "b.mlir"))
    assert diff.compare_programs(a, b)["orderings"] == {"added": [], "removed": []}


def test_tasks_of_a_pool_are_ordered_by_dependences_only() -> None:
    Path("a.mlir").write_text(GRAPH)
    Path("b.mlir").write_text(GRAPH.replace("after(%b)", "after(%a)"))
    machine = preset("tiny").with_(**{"engine.order": "outstanding", "engine.servers": 2})
    a, b = (read_program(name, machine, machine) for name in ("a.mlir", "b.mlir"))
    assert diff.compare_programs(a, b)["orderings"] == {
        "added": [],
        "removed": ["conv1 on dpu0 before softmax on shave0"],
    }


def test_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machines"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()][:3] == ["machine", "npu37xx", "npu40xx:1"]
    assert main(["machines", "tiny"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tiny: 1 tiles at 1000 MHz; a full FIFO: block\n")
    assert "interrupt" in out
    assert main(["machines", "tiny", "--toml", "-o", "tiny.toml"]) == 0
    assert load_machine("tiny.toml") == preset("tiny")
    assert error_of(capsys, "machines", "npu50xx").startswith("wlm: error: unknown machine 'npu50xx'")


# ---- verify, compare


def test_verify_proves(net: str, managed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", managed, "--json", "v.json"]) == 0
    assert capsys.readouterr().out.startswith("@net: proved\n")
    data = json.loads(Path("v.json").read_text())
    assert data["verdict"] == "proved"
    assert data["properties"]
    assert data["conditions"]
    assert main(["verify", net, "--mode", "partial", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_verify_wants_a_managed_program(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("virtual.mlir").write_text("task.graph @net phase virtual {\n  %v = barrier.declare\n}\n")
    assert error_of(capsys, "verify", "virtual.mlir") == (
        "wlm: error: @net is in phase virtual, but verify starts from phase managed; wlm-opt lowers it step by step"
    )


def test_compare_has_a_row_per_mode(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--networks", net, "-m", "tiny", "--json", "rows.json"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[2] for line in out.splitlines()] == ["mode", "firmware", "partial", "full"]
    rows = json.loads(Path("rows.json").read_text())
    assert [row["mode"] for row in rows] == ["firmware", "partial", "full"]
    assert all(row["makespan"] >= row["ideal"] >= row["bound"] > 0 for row in rows)
    assert main(["compare", "--networks", net, "-m", "tiny", "--modes", "full", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == rows[2:]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"hazards": 1}, 2), ({"deadlock": True}, 2), ({"verdict": "refuted"}, 2), ({"verdict": "undecided"}, 3), ({}, 0)],
)
def test_compare_tells_by_its_code(
    change: dict[str, Any], code: int, net: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    [row] = api.compare([net], ["tiny"], ["full"])
    monkeypatch.setattr(api, "compare", lambda *args, **options: [row | change])
    assert main(["compare", "--networks", net, "-m", "tiny"]) == code


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--networks", "resnt50"], "unknown network 'resnt50'; did you mean 'resnet50'? (or give a file)"),
        (["--networks", ","], "--networks is empty"),
        (["--machine", ","], "--machine is empty"),
        (["--machine", "tinny"], "unknown machine 'tinny'; did you mean 'tiny'? (or give a .toml file)"),
        (["--modes", "ideal"], "unknown mode 'ideal'; known: all, firmware, full, partial"),
    ],
)
def test_compare_refuses(
    argv: list[str], text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "network_names", lambda: ("resnet50", "vgg19"))
    assert error_of(capsys, "compare", *argv) == f"wlm: error: {text}"


def test_all_networks_are_compared(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(api, "network_names", lambda: ("a", "b"))
    asked: list[Any] = []
    monkeypatch.setattr(api, "compare", lambda *args, **options: asked.append(args) or [])
    assert main(["compare"]) == 0
    assert asked == [(["a", "b"], [compare.DEFAULT_MACHINE], ("firmware", "partial", "full"))]


# ---- the program as a whole


def test_bad_usage_is_not_the_code_of_a_refuted_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert main(["compile"]) == 1
    assert main(["compile", "x", "--mode", "fast"]) == 1
    assert main(["--version"]) == 0


def test_help_is_made_without_loading_the_compiler() -> None:
    program = (
        "import sys\nfrom wlm_dialect.tools.wlm import main\nassert main(['--help']) == 0\n"
        "print([m for m in ('onnx', 'numba', 'z3', 'rich') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == "[]\n"
    assert "  compile" in done.stdout


def test_interrupt_leaves_the_old_file(net: str) -> None:
    """Ctrl-C while the result is written: exit code 130 and the file of before."""
    Path("out.mlir").write_text("old")
    program = (
        "import os, signal, sys\nfrom wlm_dialect.tools import wlm\nfrom xdsl.printer import Printer\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where tests run in the background
        "def stop(self, op):\n  self.stream.write('half')\n  os.kill(os.getpid(), signal.SIGINT)\n"
        "Printer.print_op = stop\n"
        f"sys.exit(wlm.main(['compile', {net!r}, '-o', 'out.mlir']))"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    assert done.stderr == "wlm: interrupted; nothing was written\n"
    assert Path("out.mlir").read_text() == "old"
    assert sorted(os.listdir()) == ["net.mlir", "out.mlir"]
