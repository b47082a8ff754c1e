"""`wlm run --check` and `wlm compile --payload`, and the examples that ship for them."""

import json
import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.small_models import chain, save
from wlm_dialect.frontends import weights
from wlm_dialect.runtime.functional import check
from wlm_dialect.tools.wlm import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def small(tmp_path: Path) -> str:
    return save(chain(), tmp_path)


def test_outputs_agree(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", small, "--check"]) == 0
    text = capsys.readouterr().out
    assert "numbers: agree with onnxruntime (rtol 0.0001, atol 1e-05 of the largest element)" in text
    assert "output y: error" in text


def test_layers_lazy_and_all_modes(small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.json"
    assert main(["run", small, "--check=layers", "--lazy", "--mode", "all", "--json", str(out)]) == 0
    for row in json.loads(out.read_text()):
        data = row["numbers"]
        assert data["agrees"]
        assert [r["layer"] for r in data["layers"]] == ["Conv_0", "MaxPool_0", "Conv_1", "Gemm_0", "Softmax_0"]
        assert all(r["agrees"] for r in data["lazy"])
        assert "dpu0 late" in [r["timing"] for r in data["lazy"]]
        assert data["first_bad_tile"] is None
    assert "dpu0 late: agrees" in capsys.readouterr().out


def test_ir_with_constants_beside_it(small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ir = tmp_path / "small.mlir"
    assert main(["compile", small, "--payload", str(tmp_path / "c.npz"), "-o", str(ir)]) == 0
    assert main(["run", str(ir), "--check=layers", "--cells", "float16"]) == 0
    assert "numbers: agree with plain layers (rtol 0.02" in capsys.readouterr().out


def test_wrong_numbers(small: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "TOLERANCES", {"float32": check.Tolerance(0.0, 0.0)})
    assert main(["run", small, "--check=layers"]) == 2
    text = capsys.readouterr().out
    assert "numbers: DO NOT AGREE with onnxruntime" in text
    assert "first bad tile: task " in text
    assert "elements beyond it" in text


def test_data_follows_its_seed(small: str, tmp_path: Path) -> None:
    found = []
    for seed in ("0", "0", "1"):
        assert main(["run", small, "--check", "--data-seed", seed, "--json", str(tmp_path / "r.json")]) == 0
        found.append(json.loads((tmp_path / "r.json").read_text())["numbers"]["outputs"][0]["largest"])
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--lazy"], "--lazy says how to check numbers; give --check too"),
        (["--data-seed", "1"], "--data-seed says how to check numbers; give --check too"),
        (["--cells", "float16"], "--cells says how to check numbers; give --check too"),
        (["--check", "--repeat", "2"], "--check computes one inference; leave --repeat out"),
        (["--check", "--unknown-ops", "shave"], "numbers are those of the network; leave --durations and"),
    ],
)
def test_options_that_make_no_sense(
    small: str, arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", small, *arguments]) == 1
    assert f"wlm: error: {text}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vit", "decoder"])
def test_examples_compute(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"{name}.onnx"
    monkeypatch.setattr(sys, "argv", ["transformers.py", name, str(path)])
    with pytest.raises(SystemExit) as done:
        runpy.run_path(str(EXAMPLES / "transformers.py"), run_name="__main__")
    assert done.value.code == 0
    assert not weights.has_fillers(weights.import_onnx().load(str(path)))
    assert main(["run", str(path), "--check=layers", "--machine", "npu40xx:4"]) == 0
    assert "numbers: agree with onnxruntime" in capsys.readouterr().out


def test_examples_say_how_they_are_used(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["transformers.py"])
    with pytest.raises(SystemExit) as done:
        runpy.run_path(str(EXAMPLES / "transformers.py"), run_name="__main__")
    assert done.value.code == 1
    assert "usage: transformers.py {vit,decoder} FILE.onnx" in capsys.readouterr().err
