"""Run a program by event loop, and judge how it ended."""

from dataclasses import replace

import numpy as np

from wlm_dialect.kernels.csr import I64
from wlm_dialect.program import Program
from wlm_dialect.runtime import compiled as compiled_loop
from wlm_dialect.runtime import loop
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime.boot import boot, bootstrap_ticks
from wlm_dialect.runtime.hazards import describe, find_dirt, find_race
from wlm_dialect.runtime.options import Options
from wlm_dialect.runtime.result import DEADLOCK, FINISHED, HAZARD, LIMIT, Handler, Hazard, RunResult
from wlm_dialect.runtime.state import State
from wlm_dialect.runtime.stuck import explain, find_stuck
from wlm_dialect.runtime.tables import Prepared


def run_events(
    program: Program, ready: Prepared, options: Options, compiled: bool, hazard: Hazard | None = None
) -> RunResult:
    """Run it `options.repeat` times; `hazard` is one that was found before the run."""
    s = _state(ready, options, compiled)
    hazard = hazard or boot(ready.program, s)
    if hazard is not None:
        return _result(program, s, hazard)
    result = _simulate(program, ready, s, compiled)
    for n in range(2, options.repeat + 1):
        if result.outcome != FINISHED:
            break
        before, s = s, _state(ready, options, compiled)
        _inherit(s, before)
        hazard = boot(ready.program, s)
        again = _result(program, s, hazard) if hazard else _simulate(program, ready, s, compiled)
        if again.outcome != FINISHED:
            return replace(again, notes=(*again.notes, f"in run {n} of {options.repeat}"))
        if not _same(result, again):
            text = f"run {n} differs from run 1: the program does not leave the machine as it found it"
            return replace(again, outcome=HAZARD, hazard=Hazard("H11", again.makespan, -1, -1, -1, text))
    return result


def with_race(result: RunResult, ready: Prepared) -> RunResult:
    """The result, or H8 if a data race came first."""
    race = find_race(result, ready.races)
    if race is None or (result.hazard is not None and result.hazard.tick <= race.tick):
        return result
    return replace(result, outcome=HAZARD, hazard=race, stuck=())


def _state(ready: Prepared, options: Options, compiled: bool) -> State:
    s = ready.state(compiled)
    shift, never = int(s.reg[k.SHIFT]), int(s.reg[k.SENTINEL])
    s.reg[k.STOP] = never if options.limit is None else min(never, (options.limit + 1) << shift)
    s.reg[k.TIES] = options.ties & ((1 << shift) - 1)
    return s


def _inherit(s: State, before: State) -> None:
    """Start from the counters, FIFOs and slots in which the run before left the machine."""
    for column in (k.PROD, k.CONS, k.CUR, k.LIVE, k.REARMING, k.WAITER):
        s.bar[column][:] = before.bar[column]
    for column in (k.BUSY, k.HELD, k.QUEUED, k.BLOCKED):
        s.eng[column][:] = before.eng[column]
    for slot, task in enumerate(before.claim):
        s.claim[slot] = task if task >= 0 and before.end[task] < 0 else -1


def _same(a: RunResult, b: RunResult) -> bool:
    pairs = ((a.start, b.start), (a.end, b.end), (a.armed, b.armed), (a.over, b.over))
    return all(np.array_equal(x, y) for x, y in pairs) and a.handlers == b.handlers


def _simulate(program: Program, ready: Prepared, s: State, compiled: bool) -> RunResult:
    (compiled_loop if compiled else loop).simulate(s)
    reg = [int(x) for x in s.reg]
    result = _result(program, s, describe(ready.program, reg) if reg[k.RULE] else None)
    now, managed = reg[k.NOW], ready.program
    if result.outcome == DEADLOCK:
        seen = replace(result, program=managed, armed=_times(s.armed))
        rows = find_stuck(seen, s)
        result = replace(result, stuck=rows, hazard=explain(seen, rows, now))
    elif result.outcome == FINISHED and managed.phase == "managed":
        hazard = find_dirt(managed, s.bar, now)
        if hazard is not None:
            result = replace(result, outcome=HAZARD, hazard=hazard)
    return with_race(result, ready)


def _result(program: Program, s: State, hazard: Hazard | None) -> RunResult:
    reg = [int(x) for x in s.reg]
    done = reg[k.ENDED] == reg[k.TASKS]
    instances = slice(None) if program.phase != "graph" else slice(0, 0)
    end = _times(s.end)
    tail = program.barriers.tail
    lifted = int(s.lifted[tail]) if tail >= 0 else -1
    return RunResult(
        program=program,
        outcome=HAZARD if hazard else LIMIT if reg[k.LATE] else FINISHED if done else DEADLOCK,
        makespan=lifted if lifted >= 0 else int(end.max(initial=0)),
        bootstrap=bootstrap_ticks(program),
        enqueued=_times(s.enqueued),
        head=_times(s.head),
        start=_times(s.start),
        end=end,
        armed=_times(s.armed[instances]),
        lifted=_times(s.lifted[instances]),
        over=_times(s.over[instances]),
        handlers=_handlers(s, reg),
        hazard=hazard,
        events=reg[k.EVENTS],
        engine_of_execution="events" if type(s.reg) is list else "events+numba",
    )


def _times(values: list[int]) -> I64:
    return np.array(values, np.int64)


def _handlers(s: State, reg: list[int]) -> tuple[Handler, ...]:
    tasks, out = reg[k.TASKS], []
    for n in range(reg[k.HANDLERS]):
        number = int(s.handlers[k.SOURCE][n])
        barrier = -1 if number < tasks else int(s.ranked[number - tasks])
        fetch = number if number < tasks else -1
        start, end, pushes = (int(s.handlers[c][n]) for c in (k.SERVED, k.DONE, k.PUSHES))
        out.append(Handler(barrier, fetch, int(s.handlers[k.RAISED][number]), start, end, pushes))
    return tuple(out)
