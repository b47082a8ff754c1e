"""A program as plain JSON values: what `wlm compile --emit json` writes, for scripts that do not read MLIR.

A managed program comes with the tables that firmware works from, though all of them follow from the rest: per instance
the `next` one of its barrier, and in the firmware modes which ones its handler `programs`; per fetch where its group is
pushed (`dispatch`: work items or enqueues) and when its slots are free (`recycle`: the tasks that end last, and the
barriers that tell).
"""

from typing import Any

import numpy as np

from wlm_dialect.program import Kind, Program

FORMAT = 1
_IRQ = (None, "over", "lifted")


def program_json(program: Program) -> dict[str, Any]:
    """Everything the IR says, by name and index. Times are ticks, sizes bytes; absent keys mean none or one."""
    columns = [a.tolist() for a in (program.kind, program.engine, program.cycles, program.slots, program.bytes)]
    tasks = [_task(program, t, *row) for t, row in enumerate(zip(*columns, strict=True))]
    for t, group in _groups(program).items() if program.phase == "managed" else ():
        tasks[t] |= group
    return {
        "format": FORMAT,
        "program": program.name,
        "machine": program.machine.name,
        "phase": program.phase,
        "mode": program.mode or None,
        "engines": [e.name for e in program.machine.engines],
        "tasks": tasks,
        "barriers": _barriers(program),
        "bootstrap": program.bootstrap.tolist(),
        "work_items": [_item(program, n) for n in range(len(program.items))],
    }


def _task(program: Program, t: int, kind: int, engine: int, cycles: int, slots: int, size: int) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": program.names[t],
        "kind": Kind(kind).name.lower(),
        "engine": program.machine.engines[engine].name,
        "cycles": cycles,
    }
    if slots != 1:
        out["slots"] = slots
    if size:
        out["bytes"] = size
    relations = ("after", "waits", "updates", "programs")
    for key in relations:
        values = getattr(program, key)[t].tolist()
        if values:
            out[key] = values
    if kind in (Kind.FETCH, Kind.ENQUEUE):
        out["target"] = program.machine.engines[int(program.target[t])].name
        out["range"] = [int(program.low[t]), int(program.high[t])]
        if kind == Kind.FETCH:
            out["slot"] = int(program.slot[t])
    return out


def _barriers(program: Program) -> list[dict[str, Any]]:
    out = [_barrier(program, v) for v in range(len(program.barriers))]
    if program.phase == "managed" and program.mode != "full":
        for v in np.nonzero(program.programmer >= 0)[0].tolist():
            out[int(program.programmer[v])].setdefault("programs", []).append(v)
    return out


def _barrier(program: Program, v: int) -> dict[str, Any]:
    table = program.barriers
    out: dict[str, Any] = {"name": program.barrier_name(v)}
    if table.pid[v] >= 0:
        out["id"] = int(table.pid[v])
        out["producers"], out["consumers"] = int(table.producers[v]), int(table.consumers[v])
        if table.irq[v]:
            out["irq"] = _IRQ[int(table.irq[v])]
    if v == table.tail:
        out["tail"] = True
    if program.phase == "managed" and table.next[v] >= 0:
        out["next"] = int(table.next[v])
    return out


def _groups(program: Program) -> dict[int, dict[str, Any]]:
    """Fetch -> who pushes the tasks whose descriptors it brings, and who is last to need its slots."""
    items, out = program.items, dict[int, dict[str, Any]]()
    fetch_of = np.full(len(program), -1, np.int32)
    for f in np.nonzero(program.kind == Kind.FETCH)[0].tolist():
        engine, low, high = (int(column[f]) for column in (program.target, program.low, program.high))
        tasks = program.lists[engine][low:high]
        fetch_of[tasks] = f
        last = (tasks[-1:] if program.machine.engines[engine].ends_in_order else tasks).tolist()
        told = sorted({v for t in last for v in program.updates[t].tolist()})
        out[f] = {"dispatch": {}, "recycle": {"tasks": last, "barriers": told}}
    pushes = [("work_items", n, *row) for n, row in enumerate(zip(items.engine, items.low, items.high, strict=True))]
    for t in np.nonzero(program.kind == Kind.ENQUEUE)[0].tolist():
        pushes.append(("enqueues", t, program.target[t], program.low[t], program.high[t]))
    for what, n, engine, low, high in pushes:
        for f in np.unique(fetch_of[program.lists[int(engine)][int(low) : int(high)]]).tolist():
            if f >= 0:
                out[f]["dispatch"].setdefault(what, []).append(n)
    return out


def _item(program: Program, n: int) -> dict[str, Any]:
    items = program.items
    return {
        "engine": program.machine.engines[int(items.engine[n])].name,
        "range": [int(items.low[n]), int(items.high[n])],
        "at": items.at[n].tolist(),
        "done": items.done[n].tolist(),
    }
