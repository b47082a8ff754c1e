"""Task graphs with the answers of another compiler: `python benchmarks/fwlm_cases.py FILE`.

FILE is a list of cases as in `tests/data/fwlm_cases.json`: tasks with queue, waits and updates, and under `expected`
what npu_compiler answers. Prints a line per case and question:

- same: our answer is that of upstream, for an edit after one of the steps (upstream tests them one by one);
- fewer, other: our policy `pages` edits less, or as much elsewhere, and its pages are legal;
- DIFFERS: a wrong answer, or more edits;
- not asked: a question about something else, and what;  not understood: a key or form this script does not know.

Exit 1 if anything differs; with --strict also if anything is not understood.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Arguments, tool
from fwlm_edits import Edits, by_page
from fwlm_graphs import Case, FormatError

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.analysis.added_orders import added_orders
from wlm_dialect.passes.assign_barriers import AssignBarriersPass, configured
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_tail import InsertTailPass
from wlm_dialect.passes.merge_barriers import MergeBarriersPass, renamed
from wlm_dialect.passes.policies.pages import place_pages
from wlm_dialect.passes.policies.pages.legalise import last_without_update, missing_joins
from wlm_dialect.passes.policies.pages.sheet import illegal_tasks
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.program import Barriers, Kind, Program

CASES = Path(__file__).resolve().parents[1] / "tests" / "data" / "fwlm_cases.json"
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


@dataclass(frozen=True)
class Answer:
    """A line of the report."""

    case: str
    question: str
    status: str
    expected: Any = None
    ours: Any = None


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


def _subset(ours: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Equal in the keys that are wanted."""
    return len(ours) == len(wanted) and all(
        all(mine.get(key) == value for key, value in row.items()) for mine, row in zip(ours, wanted, strict=True)
    )


def answers(case: Case) -> Iterable[Answer]:
    """A line per question that the case asks, and per key that is not understood."""
    for key in case.unknown:
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
    question = "chains, where pages are expected"
    made, waited = ({v for t in case.tasks for v in t[key]} for key in ("updates", "waits"))
    if waited - made:
        return Answer(case.name, question, "not asked", None, f"nobody updates barrier {min(waited - made)}")
    barriers = Barriers.virtual(case.barriers, max(made - waited, default=-1))
    program = renamed(
        case.program.with_(barriers=barriers), np.arange(case.barriers, dtype=np.int32)
    )  # without unused ones
    if program.barriers.tail < 0:
        program = InsertTailPass().run(program)
    graph = _graph(case)
    try:
        paged = place_pages(program)
        theirs = _cost(graph, configured(paged.program, paged.pids))
    except ScheduleError as error:
        return Answer(case.name, question, "not asked", None, str(error))
    try:
        ours = _cost(graph, AssignBarriersPass("partial").run(program))
    except ScheduleError as error:
        return Answer(case.name, question, "DIFFERS", theirs, str(error))
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
        except FormatError as error:
            out.append(Answer(case.name, "tasks", "not understood", None, str(error)))
    return out


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """Print the answers and how many there are of each kind."""
    parser = Arguments(__file__, __doc__)
    parser.add_argument(
        "file", type=Path, metavar="FILE", nargs="?", default=CASES, help="default: the cases of the tests"
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 also if something is not understood")
    args = parser.parse_args(argv)
    found = report(load(args.file))
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
