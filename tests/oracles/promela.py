"""SPIN's answer: a model in Promela and C, compiled once, explores the schedule that it reads from a file."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.oracles.limits import broken_limits
from tests.oracles.schedule import ENQUEUE, FETCH, PROGRAM, RUN, SYNC, Schedule

MODEL = Path(__file__).parent / "spin"
_KINDS = (RUN, FETCH, ENQUEUE, PROGRAM, SYNC)
_ORDERS = ("serial", "prefetching", "outstanding", "pool")
MOST = {"tasks": 40, "engines": 12, "instances": 40, "items": 64, "slots": 64}


def missing() -> str:
    """Why SPIN cannot be asked here; empty if it can."""
    absent = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    return f"{' and '.join(absent)} not installed (Debian: apt install spin gcc)" if absent else ""


def compile_model(folder: Path) -> Path:
    """Build the explorer in `folder`."""
    subprocess.run(["spin", "-a", str(MODEL / "machine.pml")], cwd=folder, check=True, capture_output=True)
    options = ["-O1", "-w", "-DSAFETY", "-DVECTORSZ=4096", "-DMEMLIM=512", f"-I{MODEL}"]
    subprocess.run(["gcc", *options, "-o", "explorer", "pan.c"], cwd=folder, check=True, capture_output=True)
    return folder / "explorer"


def fits(s: Schedule) -> bool:
    """Whether the tables of the model are large enough."""
    slots = sum(e.descriptor_slots for e in s.machine.engines)
    sizes = {
        "tasks": len(s.tasks), "engines": len(s.machine.engines), "instances": len(s.instances),
        "items": len(s.items), "slots": slots,
    }  # fmt: skip
    return all(sizes[name] <= most for name, most in MOST.items())


def tables(s: Schedule) -> str:
    """The schedule as the numbers that `load` of machine.h reads."""
    m, lists, out = s.machine, s.lists, list[int]()
    assert not m.firmware.preload, "top-ups are not in the model"
    full = s.mode == "full"
    links: dict[int, int] = {}
    for task in s.tasks:
        if task.kind == ENQUEUE and m.management.linked_enqueue:
            links.update(dict.fromkeys(lists[task.target][task.low + 1 : task.high], 1))
    for item in s.items:
        if full and not item.at + item.done and m.engines[item.engine].kind == "dma":
            links.update(dict.fromkeys(lists[item.engine][item.low + 1 : item.high], 2))
    pids = max((v.pid for v in s.instances), default=-1) + 1
    ranked = sorted(range(len(s.instances)), key=lambda v: (s.instances[v].pid, v))
    tail = next(v for v, i in enumerate(s.instances) if i.tail)

    def row(values: list[int]) -> list[int]:
        return [len(values), *values]

    out += [len(s.tasks), len(m.engines), len(s.instances), pids, len(s.items), tail]
    out += [m.full_fifo == "drop", m.barriers.consume_at == "end", m.firmware.service_order == "id"]
    out += [m.barriers.fifo_depth, full]
    for (t, x), earlier in zip(enumerate(s.tasks), s.conflicts(), strict=True):
        out += [_KINDS.index(x.kind), x.engine, x.slots, x.target, x.low, x.high, x.slot, links.get(t, 0)]
        out += [m.engines[x.engine].kind == "dma", *row(x.waits), *row(x.updates), *row(x.pushes), *row(earlier)]
        out += row([n for n, i in enumerate(s.items) for f in i.done if f == t])
    base = 0
    for e, model in enumerate(m.engines):
        out += [_ORDERS.index(model.order), model.servers, model.fifo_depth, base, *row(lists[e])]
        base += model.descriptor_slots
    for v, i in enumerate(s.instances):
        due = [n for n, x in enumerate(s.items) for u in x.at if u == v]
        out += [i.pid, i.producers, i.consumers, i.irq == "over" and not full, v in s.boot, ranked.index(v), *row(due)]
    for x in s.items:
        out += [x.engine, x.low, x.high, len(x.at) + len(x.done)]
    for p in range(pids):
        out += row([v for v, i in enumerate(s.instances) if i.pid == p])
    return " ".join(str(int(n)) for n in [*out, *row(s.boot), *row(ranked)])


def has_hazard(s: Schedule, explorer: Path) -> bool:
    """Whether SPIN reaches a fault or a deadlock."""
    if broken_limits(s):
        return True
    file = explorer.parent / "schedule.txt"
    file.write_text(tables(s))
    done = subprocess.run(
        [str(explorer), "-m100000", "-n"],
        cwd=explorer.parent, env={**os.environ, "WLM_SCHEDULE": str(file)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "errors: " in done.stdout, done.stdout + done.stderr
    assert "out of memory" not in done.stdout, done.stdout
    return "errors: 0" not in done.stdout
