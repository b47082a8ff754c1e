"""JSON task graphs: in, out, and every way to get one wrong."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wlm_dialect.errors import FrontendError, ProgramError
from wlm_dialect.frontends import GraphBuilder, dump_json, load, parse_json
from wlm_dialect.frontends.json_graph import unique_names
from wlm_dialect.machine import preset
from wlm_dialect.program import Program

TINY = preset("tiny")


def parse(graph: Any) -> Program:
    return parse_json(json.dumps(graph), TINY, "g.json")


def task(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "engine": "dma0", "cycles": 1, **more}


def graph(*tasks: Any, **more: Any) -> dict[str, Any]:
    return {"format": 1, "tasks": list(tasks), **more}


def test_tasks_in_any_order_come_out_in_a_stable_order_of_execution() -> None:
    p = parse(graph(task("c", after=["b"]), task("d"), task("b", after=["a"]), task("a")))
    assert p.names == ("d", "a", "b", "c")
    assert p.after.lists() == [[], [], [1], [2]]


def test_memory_makes_dependences() -> None:
    buffers = [{"id": "x", "size": 64, "tile": 0}, {"id": "half", "of": "x", "offset": 0, "size": 32}]
    p = parse(graph(task("a", writes=["x"]), task("b", reads=["half"]), buffers=buffers))
    assert p.after.lists() == [[], [0]]
    assert p.buffers.root.tolist() == [0, 0]


def sample() -> Program:
    g = GraphBuilder(TINY, "sample")
    x = g.buffer("x", 64, role="input", address=128)
    y = g.buffer("y", 64, tile=0, address=0)
    z = g.buffer("x", 32, tile=0)  # a name may come twice
    a = g.task("dma0", 'load "x"', 20, reads=[x.view(0, 32)], writes=[y.view(0, 32)], bytes=32)
    g.task("dpu0", "conv", 30, reads=[y], writes=[z], slots=4)
    g.task("dma1", "store", 20, after=[a], reads=[z], writes=[x.view(32, 32)], bytes=32)
    return g.build()


def test_round_trip() -> None:
    before = sample()
    text = dump_json(before)
    after = parse_json(text, TINY)
    assert dump_json(after) == text
    assert (after.names, after.name) == (before.names, before.name)
    for key in ("after", "reads", "writes"):
        assert getattr(after, key) == getattr(before, key)
    for key in ("engine", "cycles", "slots", "bytes"):
        assert np.array_equal(getattr(after, key), getattr(before, key))
    for key in ("memory", "root", "offset", "size", "address"):
        assert np.array_equal(getattr(after.buffers, key), getattr(before.buffers, key))
    assert after.buffers.role == before.buffers.role


def test_repeated_names_get_numbers() -> None:
    assert unique_names(["a", "a", "a#2", "b", "a"]) == ["a", "a#3", "a#2", "b", "a#4"]


def test_only_task_graphs_are_written() -> None:
    with pytest.raises(ProgramError, match=r"^@sample: phase virtual, but JSON task graphs hold phase graph only$"):
        dump_json(sample().with_(phase="virtual"))


CASES = [
    ([], "$: expected an object, got []"),
    ({"tasks": []}, "$: key 'format' is missing"),
    ({"format": 1}, "$: key 'tasks' is missing"),
    ({"format": 2, "tasks": []}, "$.format: 2, but this version reads format 1"),
    (graph(), "$.tasks: graph 'graph' holds no task"),
    (graph(name="a b"), "$.name: graph name 'a b': a name is letters"),
    (graph(task=1), "$: unknown key 'task'; did you mean 'tasks'?"),
    (graph(1), "$.tasks[0]: expected an object, got 1"),
    (graph({"id": "a", "cycles": 1}), "$.tasks[0]: key 'engine' is missing"),
    (graph(task("a", cycle=1)), "$.tasks[0]: unknown key 'cycle'; did you mean 'cycles'?"),
    (graph(task("a"), task("b", slots=True)), "$.tasks[1].slots: expected an integer, got true"),
    (graph(task("a", after="b" * 50)), '$.tasks[0].after: expected a list, got "' + "b" * 36 + "..."),
    (graph(task("a", after=[3])), "$.tasks[0].after[0]: expected a string, got 3"),
    (graph(task("load"), task("b", after=["laod"])), "$.tasks[1].after[0]: no task 'laod'; did you mean 'load'?"),
    (graph(task("a", reads=["x"])), "$.tasks[0].reads[0]: no buffer 'x'; known: "),
    (graph(task("a"), task("a")), "$.tasks[1].id: there is a task 'a' already"),
    (graph({**task("a"), "engine": "dmo0"}), "$.tasks[0]: task 'a': machine 'tiny' has no engine 'dmo0'; did you mean"),
    (graph({**task("a"), "cycles": 0}), "$.tasks[0]: task 'a': cycles is 0 but must be at least 1"),
    (
        graph(task("a", after=["c"]), task("x", after=["a"]), task("b", after=["a"]), task("c", after=["b"])),
        "$.tasks: the tasks wait for each other in a cycle: 'a' -> 'b' -> 'c' -> 'a'",
    ),
    (graph(task("a", after=["a"])), "$.tasks: the tasks wait for each other in a cycle: 'a' -> 'a'"),
    (graph(buffers=[3]), "$.buffers[0]: expected an object, got 3"),
    (graph(buffers=[{"id": "x"}]), "$.buffers[0]: key 'size' is missing"),
    (graph(buffers=[{"id": "x", "size": 1}] * 2), "$.buffers[1].id: there is a buffer 'x' already"),
    (graph(buffers=[{"id": "x", "size": 0}]), "$.buffers[0]: buffer 'x': size is 0 but must be at least 1"),
    (graph(buffers=[{"id": "v", "of": "x", "offset": 0, "size": 1}]), "$.buffers[0].of: no buffer 'x' before it"),
]


@pytest.mark.parametrize(("data", "text"), CASES)
def test_refusals(data: Any, text: str) -> None:
    with pytest.raises(FrontendError, match="^" + re.escape(f"g.json: {text}")):
        parse(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "g.json: line 1, column 2: not JSON: Expecting property name enclosed in double quotes"),
        ('{"format": 1, "format": 1}', "g.json: key 'format' stands twice in one object"),
        ("[" * 100_000, "g.json: not a task graph: nested too deeply"),
    ],
)
def test_text_that_is_no_graph(text: str, message: str) -> None:
    with pytest.raises(FrontendError, match="^" + re.escape(message) + "$"):
        parse_json(text, TINY, "g.json")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing, binary = tmp_path / "no.json", tmp_path / "b.json"
    with pytest.raises(FrontendError, match=f"^{re.escape(str(missing))}: No such file or directory$"):
        load(str(missing), TINY)
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(FrontendError, match=f"^{re.escape(str(binary))}: not UTF-8 text$"):
        load(str(binary), TINY)
