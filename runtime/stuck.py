"""Why nothing moves: per engine the task in the way, what it waits for and who should have produced that."""

import numpy as np

from wlm_dialect.program import Program
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime.hazards import never_pushed, task_text
from wlm_dialect.runtime.result import Hazard, RunResult, StuckRow
from wlm_dialect.runtime.state import State


def find_stuck(result: RunResult, s: State) -> tuple[StuckRow, ...]:
    """One row per engine that has a task left, and one per engine whose enqueue waits for room; in engine order."""
    p = result.program
    rows = []
    for e, engine in enumerate(p.machine.engines):
        held = [t for t in p.lists[e].tolist() if result.head[t] >= 0 and result.end[t] < 0]
        blocked = [t for t in held if result.start[t] >= 0]
        waiting = [t for t in held if result.start[t] < 0]
        for t in blocked:
            rows.append(StuckRow(engine.name, t, "fifo full", -1, ()))
        for t in waiting:
            barrier = _waits_for(p, t, s)
            rows.append(StuckRow(engine.name, t, "waits", barrier, _missing(result, barrier)))
        if not held:
            at = int(s.eng[k.HEAD][e])
            if at < int(s.eng[k.LIST][e]) + len(p.lists[e]):
                state = "not enqueued" if at >= s.eng[k.TAIL][e] else "waits"
                rows.append(StuckRow(engine.name, int(s.list_task[at]), state, -1, ()))
            else:
                rows.append(StuckRow(engine.name, -1, "idle", -1, ()))
    return tuple(rows)


def _waits_for(program: Program, task: int, s: State) -> int:
    """The first wait barrier of `task` that it cannot see lifted; -1 if it waits for its engine."""
    waits: list[int] = program.waits[task].tolist()
    for v in waits:
        p = int(s.pid[v])
        if s.bar[k.CUR][p] != v or s.bar[k.PROD][p] > 0:
            return v
    return -1


def _missing(result: RunResult, barrier: int) -> tuple[int, ...]:
    if barrier < 0:
        return ()
    producers = result.program.producers[barrier]
    return tuple(producers[result.end[producers] < 0].tolist())


def explain(result: RunResult, rows: tuple[StuckRow, ...], tick: int) -> Hazard:
    """The deadlock as a hazard: H6 for a task that nothing ever pushes, else H7."""
    p = result.program
    if p.phase == "managed":
        left = never_pushed(p, np.arange(len(p), dtype=np.int32))
        if len(left):
            t = int(left[0])
            return Hazard("H6", tick, t, -1, -1, f"{task_text(p, t)} is never enqueued")
    order = sorted(rows, key=lambda r: (r.state == "idle", r.state != "waits" or r.barrier < 0))
    row = order[0]
    if row.state == "waits" and row.barrier >= 0:
        names = ", ".join(f"'{p.names[t]}'" for t in row.missing[:3]) or "nothing"
        count = f" and {len(row.missing) - 3} more" if len(row.missing) > 3 else ""
        why = f"waits for {p.barrier_name(row.barrier)}, which still needs {names}{count}"
    else:
        why = {"fifo full": "waits for room in a work FIFO", "not enqueued": "is not enqueued"}.get(row.state, "waits")
    text = f"nothing moves after tick {tick}: {task_text(p, row.task)} {why}"
    return Hazard("H7", tick, row.task, row.barrier, -1, text)
