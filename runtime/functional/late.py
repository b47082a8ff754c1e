"""Lazy timings: some engines do everything as late as the machine allows, all others as soon as it allows.

A task of a late engine starts when everything that does not wait for it has happened. If something should have waited
and does not, it has read or overwritten what the late task was to write or read: the numbers are wrong. One engine late
at a time puts the two tasks of any missing dependence between engines in the wrong order; all engines of a kind late
together take fewer runs and see most.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.timing import Timing

MARGIN = 1000  # ticks per task and barrier that firmware and management may need beside their own durations


def late(program: Program, engines: Iterable[int]) -> Timing:
    """A timing in which the work of `engines` starts as late as legal; every other task lasts one tick."""
    chosen = np.isin(program.engine, np.asarray(list(engines), np.int32)) & (program.kind == Kind.RUN)
    quick = int(program.cycles[program.kind != Kind.RUN].sum())
    delay = quick + MARGIN * (len(program) + len(program.barriers) + 1)
    tasks = np.nonzero(program.kind == Kind.RUN)[0].tolist()
    return Timing(
        dispatch=dict.fromkeys(np.nonzero(chosen)[0].tolist(), delay),
        duration=dict.fromkeys(tasks, 1),
    )


def late_kinds(program: Program) -> Iterator[tuple[str, Timing]]:
    """One lazy timing per kind of engine that has work."""
    busy = set(program.engine[program.kind == Kind.RUN].tolist())
    kinds: dict[str, list[int]] = {}
    for e in sorted(busy):
        kinds.setdefault(program.machine.engines[e].kind, []).append(e)
    for kind, engines in kinds.items():
        yield f"{kind} late", late(program, engines)


def late_engines(program: Program) -> Iterator[tuple[str, Timing]]:
    """One lazy timing per engine that has work."""
    for e in sorted(set(program.engine[program.kind == Kind.RUN].tolist())):
        yield f"{program.machine.engines[e].name} late", late(program, (e,))
