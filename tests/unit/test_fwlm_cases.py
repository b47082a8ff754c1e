"""The graphs of another compiler with its answers: all understood, none differs; forms of questions and of files."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark_scripts import load_script

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "fwlm_cases.json"


SCRIPT = load_script("fwlm_cases")
ASKED = {"can_reuse", "illegal_tasks", "barrier_pages", "task_pages", "boundary_tasks", "dummy_dmas", "barrier_dmas"}


def case(tasks: list[tuple[str | None, list[int], list[int]]], **more: Any) -> Any:
    rows = [{"id": t, "queue": q, "waits": w, "updates": u} for t, (q, w, u) in enumerate(tasks)]
    return SCRIPT.Case({"name": "made", "tasks": rows, "num_barriers": 4, "page_size": 2, **more})


CHAIN = [
    ("DMA0", [], [0]),
    ("DPU0", [0], [1]),
    ("DMA0", [1], [2]),
    ("DPU0", [2], [3]),
    ("DMA0", [3], [4]),
    ("DPU0", [4], [5]),
]


@pytest.fixture(scope="module")
def answers() -> list[Any]:
    return list(SCRIPT.report(SCRIPT.load(DATA)))


def test_no_answer_differs(answers: list[Any]) -> None:
    found = Counter(a.status for a in answers)
    assert found.keys() <= {"same", "fewer", "not asked"}, [a for a in answers if a.status not in ("same", "fewer")]
    assert len({a.case for a in answers}) == 32
    assert found["same"] >= 60


def test_every_fact_and_every_edit_is_that_of_upstream(answers: list[Any]) -> None:
    assert {a.status for a in answers if a.question in ASKED} == {"same"}
    edits = [a.status for a in answers if a.question == "after" and not a.case.startswith(("opt/", "lit/start"))]
    assert len(edits) == 15
    assert set(edits) == {"same"}


def test_chains_insert_nothing_and_order_no_more_than_pages(answers: list[Any]) -> None:
    rows = [a for a in answers if a.question.startswith("chains")]
    assert len(rows) == 24
    assert all(a.ours["dummies"] == 0 and a.ours["orders"] <= a.expected["orders"] for a in rows)
    assert sum(a.expected["dummies"] for a in rows) > 8


@pytest.mark.parametrize("name", ["ok", "exists", "expected"])
@pytest.mark.parametrize("ends", [("from", "to"), ("src", "dst"), ("first", "then")])
def test_questions_about_paths(name: str, ends: tuple[str, str]) -> None:
    asked = [{ends[0]: 0, ends[1]: 2, name: True}, {ends[0]: 4, ends[1]: 1, name: False}]
    (first, *_) = SCRIPT.answers(case(CHAIN, expected={"path": asked}))
    assert (first.question, first.status, first.ours) == ("path", "same", [True, False])
    (first, *_) = SCRIPT.answers(case(CHAIN, expected={"path": [[0, 2, False]]}))
    assert first.status == "DIFFERS"


def test_a_path_needs_no_topological_ids() -> None:
    back = [("DMA0", [1], []), ("DPU0", [0], [1]), ("DMA1", [], [0])]
    expected = {"path": [[2, 0, True], [0, 2, False]], "can_reuse": [{"vb": 1, "previous": 0, "ok": True}]}
    found = {a.question: a for a in SCRIPT.answers(case(back, expected=expected))}
    assert found["path"].status == found["can_reuse"].status == "same"


def test_tasks_without_a_queue_are_ordered_by_barriers_alone() -> None:
    apart = [(None, [], [0]), (None, [], [0]), (None, [0], [])]
    (first, *_) = SCRIPT.answers(case(apart, expected={"path": [[0, 1, False], [1, 2, True]]}))
    assert first.status == "same"


@pytest.mark.parametrize("form", [[[3, 4]], [{"from": 3, "to": 4}], {"0": [[3, 4]], "1": []}])
def test_missing_joins_in_every_form(form: Any) -> None:
    (data,) = [c for c in json.loads(DATA.read_text()) if c["name"] == "pages/multiple_boundary_tasks_same_fifo"]
    (first, *_) = SCRIPT.answers(SCRIPT.Case({**data, "expected": {"missing_boundary_deps": form}}))
    assert (first.status, first.ours) == ("same", [[3, 4]])


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ({"illegal_tasks": [1]}, "DIFFERS"),
        ({"after": {"updates": {"0": [0]}}}, "same"),
        ({"after": {"updates": {"0": [0, 1, 2, 3]}}}, "fewer"),
        ({"after": {"colour": {}}}, "not understood"),
        ({"dummy_dmas": []}, "same"),
        ({"dummy_dmas": [{"page": 1, "queue": "DMA0", "waits": [9]}]}, "fewer"),
        ({"barrier_dmas": [{"page": 9}]}, "other"),
        ({"path": [{"from": 1}]}, "not understood"),
        ({"path": [{"from": 1, "to": 2}]}, "not understood"),
        ({"path": 3}, "not understood"),
        ({"can_reuse": [{"vb": 1}]}, "not understood"),
        ({"weather": "fine"}, "not understood"),
        ({"note": "a remark"}, "not asked"),
    ],
)
def test_what_becomes_of_an_answer(expected: dict[str, Any], status: str) -> None:
    (first, *_) = SCRIPT.answers(case(CHAIN, expected=expected))
    assert first.status == status


def test_edits_that_add_more_differ() -> None:
    (data,) = [c for c in json.loads(DATA.read_text()) if c["name"] == "pages/long_dep_wait_side_two_wait_barriers"]
    (first, *_) = SCRIPT.answers(SCRIPT.Case({**data, "expected": {"after": {"waits": {"5": [1]}}}}))
    assert first.status == "DIFFERS"


@pytest.mark.parametrize(
    ("tasks", "more", "text"),
    [
        ([("DMA0", [1], [0]), ("DPU0", [0], [1])], {}, r"tasks \[0, 1\] wait for each other"),
        (CHAIN, {"queue_order": {"DMA0": [0, 2], "DPU0": [1, 3, 5]}}, "queue_order of DMA0 does not list the tasks"),
    ],
)
def test_a_case_that_cannot_be_read(tasks: Any, more: Any, text: str) -> None:
    made = case(tasks, expected={"illegal_tasks": []}, **more)
    found = SCRIPT.report([made])
    assert {a.status for a in found} == {"not understood"}
    assert any(re.search(text, str(a.ours)) for a in found)


def test_keys_nobody_knows_are_named() -> None:
    made = case(CHAIN, colour="blue")
    made.data["tasks"][1]["id"] = 7
    found = SCRIPT.report([case(CHAIN, colour="blue")])
    assert [a.question for a in found if a.status == "not understood"] == ["colour"]
    assert "ids of tasks" in str(SCRIPT.report([made])[0].ours)
    made = case(CHAIN)
    made.data["tasks"][1]["waits"] = "b0"
    assert "'waits' of task 1 is no list of barriers" in str(SCRIPT.report([made])[0].ours)
    made = case(CHAIN)
    made.data["tasks"][1]["flavour"] = 1
    assert next((a.question, a.status) for a in SCRIPT.report([made])) == ("flavour", "not understood")


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(data: Any, *flags: str) -> int:
        file = tmp_path / "cases.json"
        file.write_text(json.dumps(data), encoding="utf-8")
        code: int = SCRIPT.main([str(file), *flags])
        return code

    good = case(CHAIN, expected={"illegal_tasks": []}).data
    assert run([good]) == 0
    assert "made: illegal_tasks: same" in capsys.readouterr().out
    assert run([{**good, "expected": {"illegal_tasks": [3]}}]) == 1
    odd = {**good, "expected": {"weather": 1}}
    assert (run([odd]), run([odd], "--strict")) == (0, 1)
    assert run({"tasks": []}) == 1
    assert "no list of cases" in capsys.readouterr().err
    assert SCRIPT.main([str(tmp_path / "missing.json")]) == 1
    assert "missing.json" in capsys.readouterr().err
