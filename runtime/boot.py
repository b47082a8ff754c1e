"""Bootstrap: what is in the barriers and FIFOs before t = 0."""

import numpy as np

from wlm_dialect.program import Program
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime.hazards import never_pushed, skipped_text, task_text
from wlm_dialect.runtime.result import Hazard
from wlm_dialect.runtime.state import State
from wlm_dialect.runtime.tables import bootstrap_items


def boot(program: Program, s: State) -> Hazard | None:
    """Load barriers and FIFOs of `s`; the first thing that does not fit, as a hazard at tick 0."""
    engines = range(len(program.machine.engines))
    for e in engines:
        s.kick_queue[e] = e
        s.eng[k.KICKED][e] = 1
    s.reg[k.KICKS] = len(engines)
    _first_instances(program, s)
    if program.phase == "managed":
        return _load_barriers(program, s) or _push_items(program, s)
    _arm_all(program, s)
    s.enqueued[:] = [0] * len(program)
    for e in engines:
        s.eng[k.TAIL][e] += len(program.lists[e])
    return None


def bootstrap_ticks(program: Program) -> int:
    """What bootstrap costs; a program without management has none."""
    if program.phase != "managed":
        return 0
    cost = program.machine.bootstrap
    return cost.base + cost.program * len(program.bootstrap) + cost.push * len(bootstrap_items(program))


def _first_instances(program: Program, s: State) -> None:
    if program.phase == "virtual":
        first = range(len(program.barriers))
        s.bar[k.FIRST][:] = list(first)
        s.bar[k.NEXT][:] = list(first)
        return
    pids, first_of = np.unique(program.barriers.pid, return_index=True)
    for p, v in zip(pids.tolist(), first_of.tolist(), strict=True):
        s.bar[k.FIRST][p] = s.bar[k.NEXT][p] = v


def _arm(s: State, p: int, v: int) -> None:
    s.bar[k.CUR][p] = v
    s.bar[k.NEXT][p] = s.next[v]
    s.bar[k.PROD][p] = s.counts[0][v]
    s.bar[k.CONS][p] = s.counts[1][v]
    s.armed[v] = 0


def _arm_all(program: Program, s: State) -> None:
    """Without management every instance is there from the start; the first of each barrier is armed."""
    live, pushed = s.bar[k.LIVE], s.bar[k.PUSHED]
    for v in range(len(program.barriers)):
        p = s.pid[v]
        live[p] += 1
        if pushed[p] < 0:
            _arm(s, p, v)
        pushed[p] = v


def _load_barriers(program: Program, s: State) -> Hazard | None:
    bar = s.bar
    for v in program.bootstrap.tolist():
        p, name = s.pid[v], program.barrier_name(v)
        last = bar[k.PUSHED][p]
        expected = bar[k.FIRST][p] if last < 0 else s.next[last]
        if v <= last:
            return Hazard("H6", 0, -1, v, -1, f"bootstrap loads {name} twice")
        if v != expected:
            text = f"bootstrap loads {name}, but {program.barrier_name(int(expected))} comes first"
            return Hazard("H3", 0, -1, v, int(expected), text)
        if bar[k.LIVE][p] >= s.reg[k.CAPACITY]:
            depth = program.machine.barriers.fifo_depth
            return Hazard("H3", 0, -1, v, -1, f"bootstrap loads {name}, but its barrier FIFO (depth {depth}) is full")
        bar[k.PUSHED][p] = v
        bar[k.LIVE][p] += 1
        if bar[k.CUR][p] < 0:
            _arm(s, p, v)
    return None


def _push_items(program: Program, s: State) -> Hazard | None:
    """Items without a trigger are pushed, at most one to the head and D behind it; DMA lists in full mode whole."""
    eng, items = s.eng, program.items
    for n in bootstrap_items(program):
        e = int(items.engine[n])
        engine = program.machine.engines[e]
        low, high = int(eng[k.LIST][e]) + int(items.low[n]), int(eng[k.LIST][e]) + int(items.high[n])
        first = int(s.list_task[low])
        if eng[k.TAIL][e] != low:
            missing = never_pushed(program, program.lists[e][: int(items.low[n])])
            if low > eng[k.TAIL][e] and len(missing):
                return Hazard("H6", 0, int(missing[0]), -1, -1, skipped_text(program, int(missing[0]), first), first)
            what = "which was pushed before" if low < eng[k.TAIL][e] else "but an earlier task was not pushed yet"
            return Hazard("H6", 0, first, -1, -1, f"bootstrap pushes {task_text(program, first)}, {what}")
        for at in range(low, high):
            t = int(s.list_task[at])
            s.enqueued[t] = 0
            if s.link[t] == 0 or at == low:
                eng[k.QUEUED][e] += 1
                if eng[k.QUEUED][e] > engine.fifo_depth + 1:
                    depth = engine.fifo_depth
                    text = f"bootstrap pushes {task_text(program, t)}, but the work FIFO (depth {depth}) is full"
                    return Hazard("H6", 0, t, -1, -1, text)
        eng[k.TAIL][e] = high
    for n in reversed(range(len(items))):
        if s.items[k.ITEM_NEED][n] > 0:
            eng[k.FRONT][int(items.engine[n])] = n
    return None
