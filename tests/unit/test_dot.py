"""The DOT export."""

import re
import shutil
import subprocess

import pytest

from wlm_dialect.api import compile_program
from wlm_dialect.machine import preset
from wlm_dialect.program import Barriers, Program
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.dot import make_dot, quote

MACHINE = preset("tiny")


def graph() -> Program:
    draft = Draft("net", MACHINE)
    load = draft.add(MACHINE.engine_index["dma0"], 'load "x"', 30)
    draft.add(MACHINE.engine_index["dpu0"], "conv", 40, after=[load])
    draft.add(MACHINE.engine_index["dpu0"], "relu", 4)
    return draft.finish()


def test_a_graph_has_clusters_order_and_dashed_dependences() -> None:
    lines = make_dot(graph()).splitlines()
    assert 't0 [label="load \\"x\\"\\n30 ticks", shape=box, fillcolor="#dbeafe"];' in (line.strip() for line in lines)
    assert [line.split('"')[1] for line in lines if "label=" in line and "color=" in line and "shape" not in line] == [
        "dma0 (dma)",
        "dpu0 (dpu)",
    ]
    assert "  t0 -> t1 [style=dashed];" in lines
    assert '  t1 -> t2 [style=bold, color="#999999", weight=4];' in lines


def test_virtual_barriers_are_grey_and_physical_ones_purple() -> None:
    virtual = graph().with_(barriers=Barriers.virtual(1, tail=0))
    assert 'v0 [label="v0", shape=ellipse, fillcolor="#d4d4d4", peripheries=2];' in make_dot(virtual)
    managed = compile_program(graph(), "full").program
    assert re.search(r'v\d+ \[label="b\d+#0\\n1 -> 1", shape=ellipse, fillcolor="#c4b5fd"\];', make_dot(managed))
    assert 'fillcolor="#fde68a"' in make_dot(managed)  # management DMAs


def test_quotes_backslashes_and_newlines_are_escaped() -> None:
    assert quote('a"b\\c\nd') == r'"a\"b\\c\nd"'


def test_graphviz_reads_it() -> None:
    dot = shutil.which("dot")
    if dot is None:
        pytest.skip("graphviz is not installed")
    for program in (graph(), compile_program(graph(), "full").program):
        drawn = subprocess.run([dot, "-Tsvg"], input=make_dot(program), text=True, check=True, capture_output=True)
        assert drawn.stderr == ""
        assert drawn.stdout.count('class="node"') == len(program) + len(program.barriers)
