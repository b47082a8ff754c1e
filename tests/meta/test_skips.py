"""A test is skipped only for want of a tool or of a place that it is about, and says which one."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TOOLS = ("coqc", "graphviz", "import-linter", "mlir-opt", "node", "numba", "onnx", "onnxruntime", "rich", "simpy", "z3")
BESIDES = (
    "promela.missing()",  # names spin, gcc or both (tests/property/test_oracles.py)
    "LACKING",  # mlir-opt (test_lit.py)
    "/dev/full",  # a file of Linux that has room for nothing
    "an sdist holds the linked folders",  # where there are no links to test
)


def reasons(tree: ast.AST) -> Iterator[str]:
    """The text of every skip: what stands in the call, the module of an `importorskip` included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("skip", "skipif", "importorskip", "xfail", "SkipTest", "skipTest"):
                yield " ".join(ast.unparse(word) for word in (*node.args, *(k.value for k in node.keywords)))


def test_every_skip_names_the_tool_that_is_missing() -> None:
    found = [
        (path.relative_to(TESTS).as_posix(), reason)
        for path in sorted(TESTS.rglob("*.py"))
        if path != Path(__file__)
        for reason in reasons(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert len(found) > 25
    unnamed = [row for row in found if not any(tool in row[1] for tool in (*TOOLS, *BESIDES))]
    assert unnamed == []
