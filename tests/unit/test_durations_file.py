"""Measured durations replace estimated ones."""

import re
from pathlib import Path

import pytest

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends import GraphBuilder, dump_json, load
from wlm_dialect.machine import preset
from wlm_dialect.program import Program

TINY = preset("tiny")


def run(folder: Path, text: str | bytes) -> Program:
    g = GraphBuilder(TINY, "g")
    for name in ("conv1/load_w/s0", "conv1/t0/s0", "conv2/t0/s0", "[odd], name"):
        g.task("dma0", name, 7)
    graph, csv = folder / "g.json", folder / "d.csv"
    graph.write_text(dump_json(g.build()))
    csv.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(str(graph), TINY, durations=str(csv))


def test_names_globs_and_the_last_line_wins(tmp_path: Path) -> None:
    text = 'name, cycles\n# measured\n\nconv1/*,100\nconv1/t0/s0 , 5\n"[odd], name",9\n'
    assert run(tmp_path, text).cycles.tolist() == [100, 5, 7, 9]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv3/t0/s0,1\n", "line 1: no task 'conv3/t0/s0'; did you mean 'conv"),
        ("conv1/t0/s0,1\nconv9/*,1\n", "line 2: no task 'conv9/*'"),
        ("conv1/t0/s0\n", "line 1: expected name,cycles, got 1 columns"),
        ("conv1/t0/s0,0\n", f"line 1: cycles is '0' but must be an integer from 1 to {1 << 48}"),
        ("conv1/t0/s0,1.5\n", f"line 1: cycles is '1.5' but must be an integer from 1 to {1 << 48}"),
        (b"\xff\n", "not UTF-8 text"),
    ],
)
def test_refusals(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(FrontendError, match=f"^durations {re.escape(str(tmp_path / 'd.csv'))}: {re.escape(message)}"):
        run(tmp_path, text)


def test_a_missing_file(tmp_path: Path) -> None:
    graph = tmp_path / "g.json"
    g = GraphBuilder(TINY, "g")
    g.task("dma0", "a", 1)
    graph.write_text(dump_json(g.build()))
    with pytest.raises(FrontendError, match=r"^durations no\.csv: No such file or directory$"):
        load(str(graph), TINY, durations="no.csv")
