"""The tables that firmware works from, in the JSON form of a managed program."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wlm_dialect import api
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import Draft
from wlm_dialect.tools.program_json import program_json


def compiled(mode: str, preload: int = 0, top_up: int = 1) -> Program:
    """Twenty layers on few barriers."""
    machine = api.machine("tiny").with_(**{"firmware.preload": preload}).with_(**{"firmware.top_up": top_up})
    draft = Draft("net", machine)
    last: list[int] = []
    for n in range(20):
        load = draft.add(0, f"load{n}", 90, bytes=80)
        conv = draft.add(3, f"conv{n}", 200, after=[load, *last])
        last = [draft.add(4, f"act{n}", 50, after=[conv])]
    return api.compile_program(draft.finish(), mode).program


def tables(program: Program) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(program_json(program)))
    return made


@pytest.mark.parametrize("mode", ["firmware", "partial", "full"])
def test_next_leads_through_the_instances_of_a_barrier(mode: str) -> None:
    program = compiled(mode)
    barriers = tables(program)["barriers"]
    assert sum("next" in b for b in barriers) == len(barriers) - len({b["id"] for b in barriers})
    for v, b in enumerate(barriers):
        if "next" in b:
            assert (barriers[b["next"]]["id"], b["next"]) == (b["id"], int(program.barriers.next[v]))


@pytest.mark.parametrize("mode", ["firmware", "partial"])
@pytest.mark.parametrize(("preload", "top_up"), [(0, 1), (1, 1), (1, 2)])
def test_each_instance_is_loaded_or_programmed_by_a_handler_that_runs(mode: str, preload: int, top_up: int) -> None:
    made = tables(compiled(mode, preload, top_up))
    programmed = [w for b in made["barriers"] for w in b.get("programs", [])]
    assert sorted(made["bootstrap"] + programmed) == list(range(len(made["barriers"])))
    for b in made["barriers"]:
        assert len(b.get("programs", [])) <= top_up
        assert "programs" not in b or b["irq"] == "over"


@pytest.mark.parametrize("mode", ["firmware", "partial", "full"])
def test_groups_say_where_they_are_pushed_and_when_their_slots_are_free(mode: str) -> None:
    program = compiled(mode)
    made = tables(program)
    result = api.run(program)
    fetches = np.nonzero(program.kind == Kind.FETCH)[0].tolist()
    assert [t for t, task in enumerate(made["tasks"]) if "dispatch" in task] == fetches
    for f in fetches:
        dispatch, recycle = made["tasks"][f]["dispatch"], made["tasks"][f]["recycle"]
        assert list(dispatch) == (["enqueues"] if mode == "full" else ["work_items"])
        tasks = program.lists[int(program.target[f])][int(program.low[f]) : int(program.high[f])]
        assert result.end[recycle["tasks"]].max() == result.end[tasks].max()
        for v in recycle["barriers"]:
            assert result.lifted[v] >= result.end[recycle["tasks"]].max()
        if mode != "full":
            covered = {t for n in dispatch["work_items"] for t in range(*made["work_items"][n]["range"])}
            assert covered >= set(range(int(program.low[f]), int(program.high[f])))
        for g in fetches:  # whoever overwrites a slot comes later
            later = g > f and program.target[g] == program.target[f]
            if later and program.slot[g] <= program.slot[f] < program.slot[g] + program.high[g] - program.low[g]:
                assert result.start[g] >= result.end[recycle["tasks"]].max()


def test_a_graph_has_no_such_tables() -> None:
    made = tables(api.load(str(Path(__file__).resolve().parents[2] / "examples" / "five.mlir"), "tiny"))
    assert not any("dispatch" in t or "recycle" in t for t in made["tasks"])
