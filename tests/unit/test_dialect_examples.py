"""The examples in the docstrings of operations are IR that verifies and round-trips in both forms."""

import inspect
import re
import textwrap
from io import StringIO

import pytest
from xdsl.ir import Operation
from xdsl.printer import Printer

from tests.ir_text import parse
from wlm_dialect.dialects.task import GraphOp
from wlm_dialect.machine import preset
from wlm_dialect.program import decode_module
from wlm_dialect.universe import WLM_UNIVERSE

OPS = [op for factory in WLM_UNIVERSE.all_dialects.values() for op in factory().operations]
GRAPH_LEVEL = ("task.graph", "task.launch")


def example_of(op: type[Operation]) -> str:
    found = re.findall(r"```mlir\n(.*?)```", inspect.getdoc(op) or "", re.S)
    assert len(found) == 1, f"{op.name} has {len(found)} examples"
    text = textwrap.dedent(found[0])
    whole = op.name in GRAPH_LEVEL or op.name.startswith("vta.")
    return text if whole else f"task.graph @example phase physical {{\n{text}}}"


@pytest.mark.parametrize("op", OPS, ids=[op.name for op in OPS])
def test_example(op: type[Operation]) -> None:
    module = parse(example_of(op))
    assert op in {type(each) for each in module.walk()}
    for generic in (False, True):
        out = StringIO()
        Printer(out, print_generic_format=generic).print_op(module)
        again = parse(out.getvalue())
        assert again.is_structurally_equivalent(module)


def test_there_are_operations_of_every_dialect() -> None:
    assert {op.name.partition(".")[0] for op in OPS} == {"task", "barrier", "mgmt_dma", "vta"}


@pytest.mark.parametrize("text", ["task.graph @g {}", "task.graph @g phase virtual {\n}"])
def test_an_empty_graph_has_an_empty_block(text: str) -> None:
    module = parse(text)
    (graph,) = module.ops
    assert isinstance(graph, GraphOp)
    assert len(graph.body.blocks) == 1
    assert not list(graph.body.block.ops)
    out = StringIO()
    Printer(out).print_op(module)
    assert parse(out.getvalue()).is_structurally_equivalent(module)
    (program,) = decode_module(module, preset("tiny"))
    assert len(program) == 0
