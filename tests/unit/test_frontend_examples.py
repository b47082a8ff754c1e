"""The examples and the documentation of the front ends say what the code does."""

import re
import runpy
from pathlib import Path

import pytest

from wlm_dialect.frontends import load, parse_json
from wlm_dialect.frontends.onnx_layers import supported_ops
from wlm_dialect.machine import preset

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "frontends.md").read_text(encoding="utf-8")


def test_the_pipeline_reuses_memory() -> None:
    p = load(str(ROOT / "examples" / "pipeline.json"), preset("tiny"))
    index = p.names.index
    assert index("conv/t0/s0") in p.after[index("conv/t0/s1")]  # its output takes the place of the input before
    assert p.after[index("conv/load_x/s1")].tolist() == []


def test_the_builder_prints_a_graph(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "build_graph.py"), run_name="__main__")
    p = parse_json(capsys.readouterr().out, preset("tiny"))
    assert p.after.lists() == [[], [0], [1], [], [3], [4]]


def test_the_json_of_the_document_is_read() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    assert parse_json(text, preset("tiny")).names == ("load", "conv")


def test_the_document_names_real_ops() -> None:
    table = DOCUMENT.split("| becomes | ONNX ops |")[1].split("\n\n")[0]
    named = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][A-Za-z]*)?\b", table)) - {"Any"}
    named -= {"DPU", "DMA", "SHAVE", "DDR"}
    assert named <= set(supported_ops()), sorted(named - set(supported_ops()))
