"""Run a program by max-plus sweep."""

from collections.abc import Callable
from typing import Any

import numpy as np

from wlm_dialect.kernels.csr import I32, I64
from wlm_dialect.program import Kind
from wlm_dialect.runtime import compiled as compile_sweep
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime import sweep
from wlm_dialect.runtime.maxplus import Plan, Times, blocks_forward, broken, derive
from wlm_dialect.runtime.tables import Prepared


def run_sweep(ready: Prepared, made: Plan, compiled: bool) -> Times | None:
    """The times of a run; None if a rule may be broken or an enqueue waits for a later task: the event loop knows."""
    if made.serial and not ready.registers[k.DELAYED]:
        times = derive(ready, made, *sweep_serial(ready, made, compiled))
        if not broken(ready, made, times):
            return times
    if not blocks_forward(ready, made):
        return None
    times = derive(ready, made, *_sweep_any(ready, made, compiled))
    return None if broken(ready, made, times) else times


def sweep_serial(ready: Prepared, made: Plan, compiled: bool) -> tuple[I64, I64, I64, I64, I64]:
    """Times of serial engines: enqueued, head, start, end, lifted."""
    return _arrays(sweep_serial_prepared(ready, made, compiled)(()))


def sweep_serial_prepared(ready: Prepared, made: Plan, compiled: bool) -> Callable[[object], list[Any]]:
    """The sweep on tables that are there already, as a function to call any number of times; its argument is unused."""
    arguments = _take(ready, compiled, "engine", "cycles", *_RELATIONS)
    arguments.append(_shape(made.pushed, compiled))
    loop = (compile_sweep.sweep() if compiled else sweep).sweep_serial

    def work(_: object) -> list[Any]:
        out = _outputs(ready, compiled)
        loop(*arguments, _zeros(len(ready.program.machine.engines), compiled), *out)
        return out

    return work


def _sweep_any(ready: Prepared, made: Plan, compiled: bool) -> tuple[I64, I64, I64, I64, I64]:
    p, engines = ready.program, ready.engines
    lag = engines[k.LAG][p.engine]
    start = engines[k.LIST]
    list_task = np.asarray(ready.static["list_task"])
    place = start[p.engine] + p.position - lag
    earlier = np.where((lag > 0) & (p.position >= lag), list_task[np.maximum(place, 0)], -1) if len(p) else lag
    hold = (engines[k.BUSY_CAP][p.engine] == 1) | (np.asarray(ready.static["link"]) == 1)
    enqueue = np.zeros((2, len(p)), np.int64)
    if p.phase == "managed":
        dmas = np.nonzero(p.kind == Kind.ENQUEUE)[0]
        enqueue[:, dmas] = start[p.target[dmas]] + np.stack([p.low[dmas], p.high[dmas]])
    delay = ready.static["delay"] if ready.registers[k.DELAYED] else np.zeros(len(p), np.int64)
    arguments = _take(ready, compiled, "engine", "cycles")
    arguments.append(delay if compiled else delay.tolist())
    arguments += _take(ready, compiled, *_RELATIONS)
    tables = (enqueue, made.room, p.predecessor, earlier.astype(np.int32), hold.astype(np.int32))
    arguments += [_shape(table, compiled) for table in tables]
    arguments += _take(ready, compiled, "list_task")
    out = _outputs(ready, compiled)
    (compile_sweep.sweep() if compiled else sweep).sweep_any(*arguments, *out)
    return _arrays(out)


_RELATIONS = ("wait_start", "wait", "update_start", "update")


def _take(ready: Prepared, compiled: bool, *names: str) -> list[Any]:
    """Static tables in the form of the loop."""
    if compiled:
        return [np.ascontiguousarray(ready.static[n], compile_sweep.dtype(n)) for n in names]
    return [ready.lists[n] for n in names]


def _shape(table: I32 | I64, compiled: bool) -> Any:
    return table if compiled else table.tolist()


def _zeros(size: int, compiled: bool) -> Any:
    return np.zeros(size, np.int64) if compiled else [0] * size


def _outputs(ready: Prepared, compiled: bool) -> list[Any]:
    sizes = [len(ready.program)] * 4 + [len(ready.program.barriers)]
    return [_zeros(size, compiled) for size in sizes]


def _arrays(out: list[Any]) -> tuple[I64, I64, I64, I64, I64]:
    enqueued, head, start, end, lifted = (np.asarray(table, np.int64) for table in out)
    return enqueued, head, start, end, lifted
