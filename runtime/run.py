"""Run a program on the model of the machine."""

from dataclasses import replace

import numpy as np

from wlm_dialect.errors import SimulationError
from wlm_dialect.kernels.csr import I64
from wlm_dialect.program import Program
from wlm_dialect.runtime import compiled as compile_loop
from wlm_dialect.runtime import loop
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime.boot import boot, bootstrap_ticks
from wlm_dialect.runtime.compiled import available, need_numba
from wlm_dialect.runtime.conflicts import as_virtual
from wlm_dialect.runtime.hazards import check_counts, describe, find_dirt, find_race
from wlm_dialect.runtime.result import DEADLOCK, FINISHED, HAZARD, LIMIT, Handler, Hazard, RunResult
from wlm_dialect.runtime.state import State
from wlm_dialect.runtime.stuck import explain, find_stuck
from wlm_dialect.runtime.tables import Prepared, prepare
from wlm_dialect.runtime.timing import Timing, check_timing

COMPILE_FROM = 50_000  # tasks; below, loading compiled code takes longer than the run


def run(
    program: Program,
    *,
    timing: Timing | None = None,
    engine: str = "auto",
    compiled: bool | None = None,
    limit: int | None = None,
    repeat: int = 1,
    ties: int = 0,
    counts: bool = True,
) -> RunResult:
    """Execute `program` until it ends, breaks a rule, is stuck or passes tick `limit`.

    A managed program runs as its machine manages it. In the phases before, management is free: a graph or virtual
    program has unlimited barriers, a physical one arms an instance the tick its predecessor is over.
    `repeat` runs the program again from its end state. `ties` permutes what happens in the same phase of a tick; a safe
    program does not notice. `counts` False skips the check of configured counts (H9) before the run.
    """
    if engine not in ("auto", "events", "maxplus"):
        raise SimulationError(f"engine of execution is '{engine}' but must be auto, events or maxplus")
    if repeat < 1:
        raise SimulationError(f"repeat is {repeat} but a program runs at least once")
    if timing is not None:
        check_timing(program, timing)
    ready = prepare(as_virtual(program) if program.phase == "graph" else program, timing)
    if compiled is None:
        compiled = len(program) >= COMPILE_FROM and available()
    elif compiled:
        need_numba()
    return _run_events(program, ready, limit, repeat, ties, counts, compiled)


def _run_events(
    program: Program, ready: Prepared, limit: int | None, repeat: int, ties: int, counts: bool, compiled: bool
) -> RunResult:
    hazard = check_counts(program) if counts and program.phase in ("physical", "managed") else None
    s = ready.state(compiled)
    s.reg[k.STOP] = s.reg[k.SENTINEL] if limit is None else min(s.reg[k.SENTINEL], (limit + 1) << s.reg[k.SHIFT])
    s.reg[k.TIES] = ties & ((1 << s.reg[k.SHIFT]) - 1)
    hazard = hazard or boot(ready.program, s)
    if hazard is None:
        (compile_loop if compiled else loop).simulate(s)
        if s.reg[k.RULE]:
            hazard = describe(ready.program, [int(x) for x in s.reg])
    return _result(program, ready, s, hazard)


def _result(program: Program, ready: Prepared, s: State, hazard: Hazard | None) -> RunResult:
    reg = [int(x) for x in s.reg]
    done = reg[k.ENDED] == reg[k.TASKS]
    instances = slice(None) if program.phase != "graph" else slice(0, 0)
    end = _times(s.end)
    tail = program.barriers.tail
    result = RunResult(
        program=program,
        outcome=HAZARD if hazard else FINISHED if done else LIMIT if reg[k.LATE] else DEADLOCK,
        makespan=int(s.lifted[tail]) if tail >= 0 and s.lifted[tail] >= 0 else int(end.max(initial=0)),
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
        engine_of_execution="events+numba" if not isinstance(s.reg, list) else "events",
    )
    return _judge(result, ready.program, s)


def _judge(result: RunResult, program: Program, s: State) -> RunResult:
    """Add what is seen only at the end: deadlock, a dirty end, races."""
    now = int(s.reg[k.NOW])
    if result.outcome == DEADLOCK:
        seen = replace(result, program=program)
        rows = find_stuck(seen, s)
        result = replace(result, stuck=rows, hazard=explain(seen, rows, now))
    elif result.outcome == FINISHED and program.phase == "managed":
        hazard = find_dirt(program, s.bar, now)
        if hazard is not None:
            result = replace(result, outcome=HAZARD, hazard=hazard)
    race = find_race(result)
    if race is not None and (result.hazard is None or race.tick < result.hazard.tick):
        result = replace(result, outcome=HAZARD, hazard=race, stuck=())
    return result


def _times(values: list[int]) -> I64:
    return np.array(values, np.int64)


def _handlers(s: State, reg: list[int]) -> tuple[Handler, ...]:
    tasks, out = reg[k.TASKS], []
    for n in range(reg[k.HANDLERS]):
        number = int(s.handlers[k.SOURCE][n])
        barrier = -1 if number < tasks else int(s.ranked[number - tasks])
        fetch = number if number < tasks else -1
        times = [int(table[n]) for table in (s.handlers[k.SERVED], s.handlers[k.DONE], s.handlers[k.PUSHES])]
        out.append(Handler(barrier, fetch, int(s.handlers[k.RAISED][number]), times[0], times[1], times[2]))
    return tuple(out)
