"""The Python builder: dependences from memory, and every refusal."""

import re
from collections.abc import Callable

import pytest

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends import GraphBuilder
from wlm_dialect.machine import preset

TINY = preset("tiny").with_(**{"memory.cmx_bytes": 1 << 16, "memory.ddr_bytes": 1 << 24})


def builder() -> GraphBuilder:
    return GraphBuilder(TINY, "g")


def test_reads_and_writes_become_dependences() -> None:
    g = builder()
    ddr = g.buffer("x", 64, role="input")
    cmx = g.buffer("x.cmx", 64, tile=0)
    load = g.task("dma0", "load", 20, reads=[ddr], writes=[cmx], bytes=64)
    g.task("dpu0", "use", 30, reads=[cmx], slots=4)
    g.task("dma1", "again", 20, writes=[cmx])  # write after read; the write before is implied
    g.task("shave0", "other", 5, after=[load])
    p = g.build()
    assert p.after.lists() == [[], [0], [1], [0]]
    assert p.phase == "graph"
    assert (p.slots.tolist(), p.bytes.tolist()) == ([1, 4, 1, 1], [64, 0, 0, 0])
    assert p.buffers.role == ("input", "scratch")


def test_only_views_that_overlap_conflict() -> None:
    g = builder()
    x = g.buffer("x", 64, tile=0)
    low, high = x.view(0, 32), x.view(32, 32)
    g.task("dpu0", "a", 1, writes=[low])
    g.task("dpu0", "b", 1, writes=[high])
    g.task("dpu0", "c", 1, reads=[high.view(0, 8)])
    assert g.build().after.lists() == [[], [], [1]]


def test_buffers_at_overlapping_addresses_conflict() -> None:
    g = builder()
    a, b = g.buffer("a", 64, tile=0, address=0), g.buffer("b", 64, tile=0, address=32)
    c = g.buffer("c", 64, address=0)  # DDR: another memory
    for name, buffer in (("a", a), ("b", b), ("c", c)):
        g.task("dma0", name, 1, writes=[buffer])
    assert g.build().after.lists() == [[], [0], []]


def test_a_builder_can_go_on_after_a_build() -> None:
    g = builder()
    a = g.task("dma0", "a", 1)
    assert len(g.build()) == 1
    g.task("dma0", "b", 1, after=[a])
    assert g.build().after.lists() == [[], [0]]


OTHER = builder()
CASES: list[tuple[Callable[[GraphBuilder], object], str]] = [
    (lambda g: g.task("dpu1", "t", 1), "task 't': machine 'tiny' has no engine 'dpu1'; did you mean 'dpu0'?"),
    (lambda g: g.task("dma_fw", "t", 1), "task 't': engine 'dma_fw' is reserved for firmware; use another DMA engine"),
    (lambda g: g.task("dma0", "", 1), "task '': a name is missing"),
    (lambda g: [g.task("dma0", "t", 1), g.task("dma0", "t", 1)], "task 't': there is a task of that name already"),
    (lambda g: g.task("dma0", "t", 0), "task 't': cycles is 0 but must be at least 1"),
    (lambda g: g.task("dma0", "t", 1 << 49), f"task 't': cycles is {1 << 49} but must be at most {1 << 48}"),
    (lambda g: g.task("dma0", "t", 1.5), "task 't': cycles: expected an integer, got 1.5"),  # type: ignore[arg-type]
    (lambda g: g.task("dma0", "t", 1, bytes=-1), "task 't': bytes is -1 but must be at least 0"),
    (lambda g: g.task("dma0", "t", 1, slots=0), "task 't': slots is 0 but must be at least 1"),
    (lambda g: g.task("dpu0", "t", 1, slots=9), "task 't': 9 slots, but a barrier of 'tiny' counts up to 8"),
    (lambda g: g.task("dma0", "t", 1, after=[OTHER.task("dma0", "o", 1)]), "task 't': after: TaskRef(builder="),
    (lambda g: g.task("dma0", "t", 1, reads=["x"]), "task 't': reads: 'x' is nothing that this builder made"),  # type: ignore[list-item]
    (lambda g: g.buffer("b", 0), "buffer 'b': size is 0 but must be at least 1"),
    (lambda g: g.buffer("b", 1, tile=-1), "buffer 'b': tile is -1 but must be at least 0"),
    (lambda g: g.buffer("b", 1, tile=1), "buffer 'b': tile 1, but machine 'tiny' has 1 tiles"),
    (lambda g: g.buffer("b", 1, role="inptu"), "buffer 'b': role 'inptu'; did you mean 'input'?"),
    (lambda g: g.buffer("b", 1, address=-1), "buffer 'b': address is -1 but must be at least 0"),
    (
        lambda g: g.buffer("b", 65536, tile=0, address=64),
        "buffer 'b': ends at byte 65600, but the CMX of tile 0 has 65536 bytes",
    ),
    (lambda g: g.buffer("b", 1 << 25), f"buffer 'b': ends at byte {1 << 25}, but DDR has {1 << 24} bytes"),
    (lambda g: g.buffer("b", 64).view(-1, 8), "view of 'b': offset is -1 but must be at least 0"),
    (lambda g: g.buffer("b", 64).view(0, 0), "view of 'b': size is 0 but must be at least 1"),
    (lambda g: g.buffer("b", 64).view(60, 8), "view [60, 68) of 'b', which has 64 bytes"),
    (lambda g: g.build(), "graph 'g' holds no task"),
    (
        lambda g: GraphBuilder(TINY, "1 net"),
        "graph name '1 net': a name is letters, digits and '_', and starts with no digit",
    ),
]


@pytest.mark.parametrize(("act", "text"), CASES)
def test_refusals(act: Callable[[GraphBuilder], object], text: str) -> None:
    with pytest.raises(FrontendError, match="^" + re.escape(text)):
        act(builder())
