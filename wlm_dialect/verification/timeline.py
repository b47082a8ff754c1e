"""The timeline of a replay: what happens to the tasks and instances that matter, tick by tick, up to the fault."""

import numpy as np

from wlm_dialect.passes.checker.findings import Finding
from wlm_dialect.program import Program
from wlm_dialect.verification.replay import Replay

MOST_LINES = 24


def timeline(program: Program, finding: Finding, replay: Replay) -> tuple[str, ...]:
    """Lines ``tick  event``, in order of time, the last one the fault; at most `MOST_LINES`, the latest ones."""
    tasks, barriers = _concerned(program, finding, replay)
    result, stop = replay.result, replay.hazard.tick
    last = f"{stop:>10,}  {replay.hazard.rule}: {replay.hazard.text}"
    if result is None:
        return (last,)
    rows: list[tuple[int, int, str]] = []
    for t in tasks:
        name = f"'{program.names[t]}' on {program.engine_name(t)}"
        told = ((result.enqueued, "is enqueued"), (result.head, "is at head"), (result.start, "starts"))
        for order, (ticks, verb) in enumerate((*told, (result.end, "ends"))):
            rows.append((int(ticks[t]), 4 * (verb != "ends") + order, f"{name} {verb}"))
    for v in barriers:
        name = program.barrier_name(v)
        for ticks, verb in ((result.lifted, "lifts"), (result.over, "is over"), (result.armed, "is armed")):
            rows.append((int(ticks[v]), 3, f"{name} {verb}"))
    shown = sorted(row for row in rows if 0 <= row[0] <= stop)
    if len(shown) > MOST_LINES:
        shown = shown[-MOST_LINES:]
    lines = [f"{tick:>10,}  {text}" for tick, _, text in shown]
    return (*lines, last)


def _concerned(program: Program, finding: Finding, replay: Replay) -> tuple[list[int], list[int]]:
    hazard, timing = replay.hazard, replay.timing
    tasks = {finding.task, finding.other, hazard.task, hazard.other, *finding.cycle, *timing.dispatch}
    tasks |= {t for t, ticks in timing.duration.items() if ticks > 1 and len(timing.duration) <= 6}
    barriers = {finding.barrier, hazard.barrier, hazard.found if hazard.rule in ("H1", "H2", "H3") else -1} - {-1}
    for v in sorted(barriers):
        users = np.concatenate([program.producers[v], program.consumers[v]])
        tasks |= set(users.tolist()) if len(users) <= 6 else set()
    return sorted(tasks - {-1})[:12], sorted(barriers)
