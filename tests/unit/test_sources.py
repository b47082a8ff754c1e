"""`load`: which front end reads what, and IR files."""

import re
from pathlib import Path

import pytest

from wlm_dialect.errors import FrontendError, UsageError
from wlm_dialect.frontends import GraphBuilder, load, network_names
from wlm_dialect.machine import preset
from wlm_dialect.program import encode_module

TINY = preset("tiny")


def sample() -> GraphBuilder:
    g = GraphBuilder(TINY, "sample")
    x = g.buffer("x", 64, tile=0)
    g.task("dma0", "a", 5, writes=[x], bytes=64)
    g.task("dpu0", "b", 5, reads=[x], slots=2)
    return g


def test_ir_files_come_back_as_they_are(tmp_path: Path) -> None:
    p = sample().build()
    path = tmp_path / "g.mlir"
    path.write_text(str(encode_module(p)))
    q = load(str(path), TINY)
    assert (q.names, q.phase, q.after, q.reads) == (p.names, p.phase, p.after, p.reads)


def test_ir_files_may_be_in_a_later_phase(tmp_path: Path) -> None:
    path = tmp_path / "v.mlir"
    path.write_text(
        "task.graph @g phase virtual {\n%v = barrier.declare\n"
        'task.run @dma0 "a" updates(%v) cycles 5\ntask.run @dpu0 "b" waits(%v) cycles 5\n}\n'
    )
    p = load(str(path), TINY)
    assert (p.phase, p.waits.lists()) == ("virtual", [[], [0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff", "not UTF-8 text"),
        (b"task.graph @g {", "not IR of this project: "),
        (b'task.graph @g {\ntask.run @dma0 "a" cycles 0\n}', "task.run: cycles is 0 but must be at least 1"),
        (b"module {\n}", "expected one task.graph, found none; split the module first"),
        (
            b"task.graph @a {\n%a = barrier.declare\n}\ntask.graph @b {\n%b = barrier.declare\n}",
            "expected one task.graph, found @a, @b; split the module first",
        ),
    ],
)
def test_ir_that_is_refused(text: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.mlir"
    path.write_bytes(text)
    with pytest.raises(FrontendError, match=f"^{re.escape(str(path))}: {re.escape(message)}"):
        load(str(path), TINY)


def test_a_missing_ir_file() -> None:
    with pytest.raises(FrontendError, match=r"^no\.mlir: No such file or directory$"):
        load("no.mlir", TINY)


def test_what_is_no_source() -> None:
    text = "'resnet5' is neither a network nor a .onnx, .json or .mlir file; did you mean 'resnet50'?"
    with pytest.raises(UsageError, match=f"^{re.escape(text)}$"):
        load("resnet5", TINY)
    with pytest.raises(UsageError, match=r"^unknown_ops is 'shaev'; did you mean 'shave'\?$"):
        load("resnet50", TINY, unknown_ops="shaev")
    with pytest.raises(UsageError, match=r"^'g\.json': --shape is for networks; task graphs and IR have no shapes$"):
        load("g.json", TINY, shapes={"x": (1,)})


def test_nine_networks_are_known_by_name() -> None:
    assert network_names() == (
        "resnet50",
        "vgg19",
        "densenet121",
        "squeezenet",
        "shufflenet",
        "inception_v1",
        "inception_v2",
        "alexnet",
        "zfnet512",
    )
