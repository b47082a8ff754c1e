"""What if one class of management cost nothing: the same program run again with that class at its minimum."""

from collections.abc import Mapping

import numpy as np

from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.result import FINISHED
from wlm_dialect.runtime.run import run

FREE = ("interrupt", "fetch", "enqueue", "refill", "order", "all")
"""Classes of cost; all but the last are causes of `wlm_dialect.runtime.why`, "order" for its SYNCs."""

_KINDS = {
    "interrupt": (),
    "fetch": (Kind.FETCH,),
    "enqueue": (Kind.ENQUEUE,),
    "refill": (Kind.PROGRAM,),
    "order": (Kind.SYNC,),
    "all": (Kind.FETCH, Kind.ENQUEUE, Kind.PROGRAM, Kind.SYNC),
}


def what_if(program: Program, makespan: int) -> Mapping[str, int | None]:
    """Ticks that a managed program would save, per class of cost in `FREE`.

    Every step of firmware ("interrupt"), the DMAs of a kind, or "all" of these last one tick each; what waits for what
    stays. Classes that the program does not have save 0. None: the program does not finish then, so it is not safe.
    The savings of single classes need not add up to that of all, nor to the delay: one cost hides behind another.
    Service in order of arrival can make a run longer although each step is shorter; the saving is negative then.
    """
    return {name: _saved(program, name, makespan) for name in FREE}


def cheaper(program: Program, name: str) -> Program:
    """The program with one class of cost at its minimum."""
    changes: dict[str, object] = {}
    if name in ("interrupt", "all") and program.mode != "full":
        steps = ("interrupt", "program", "push", "build_fetch")
        changes["machine"] = program.machine.with_(**{f"firmware.{step}": 1 for step in steps})
    cheap = np.isin(program.kind, _KINDS[name])
    if cheap.any():
        changes["cycles"] = np.where(cheap, 1, program.cycles)
        changes["bytes"] = np.where(cheap, 0, program.bytes)
    return program.with_(**changes) if changes else program


def _saved(program: Program, name: str, makespan: int) -> int | None:
    other = cheaper(program, name)
    if other is program:
        return 0
    result = run(other)
    return makespan - result.makespan if result.outcome == FINISHED else None
