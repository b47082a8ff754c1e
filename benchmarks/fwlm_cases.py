"""Task graphs with the answers of another compiler: `python benchmarks/fwlm_cases.py FILE`.

FILE is a list of cases as in `tests/data/fwlm_cases.json`: tasks with queue, waits and updates, and under `expected`
what npu_compiler answers. Prints a line per case and question:

- same: our answer is that of upstream, for an edit after one of the steps (upstream tests them one by one);
- fewer, other: our policy `pages` edits less, or as much elsewhere, and its pages are legal;
- DIFFERS: a wrong answer, or more edits;
- not asked: a question about something else, and what;  not understood: a key or form this script does not know.

Exit 1 if anything differs; with --strict also if anything is not understood.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import BarrierModel, EngineModel, MachineModel
from wlm_dialect.passes.analysis.added_orders import added_orders
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.analysis.reuse import Reuse, reuse
from wlm_dialect.passes.assign_barriers import AssignBarriersPass, configured
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_tail import InsertTailPass
from wlm_dialect.passes.merge_barriers import MergeBarriersPass
from wlm_dialect.passes.policies.pages import place_pages
from wlm_dialect.passes.policies.pages.borders import place_barrier_dmas
from wlm_dialect.passes.policies.pages.dummies import insert_dummies
from wlm_dialect.passes.policies.pages.legalise import STEPS, last_without_update, make_legal, missing_joins
from wlm_dialect.passes.policies.pages.sheet import Sheet, boundary_tasks, illegal_tasks, split_barriers
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.program import Barriers, Kind, Program
from wlm_dialect.program.model import Draft

DEPTH = 4  # descriptors per barrier FIFO, where a case does not say
KINDS = {"DMA": "dma", "DPU": "dpu", "SHV": "shave"}
ENQUEUES = "where enqueues go on pages is for the full pipeline"
NOT_ASKED = {
    "enqueue_dmas": ENQUEUES,
    "enqueue_dma_count": ENQUEUES,
    "enqueue_waits": ENQUEUES,
    "enqueue_dma_pages": ENQUEUES,
    "fifo1": "the search for enqueue barriers of 2025; ours is wlm-link-work-items",
    "inserted": "start barriers: our bootstrap programs barriers before the first task",
    "note": "a remark",
}
INPUTS = {
    "name", "source", "num_barriers", "num_virtual_barriers", "page_size", "fifo_depth", "tasks", "queue_order",
    "expected", "pid", "pid_matches_page_formula", "start_barrier", "final_barrier", "limits", "shv_submits_dpu",
    "shv_submits_dma", "variants_per_task", "note",
}  # fmt: skip
TASK_KEYS = {"id", "queue", "waits", "updates", "sync"}


class FormatError(Exception):
    """A case or an answer that is not in the format, with the place."""


@dataclass(frozen=True)
class Answer:
    """A line of the report."""

    case: str
    question: str
    status: str
    expected: Any = None
    ours: Any = None


@dataclass(frozen=True)
class Case:
    """One case: its graph as a sheet of pages and as a program of ours."""

    data: dict[str, Any]

    @cached_property
    def name(self) -> str:
        return str(self.data.get("name", "case without a name"))

    @cached_property
    def expected(self) -> dict[str, Any]:
        return dict(self.data.get("expected", {}))

    @cached_property
    def tasks(self) -> list[dict[str, Any]]:
        tasks = list(self.data["tasks"])
        if [t["id"] for t in tasks] != list(range(len(tasks))):
            raise FormatError("the ids of tasks are not 0, 1, 2, ...")
        return tasks

    @cached_property
    def barriers(self) -> int:
        used = [v for t in self.tasks for v in (*t["waits"], *t["updates"])]
        return max([int(self.data.get("num_virtual_barriers") or 0), *(v + 1 for v in used)])

    @cached_property
    def size(self) -> int:
        """Barriers per page."""
        given = self.data.get("page_size")
        return int(given or (self.data.get("num_barriers") or 2 * max(2, self.barriers)) // 2)

    @cached_property
    def depth(self) -> int:
        """Descriptors per barrier FIFO."""
        return int(self.data.get("fifo_depth") or DEPTH)

    @cached_property
    def queues(self) -> list[str]:
        """Names of queues; a task without one is a queue of its own."""
        return sorted({_queue(t) for t in self.tasks} | set(self.data.get("queue_order") or {}))

    @cached_property
    def lists(self) -> list[list[int]]:
        """Tasks of each queue, in order."""
        given = self.data.get("queue_order") or {}
        out = []
        for q in self.queues:
            tasks = [t["id"] for t in self.tasks if _queue(t) == q]
            out.append([int(t) for t in given.get(q, tasks)])
            if sorted(out[-1]) != tasks:
                raise FormatError(f"queue_order of {q} does not list the tasks of that queue")
        return out

    @cached_property
    def sync(self) -> frozenset[int]:
        """Tasks at which the control graph is split."""
        return frozenset(t["id"] for t in self.tasks if t.get("sync"))

    @cached_property
    def order(self) -> list[int]:
        """The tasks in an order of execution, by id where that is one."""
        producers: dict[int, set[int]] = {}
        for t in self.tasks:
            for v in t["updates"]:
                producers.setdefault(v, set()).add(t["id"])
        before = {t["id"]: set().union(*(producers.get(v, set()) for v in t["waits"])) for t in self.tasks}
        for listed in self.lists:
            for a, b in pairwise(listed):
                before[b].add(a)
        out: list[int] = []
        while before:
            t = min((t for t, row in before.items() if row.isdisjoint(before)), default=-1)
            if t < 0:
                raise FormatError(f"tasks {sorted(before)} wait for each other")
            out.append(t)
            del before[t]
        return out

    @cached_property
    def place(self) -> dict[int, int]:
        """Task -> its position in `order`, which is its index in `program`."""
        return {t: i for i, t in enumerate(self.order)}

    @cached_property
    def program(self) -> Program:
        """In phase virtual, tasks in order of execution."""
        engines = [_engine(n, q) for n, q in enumerate(self.queues)]
        if not any(e.kind == "dma" for e in engines):
            engines.append(_engine(len(engines), "DMA"))
        barriers = BarrierModel(count=int(self.data.get("num_barriers") or 64), fifo_depth=self.depth - 1)
        draft = Draft("case", MachineModel("cases", 1000, 1, tuple(engines), barriers), phase="virtual")
        for t in (self.tasks[t] for t in self.order):
            engine = self.queues.index(_queue(t))
            draft.add(engine, f"t{t['id']}", 1, waits=sorted(t["waits"]), updates=sorted(t["updates"]))
        return draft.finish(barriers=Barriers.virtual(self.barriers))

    @cached_property
    def known(self) -> Order:
        return task_order(self.program)

    @cached_property
    def reuse(self) -> Reuse:
        return reuse(self.program, self.known)

    def sheet(self) -> Sheet:
        """The graph on its pages, as it comes."""
        synced = [any(t["id"] in self.sync and v in t["updates"] for t in self.tasks) for v in range(self.barriers)]
        pages = self.expected.get("input_barrier_pages") or split_barriers(self.barriers, self.size, synced)
        final = self.data.get("final_barrier")
        lonely = frozenset(range(self.barriers)) - {v for t in self.tasks for v in t["waits"]}
        return Sheet(
            self.size,
            [self.queues.index(_queue(t)) for t in self.tasks],
            [list(row) for row in self.lists],
            [sorted(t["waits"]) for t in self.tasks],
            [sorted(t["updates"]) for t in self.tasks],
            list(pages),
            [_kind(q) == "dma" for q in self.queues],
            [not q.startswith("none ") for q in self.queues],
            self.sync,
            tail=max(lonely, default=-1) if final is None else int(final),
            quiet=lonely,
            place=[float(self.place[t["id"]]) for t in self.tasks],
        )


def _queue(task: dict[str, Any]) -> str:
    return f"none {task['id']}" if task.get("queue") is None else str(task["queue"])


def _kind(queue: str) -> str:
    return next((kind for prefix, kind in KINDS.items() if queue.startswith(prefix)), "dma")


def _engine(number: int, queue: str) -> EngineModel:
    kind = _kind(queue)
    if kind == "dma":
        return EngineModel(f"q{number}", kind, max_waits=0, bandwidth_mbps=1)
    return EngineModel(f"q{number}", kind, max_waits=0, descriptor_slots=64)


def can_reuse(case: Case, asked: Any) -> list[bool]:
    """Whether barrier `vb` may follow `previous` on one physical barrier."""
    rows = [(_int(r, "vb"), _int(r, "previous")) for r in _rows(asked)]
    return [case.reuse.before(previous, vb) for vb, previous in rows]


def path(case: Case, asked: Any) -> list[bool]:
    """Whether one task is known to end before another starts, queues included."""
    pairs = [_pair(r) for r in _rows(asked)]
    return [case.known.before_start(case.place[a], case.place[b]) for a, b in pairs]


def missing_boundary_deps(case: Case) -> list[list[int]]:
    """Pairs (last boundary task of a page, first one of the next) that no path orders."""
    sheet = case.sheet()
    return sorted([a, b] for p in range(sheet.pages - 2) for a, b in missing_joins(sheet, p))


def split_valid(case: Case) -> list[int]:
    """Tasks that a split of the control graph does not hold: not behind the sync task before them, or not before the
    next one. Only the first and the last of a queue between two count."""
    syncs = [t for t in case.order if t in case.sync]
    out: set[int] = set()
    for s in syncs:
        here = case.place[s]
        later = min((case.place[n] for n in syncs if case.place[n] > here), default=len(case.order))
        earlier = max((case.place[n] for n in syncs if case.place[n] < here), default=-1)
        for listed in case.lists:
            behind = [t for t in listed if here < case.place[t] < later]
            before = [t for t in listed if earlier < case.place[t] < here]
            out |= {t for t in behind[:1] if not case.known.before_start(here, case.place[t])}
            out |= {t for t in before[-1:] if not case.known.before_start(case.place[t], here)}
    return sorted(out)


def _rows(asked: Any) -> list[Any]:
    if isinstance(asked, list):
        return asked
    raise FormatError("no list")


def _int(row: Any, key: str) -> int:
    if isinstance(row, dict) and isinstance(row.get(key), int):
        return int(row[key])
    raise FormatError(f"no '{key}' in {row}")


_FROM = ("from", "src", "source", "first", "before", "a", "start", "producer")
_TO = ("to", "dst", "target", "then", "after", "b", "end", "consumer")
_OK = ("ok", "exists", "path", "reachable", "expected", "result", "value")


def _pair(row: Any) -> tuple[int, int]:
    """Two tasks: {"from": 1, "to": 2, ...} (or a word like these), or [1, 2, ...]."""
    if isinstance(row, list) and len(row) >= 2 and all(isinstance(t, int) for t in row[:2]):
        return int(row[0]), int(row[1])
    if isinstance(row, dict):
        ends = [next((row[k] for k in names if isinstance(row.get(k), int)), None) for names in (_FROM, _TO)]
        if ends[0] is not None and ends[1] is not None:
            return int(ends[0]), int(ends[1])
    raise FormatError(f"no pair of tasks in {row}")


def _verdicts(asked: Any) -> list[bool]:
    out: list[bool] = []
    for row in _rows(asked):
        value = row[2] if isinstance(row, list) and len(row) == 3 else None
        if isinstance(row, dict):
            value = next((row[k] for k in _OK if isinstance(row.get(k), bool)), None)
        if not isinstance(value, bool):
            raise FormatError(f"no verdict in {row}")
        out.append(value)
    return out


def _pairs_of(asked: Any) -> list[list[int]]:
    """Pairs of tasks as a list, or as lists by page."""
    rows = [r for page in asked.values() for r in _rows(page)] if isinstance(asked, dict) else _rows(asked)
    return sorted(list(_pair(r)) for r in rows)


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
                "insert_after": order[int(s.place[t])] if s.place[t] >= 0 else -1,
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


def _subset(ours: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Equal in the keys that are wanted."""
    return len(ours) == len(wanted) and all(
        all(mine.get(key) == value for key, value in row.items()) for mine, row in zip(ours, wanted, strict=True)
    )


def answers(case: Case) -> Iterable[Answer]:
    """A line per question that the case asks, and per key that is not understood."""
    unknown = sorted(case.data.keys() - INPUTS) + sorted({k for t in case.tasks for k in t} - TASK_KEYS)
    for key in unknown:
        yield Answer(case.name, key, "not understood", case.data.get(key))
    if case.data.get("page_size") and case.data.get("pid"):
        yield _compared(case, "pid_matches_page_formula", case.data.get("pid_matches_page_formula"))
    for key, value in case.expected.items():
        try:
            yield _compared(case, key, value)
        except FormatError as error:
            yield Answer(case.name, key, "not understood", value, str(error))
    if case.data.get("page_size"):
        yield _chains(case)


def _compared(case: Case, key: str, value: Any) -> Answer:
    if key in NOT_ASKED:
        return Answer(case.name, key, "not asked", None, NOT_ASKED[key])
    handler = HANDLERS.get(key)
    if handler is None:
        return Answer(case.name, key, "not understood", value)
    status, expected, ours = handler(case, value)
    return Answer(case.name, key, status, expected, ours)


Outcome = tuple[str, Any, Any]


def _plain(ours: Any, expected: Any) -> Outcome:
    return "same" if ours == expected else "DIFFERS", expected, ours


def _after(case: Case, value: dict[str, Any]) -> Outcome:
    if any(not isinstance(v, int) for key in ("waits", "updates") for row in value.get(key, {}).values() for v in row):
        return "not asked", None, NOT_ASKED["inserted"]
    if set(value) - {"waits", "updates", "boundary_tasks"}:
        raise FormatError(f"unknown keys in {value}")
    if case.data.get("page_size"):
        status, ours = Edits(case).after(value)
        return status, value, ours
    return _uses(case, value)


def _uses(case: Case, value: dict[str, Any]) -> Outcome:
    """Where redundant uses go: ours makes barriers anew from the order that is needed."""
    theirs = sum(len(value.get(key, {}).get(str(t["id"]), t[key])) for t in case.tasks for key in ("waits", "updates"))
    made = MergeBarriersPass().run(InsertBarriersPass().run(ReduceDependencesPass().run(_graph(case))))
    ours = len(made.waits.index) + len(made.updates.index)
    status = "DIFFERS" if ours > theirs else "same" if ours == theirs else "fewer"
    return status, f"{theirs} uses", f"{ours} uses"


def _dummies(case: Case, value: list[dict[str, Any]]) -> Outcome:
    edits = Edits(case)
    ours = edits.dummy_rows()
    if _subset(ours, value):
        return "same", value, ours
    status = ("fewer" if len(ours) < len(value) else "other") if edits.legal and len(ours) <= len(value) else "DIFFERS"
    return status, value, ours


def _barrier_dmas(case: Case, value: list[dict[str, Any]]) -> Outcome:
    edits = Edits(case)
    if _subset(edits.barrier_dmas, value):
        return "same", value, edits.barrier_dmas
    status = "other" if edits.legal and len(edits.barrier_dmas) <= len(value) else "DIFFERS"
    return status, value, edits.error or edits.barrier_dmas


def _fix(case: Case, value: dict[str, Any]) -> Outcome:
    """The first tasks of queues that are not behind a sync task wait on what the last one before them updates."""
    waits: dict[str, list[int]] = {}
    for t in split_valid(case):
        before = [s for s in case.order if s in case.sync and case.place[s] < case.place[t]]
        if before:
            waits[str(t)] = sorted({*case.tasks[t]["waits"], *case.tasks[before[-1]]["updates"]})
    return _plain({"waits": waits}, value)


def _page_ids(case: Case, value: Any) -> Outcome:
    """Whether the listed physical barriers are those of the formula."""
    row = [v % case.size + v // case.size % 2 * case.size for v in range(case.barriers)]
    return _plain(row == case.data["pid"], value)


def _reuse(case: Case, value: Any) -> Outcome:
    return _plain(can_reuse(case, value), _verdicts(value))


def _path(case: Case, value: Any) -> Outcome:
    return _plain(path(case, value), _verdicts(value))


def _last_tasks(case: Case) -> list[int]:
    sheet = case.sheet()
    return sorted(t for p in range(sheet.pages - 1) for t in last_without_update(sheet, p))


HANDLERS: dict[str, Callable[[Case, Any], Outcome]] = {
    "can_reuse": _reuse,
    "path": _path,
    "legal": lambda case, value: _plain(not illegal_tasks(case.sheet()), value),
    "illegal_tasks": lambda case, value: _plain(illegal_tasks(case.sheet()), sorted(value)),
    "missing_boundary_deps": lambda case, value: _plain(missing_boundary_deps(case), _pairs_of(value)),
    "boundary_tasks": lambda case, value: _plain(by_page(case.sheet()), {p: sorted(r) for p, r in value.items() if r}),
    "last_tasks_without_update": lambda case, value: _plain(_last_tasks(case), sorted(value)),
    "barrier_pages": lambda case, value: _plain(case.sheet().barrier_page, value),
    "task_pages": lambda case, value: _plain(case.sheet().task_page, value),
    "input_barrier_pages": lambda case, value: _plain(case.sheet().barrier_page, value),
    "input_task_pages": lambda case, value: _plain(case.sheet().task_page, value),
    "error_if_graph_frozen": lambda case, value: _plain(Edits(case).changed, value),
    "bootstrap_program_pids": lambda case, value: _plain(list(range(2 * case.size)), value),
    "pid_matches_page_formula": _page_ids,
    "split_valid": lambda case, value: _plain(not split_valid(case), value),
    "fix": _fix,
    "after": _after,
    "dummy_dmas": _dummies,
    "barrier_dmas": _barrier_dmas,
}


def _chains(case: Case) -> Answer:
    """What our default policy costs on this graph, and what `pages` does: dummy tasks, orders the graph has not."""
    waited = {v for t in case.tasks for v in t["waits"]}
    final = max(set(range(case.barriers)) - waited, default=-1)
    program = case.program
    if final >= 0:
        program = program.with_(barriers=Barriers.virtual(case.barriers, final))
    else:
        program = InsertTailPass().run(program)
    graph = _graph(case)
    question = "chains, where pages are expected"
    try:
        paged = place_pages(program)
        theirs = _cost(graph, configured(paged.program, paged.pids))
    except ScheduleError as error:
        return Answer(case.name, question, "not asked", None, str(error))
    ours = _cost(graph, AssignBarriersPass("partial").run(program))
    status = "same" if ours == theirs else "fewer" if sum(ours.values()) < sum(theirs.values()) else "DIFFERS"
    return Answer(case.name, question, status, theirs, ours)


def _graph(case: Case) -> Program:
    """The graph that a case comes from: what its barriers order."""
    program = case.program
    producers = program.producers.lists()
    after = [sorted({p for v in row for p in producers[v]}) for row in program.waits.lists()]
    nothing = Csr.empty(len(program))
    return program.with_(
        phase="graph", after=Csr.of(after), waits=nothing, updates=nothing, barriers=Barriers.virtual(0)
    )


def _cost(graph: Program, program: Program) -> dict[str, int]:
    dummies = int((program.kind != Kind.RUN).sum())
    return {"dummies": dummies, "orders": added_orders(graph, program).total}


def load(file: Path) -> list[Case]:
    """The cases of a file. FormatError if it is no list of cases."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{file}: {error}") from None
    if not isinstance(data, list) or not all(isinstance(c, dict) and "tasks" in c for c in data):
        raise FormatError(f"{file}: no list of cases with tasks")
    return [Case(c) for c in data]


def report(cases: Iterable[Case]) -> list[Answer]:
    """All answers; a case that cannot be read is one that is not understood."""
    out: list[Answer] = []
    for case in cases:
        try:
            out += list(answers(case))
        except (FormatError, KeyError, TypeError) as error:
            out.append(Answer(case.name, "tasks", "not understood", None, f"{type(error).__name__}: {error}"))
    return out


def main(arguments: list[str] | None = None) -> int:
    """Print the answers and how many there are of each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--strict", action="store_true", help="exit 1 also if something is not understood")
    args = parser.parse_args(arguments)
    try:
        found = report(load(args.file))
    except FormatError as error:
        print(f"fwlm_cases: error: {error}", file=sys.stderr)
        return 1
    for a in found:
        shown = (
            f"{a.ours}" if a.status == "not asked" else f"expected {json.dumps(a.expected)}, ours {json.dumps(a.ours)}"
        )
        print(f"{a.case}: {a.question}: {a.status}: {shown}")
    counts = Counter(a.status for a in found)
    print(", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
    return 1 if counts["DIFFERS"] or (args.strict and counts["not understood"]) else 0


if __name__ == "__main__":
    sys.exit(main())
