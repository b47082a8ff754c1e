"""Command lines of the benchmark scripts: all alike, checked before anything is measured, wrong input in one line."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmark_scripts import FOLDER, load_script
from wlm_dialect.errors import UsageError

SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py") if "__main__" in p.read_text(encoding="utf-8"))
NETWORKS = "alexnet, densenet121, inception_v1, inception_v2, resnet50, shufflenet, squeezenet, vgg19, zfnet512"
NO_NETWORK = "argument --networks: no network 'nosuch'; known: "
NO_COUNT = "'0' is no whole number from 1 on"


@pytest.fixture(autouse=True)
def folder_on_path() -> Iterator[None]:
    """Scripts find their neighbours by path."""
    path = list(sys.path)
    sys.path.append(str(FOLDER))
    yield
    sys.path[:] = path


@pytest.fixture(scope="module")
def shared() -> ModuleType:
    return load_script("command_line")


def answer(script: str, options: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a script that refuses `options` says, in one line behind its name, and nothing else."""
    assert load_script(script).main(options) == 1
    out, err = capsys.readouterr()
    assert out == ""
    start = f"{script}: error: "
    assert err.startswith(start)
    assert err.count("\n") == 1
    return err.removeprefix(start).removesuffix("; --help lists the options\n").removesuffix("\n")


def test_every_script_is_here() -> None:
    assert len(SCRIPTS) == 17
    for script in SCRIPTS:
        text = (FOLDER / f"{script}.py").read_text(encoding="utf-8")
        assert text.endswith("sys.exit(main())\n"), script
        assert "ArgumentParser(" not in text, script


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_unknown_option_is_refused(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = "the following arguments are required: folders" if script == "vta_target" else None
    assert answer(script, ["--nosuch"], capsys) == (wanted or "unrecognized arguments: --nosuch")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_describes_the_script(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = load_script(script)
    assert module.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: {script} [-h]")
    assert str(module.__doc__).strip() in shown


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s not in ("fwlm_cases", "networks", "run", "simpy_model")])
def test_output_that_cannot_be_written_is_refused(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(script, ["--json", str(tmp_path)], capsys) == f"cannot write '{tmp_path}': it is a folder"
    missing = tmp_path / "no" / "rows.json"
    assert answer(script, ["--json", str(missing)], capsys) == f"cannot write '{missing}': no such file or directory"


@pytest.mark.parametrize(
    "script", ["barriers", "firmware", "management", "modes", "numbers", "pipeline_scale", "proofs", "starvation"]
)
def test_an_unknown_network_is_refused(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(script, ["--networks", "nosuch"], capsys).startswith(NO_NETWORK)
    assert answer(script, ["--networks", ""], capsys).startswith("argument --networks: no network ''; known: ")
    if script != "pipeline_scale":
        wanted = "argument --networks: there is no file 'no.onnx'"
        assert answer(script, ["--networks", "squeezenet,no.onnx"], capsys) == wanted


@pytest.mark.parametrize("script", ["barriers", "firmware", "management", "numbers", "proofs", "starvation"])
def test_an_unknown_machine_is_refused(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = "argument --machines: unknown machine 'npu40xx:9'; did you mean 'npu40xx:6'? (or give a .toml file)"
    assert answer(script, ["--machines", "npu40xx:4,npu40xx:9"], capsys) == wanted
    said = answer(script, ["--machines", "no.toml"], capsys)
    assert said == "argument --machines: machine file no.toml: No such file or directory"


@pytest.mark.parametrize(
    ("script", "options", "said"),
    [
        ("modes", ["--networks", "squeznet"], "argument --networks: no network 'squeznet'; did you mean 'squeezenet'?"),
        ("proofs", ["--networks", "nosuch"], f"{NO_NETWORK}{NETWORKS}"),
        ("proofs", ["--runs", "0"], f"argument --runs: {NO_COUNT}"),
        ("proofs", ["--scale", "10,x"], "argument --scale: 'x' is no whole number from 1 on"),
        ("proofs", ["--coq", "0"], f"argument --coq: {NO_COUNT}"),
        ("numbers", ["--drops", "-1"], "argument --drops: '-1' is no whole number from 0 on"),
        ("barriers", ["--barriers", "4,-3"], "argument --barriers: '-3' is no whole number from 0 on"),
        ("barriers", ["--policies", "page"], "argument --policies: no policy 'page'; did you mean 'pages'?"),
        ("management", ["--depths", "1.5"], "argument --depths: '1.5' is no whole number from 0 on"),
        ("management", ["--scales", "0"], f"argument --scales: {NO_COUNT}"),
        ("management", ["--jobs", "0"], f"argument --jobs: {NO_COUNT}"),
        ("management", ["--json", "-"], "--json -: rows are written as they are made; name a file"),
        ("order", ["--families", "cnn"], "argument --families: no family 'cnn'; known: "),
        ("order", ["--seeds", "0"], f"argument --seeds: {NO_COUNT}"),
        ("order", ["--seconds", "nan"], "argument --seconds: 'nan' is no number of seconds above zero"),
        ("order", ["--seconds", "inf"], "argument --seconds: 'inf' is no number of seconds above zero"),
        ("order", ["--seconds", "soon"], "argument --seconds: 'soon' is no number of seconds above zero"),
        (
            "pipeline_scale",
            ["--networks", "squeezenet"],
            "argument --networks: no network 'squeezenet'; known: cnn, de",
        ),
        ("pipeline_scale", ["--networks", "no.onnx"], "argument --networks: no network 'no.onnx'; known: cnn, decoder"),
        ("pipeline_scale", ["--modes", "ful"], "argument --modes: unknown mode 'ful'; did you mean 'full'?"),
        (
            "pipeline_scale",
            ["--modes", "full{policy=page}"],
            "wlm-assign-barriers: there is no policy 'page'; did you",
        ),
        ("pipeline_scale", ["--machine", "nosuch"], "argument --machine: unknown machine 'nosuch'; known: npu37xx, "),
        (
            "pipeline_scale",
            ["--machine", "tiny"],
            "machine 'tiny' has no engine 'dma0_ddr': synthetic networks are for",
        ),
        ("barriers", ["--networks", "cnn2", "--machines", "npu37xx"], "machine 'npu37xx' has no engine 'dma0_ddr': s"),
        (
            "starvation",
            ["--queues", "dma9"],
            "management: queue is 'dma9', which is no DMA engine of machine 'npu40xx:4'; ",
        ),
        ("barrier_scale", ["--policy", "nosuch"], "argument --policy: invalid choice: 'nosuch' (choose from "),
        ("speed", ["--tasks", "0"], f"argument --tasks: {NO_COUNT}"),
        ("simpy_model", ["--tasks", "many"], "argument --tasks: 'many' is no whole number from 1 on"),
        ("vta", ["--programs", "nowhere"], "argument --programs: there is no folder 'nowhere'"),
        ("vta_target", ["nowhere"], "argument folders: there is no folder 'nowhere'"),
        ("run", ["--only", "nosuch"], "argument --only: no script 'nosuch'; known: barriers, firmware, fwlm_cases, "),
        ("fwlm_cases", ["nowhere.json"], "nowhere.json: [Errno 2] No such file or directory: 'nowhere.json'"),
    ],
)
def test_other_wrong_input(script: str, options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("simpy" if script == "simpy_model" else "onnx")
    assert answer(script, options, capsys).startswith(said)


def test_a_folder_without_a_program_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path) in answer("vta_target", [str(tmp_path)], capsys)


@pytest.mark.parametrize("text", ["", "{", "3", '[{"network": 1}]', '{"a": 1}', '[{"duration_scale": 0}]'])
def test_a_file_of_something_else_is_not_gone_on_with(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.json"
    file.write_text(text, encoding="utf-8")
    wanted = f"'{file}' does not hold rows of this benchmark; name another file"
    assert answer("management", ["--json", str(file)], capsys) == wanted
    assert file.read_text(encoding="utf-8") == text


def test_coq_is_asked_for_only_where_it_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert answer("proofs", ["--coq", "10"], capsys) == "--coq needs Coq: apt install coq, then make proof"


def test_coq_is_asked_for_only_where_the_theorem_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "coqc").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    script = load_script("proofs")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    assert script.main(["--coq", "10"]) == 1
    assert capsys.readouterr() == ("", "proofs: error: --coq needs the theorem compiled: make proof\n")


def test_a_missing_package_is_named(
    shared: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/any/where/order.py"])
    shared.need("numpy", "all")
    with pytest.raises(SystemExit) as stop:
        shared.need("no_such_package", "bench")
    assert stop.value.code == 1
    assert capsys.readouterr().err == "order: error: needs no_such_package: pip install -e '.[bench]'\n"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (lambda c: c.to_counts(), "3, 1,3", [3, 1]),
        (lambda c: c.to_counts(0), "0", [0]),
        (lambda c: c.to_names("family", ["a b", "c"]), "c,a b", ["c", "a b"]),
        (lambda c: c.to_modes, "partial,full{policy=pages}", ["partial", "full{policy=pages}"]),
        (lambda c: c.to_modes, "all", ["firmware", "partial", "full"]),
        (lambda c: c.to_seconds, "0.5", 0.5),
        (lambda c: c.to_machine, "tiny", "tiny"),
    ],
)
def test_values(
    shared: ModuleType, kind: Callable[[ModuleType], Callable[[str], object]], text: str, value: object
) -> None:
    assert kind(shared)(text) == value


def test_files_stand_beside_names(shared: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    read = shared.to_names("network", ["alexnet"], (".json",))
    with pytest.raises(argparse.ArgumentTypeError, match="there is no file"):
        read(str(file))
    file.touch()
    assert read(f"alexnet,{file}") == ["alexnet", str(file)]


def test_rows_are_written_whole_and_a_check_leaves_nothing_behind(shared: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    parser = shared.Arguments("script.py", "What it does.")
    parser.add_json()
    args = parser.parse_args(["--json", str(file)])
    assert list(tmp_path.iterdir()) == []
    shared.write_json(args.json, [{"a": 1}])
    assert json.loads(file.read_text(encoding="utf-8")) == [{"a": 1}]
    with pytest.raises(UsageError, match="unrecognized arguments: x"):
        parser.parse_args(["x"])


def test_as_a_process() -> None:
    """numbers.py has the name of a module of the standard library, which its helpers import."""
    command = [sys.executable, str(FOLDER / "numbers.py"), "--networks", "nosuch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"numbers: error: {NO_NETWORK}")
    assert done.stderr.count("\n") == 1
