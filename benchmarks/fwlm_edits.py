"""What policy `pages` makes of a case (`fwlm_cases.py`), step by step: upstream tests its steps one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fwlm_graphs import Case

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.policies.pages.borders import place_barrier_dmas
from wlm_dialect.passes.policies.pages.dummies import insert_dummies
from wlm_dialect.passes.policies.pages.legalise import STEPS, make_legal, missing_joins
from wlm_dialect.passes.policies.pages.sheet import Sheet, boundary_tasks, illegal_tasks


def by_page(sheet: Sheet) -> dict[str, list[int]]:
    """Boundary tasks by page, as the format has them."""
    return {str(p): row for p in range(sheet.pages) if (row := sorted(boundary_tasks(sheet, p)))}


@dataclass
class Edits:
    """The steps of policy `pages` on one case, with the state behind each."""

    case: Case

    def __post_init__(self) -> None:
        self.sheet = self.case.sheet()
        self.states: list[dict[str, Any]] = [self._state()]
        self.dummies: list[int] = []
        self.barrier_dmas: list[dict[str, Any]] = []
        self.error = ""
        steps: list[Callable[[Sheet], Any]] = [*STEPS, make_legal, self._dummies, make_legal, self._borders]
        try:
            for step in steps:
                step(self.sheet)
                self.states.append(self._state())
        except ScheduleError as error:
            self.error = str(error)

    def _dummies(self, sheet: Sheet) -> None:
        self.dummies = insert_dummies(sheet)

    def _borders(self, sheet: Sheet) -> None:
        self.barrier_dmas = [
            {
                "page": d.page,
                "waits": list(d.waits),
                "updates": list(d.updates),
                "insert_after": d.insert_after,
                "pids": list(d.pids),
            }
            for d in place_barrier_dmas(sheet, self.case.depth)
        ]

    def _state(self) -> dict[str, Any]:
        """What is different now: rows of waits and updates by task, and the boundary tasks."""
        s = self.sheet
        out: dict[str, Any] = {"waits": {}, "updates": {}, "boundary_tasks": by_page(s)}
        for t in self.case.tasks:
            for key, table in (("waits", s.waits), ("updates", s.updates)):
                if table[t["id"]] != sorted(t[key]):
                    out[key][str(t["id"])] = table[t["id"]]
        return out

    @property
    def changed(self) -> bool:
        """Whether the graph had to change."""
        return self.error != "" or any(state["waits"] or state["updates"] for state in self.states)

    @property
    def legal(self) -> bool:
        """Whether every page and every border is legal at the end."""
        s = self.sheet
        joined = not any(missing_joins(s, p) for p in range(s.pages - 2))
        return self.error == "" and joined and not illegal_tasks(s)

    def dummy_rows(self) -> list[dict[str, Any]]:
        """The dummies as the format has them: `insert_after` is a task of the case."""
        s, order = self.sheet, self.case.order
        return [
            {
                "page": s.task_page[t],
                "queue": self.case.queues[s.queue[t]],
                "waits": s.waits[t],
                "updates": s.updates[t],
                "insert_after": order[min(int(s.place[t]), len(order) - 1)] if s.place[t] >= 0 else -1,
            }
            for t in self.dummies
        ]

    def after(self, wanted: dict[str, Any]) -> tuple[str, Any]:
        """Whether one of the states holds what is wanted; if not, whether ours adds more."""
        for state in self.states[1:]:
            if all(self._holds(state, key, value) for key, value in wanted.items()):
                return "same", wanted
        last = self.states[-1]
        ours, theirs = self._added(last), self._added(wanted)
        status = ("fewer" if ours < theirs else "other") if self.legal and ours <= theirs else "DIFFERS"
        return status, {"waits": last["waits"], "updates": last["updates"], "error": self.error}

    def _holds(self, state: dict[str, Any], key: str, wanted: dict[str, Any]) -> bool:
        if key == "boundary_tasks":
            return bool(state[key] == {p: sorted(row) for p, row in wanted.items()})
        rows = {str(t["id"]): sorted(t[key]) for t in self.case.tasks} | state[key]
        return all(rows.get(t) == sorted(row) for t, row in wanted.items())

    def _added(self, state: dict[str, Any]) -> int:
        """Uses of barriers that were not there."""
        out = 0
        for key in ("waits", "updates"):
            for t, row in state.get(key, {}).items():
                out += len(set(row) - set(self.case.tasks[int(t)][key]))
        return out
