"""Cases of another compiler's tests (`fwlm_cases.py`): the format, a case as a sheet of pages and as a program."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from wlm_dialect.errors import FrontendError
from wlm_dialect.machine import BarrierModel, EngineModel, MachineModel
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.analysis.reuse import Reuse, reuse
from wlm_dialect.passes.policies.pages.sheet import Sheet, split_barriers
from wlm_dialect.program import Barriers, Program
from wlm_dialect.program.model import Draft

DEPTH = 4  # descriptors per barrier FIFO, where a case does not say
KINDS = {"DMA": "dma", "DPU": "dpu", "SHV": "shave"}
INPUTS = {
    "name", "source", "num_barriers", "num_virtual_barriers", "page_size", "fifo_depth", "tasks", "queue_order",
    "expected", "pid", "pid_matches_page_formula", "start_barrier", "final_barrier", "limits", "shv_submits_dpu",
    "shv_submits_dma", "variants_per_task", "note",
}  # fmt: skip
TASK_KEYS = {"id", "queue", "waits", "updates", "sync"}


class FormatError(FrontendError):
    """A case or an answer that is not in the format, with the place."""


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
        """The tasks, of which each has an id, and lists of barriers that it waits on and updates."""
        tasks = list(self.data["tasks"])
        for n, t in enumerate(tasks):
            if not isinstance(t, dict) or t.get("id") != n:
                raise FormatError("the ids of tasks are not 0, 1, 2, ...")
            for key in ("waits", "updates"):
                if not isinstance(t.get(key), list) or not all(isinstance(v, int) and v >= 0 for v in t[key]):
                    raise FormatError(f"'{key}' of task {n} is no list of barriers")
        return tasks

    @cached_property
    def unknown(self) -> list[str]:
        """Keys of the case and of its tasks that are none of the format."""
        return sorted(self.data.keys() - INPUTS) + sorted({k for t in self.tasks for k in t} - TASK_KEYS)

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
