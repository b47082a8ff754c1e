"""A program as plain JSON values: what `wlm compile --emit json` writes, for scripts that do not read MLIR."""

from typing import Any

from wlm_dialect.program import Kind, Program

FORMAT = 1
_IRQ = (None, "over", "lifted")


def program_json(program: Program) -> dict[str, Any]:
    """Everything the IR says, by name and index. Times are ticks, sizes bytes; absent keys mean none or one."""
    columns = [a.tolist() for a in (program.kind, program.engine, program.cycles, program.slots, program.bytes)]
    tasks = [_task(program, t, *row) for t, row in enumerate(zip(*columns, strict=True))]
    return {
        "format": FORMAT,
        "program": program.name,
        "machine": program.machine.name,
        "phase": program.phase,
        "mode": program.mode or None,
        "engines": [e.name for e in program.machine.engines],
        "tasks": tasks,
        "barriers": [_barrier(program, v) for v in range(len(program.barriers))],
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
    return out


def _item(program: Program, n: int) -> dict[str, Any]:
    items = program.items
    return {
        "engine": program.machine.engines[int(items.engine[n])].name,
        "range": [int(items.low[n]), int(items.high[n])],
        "at": items.at[n].tolist(),
        "done": items.done[n].tolist(),
    }
