"""Estimated times of tasks: one sweep in program order, management free. Slack for placement comes from here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32, Csr, int64
from wlm_dialect.kernels.earliest_times import earliest_times
from wlm_dialect.passes.analysis.once import once_per_program
from wlm_dialect.program import Kind, Program


@dataclass(frozen=True)
class Estimate:
    """Ticks per task in program order."""

    start: list[int]
    end: list[int]


def estimate(program: Program, *, managed: bool = False) -> Estimate:
    """Earliest times without management: descriptors are always there, barriers re-armed as soon as they are over.

    Virtual barriers are unlimited. A task that uses an instance of a physical one is at head once that is armed. What
    wlm-stall-enqueues holds back comes after its push; with `managed` that goes for all enqueues and refills.
    """
    return _pushed(program) if managed or program.phase in ("graph", "virtual") else _unpushed(program)


@once_per_program
def _pushed(program: Program) -> Estimate:
    return _swept(program, _with_management(program))


@once_per_program
def _unpushed(program: Program) -> Estimate:
    return _swept(program, program.after)


def _swept(program: Program, after: Csr) -> Estimate:
    engines = program.machine.engines
    start, end = earliest_times(
        program.engine,
        program.cycles,
        [e.order == "outstanding" for e in engines],
        [e.servers for e in engines],
        after,
        program.waits,
        program.updates,
        program.barriers.previous,
    )
    return Estimate(start, end)


def _with_management(program: Program) -> Csr:
    """Dependences, and those of tasks on their enqueues and on the refills of the barriers they use."""
    rows, values = [program.after.rows()], [program.after.index]
    for t in np.nonzero(program.kind == Kind.ENQUEUE)[0].tolist():
        rows.append(program.lists[int(program.target[t])][int(program.low[t]) : int(program.high[t])])
        values.append(np.full(len(rows[-1]), t, np.int32))
    for t in np.nonzero(program.kind == Kind.PROGRAM)[0].tolist():
        for v in program.programs[t].tolist():
            rows.append(program.consumers[v])
            values.append(np.full(len(rows[-1]), t, np.int32))
    if len(rows) == 1:
        return program.after
    return Csr.of_set(np.concatenate(rows), np.concatenate(values), len(program))


def over_times(program: Program, times: Estimate) -> list[int]:
    """Per barrier the tick at which it is over: its last consumer starts, or its last producer ends if it has none."""
    waited = np.diff(program.consumers.start) > 0
    started, lifted = program.consumers.largest(int64(times.start)), program.producers.largest(int64(times.end))
    out: list[int] = np.where(waited, started, lifted).tolist()
    return out


def quiet_place(
    times: Estimate,
    listed: Sequence[int] | I32,
    low: int,
    high: int,
    *,
    late: bool = False,
    filled: Mapping[int, int] | None = None,
) -> int:
    """The place in [low, high] before which a queue idles longest; of equals the first, or the last if `late`.

    Place i is before the i-th task of the list `listed`; places beyond its end are not considered. `filled`: ticks that
    have been put into a place already.
    """
    filled = filled or {}
    best, found = -(1 << 62), low
    for place in range(low, min(high, len(listed) - 1) + 1):
        idle = times.start[listed[place]] - (times.end[listed[place - 1]] if place else 0) - filled.get(place, 0)
        if idle > best or (late and idle == best):
            best, found = idle, place
    return found
