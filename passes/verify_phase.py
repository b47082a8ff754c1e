"""Pass `wlm-verify-phase`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Kind, Program

PHASES = ("graph", "virtual", "physical", "managed")
_LISTED = 20


@dataclass(frozen=True)
class VerifyPhasePass(ProgramPass):
    """Check that a task graph is in a phase and holds nothing that is illegal there; the IR does not change.

    graph: dependences, no barriers. virtual: barriers without ids, no dependences. physical: ids and counts that equal
    the slots of the users. managed: every DPU and SHAVE task fetched once, every task pushed once, a tail barrier.
    """

    name = "wlm-verify-phase"
    phase: Literal["graph", "virtual", "physical", "managed"] = "managed"

    def transform(self, program: Program) -> Program:
        if self.phase not in PHASES:
            raise ScheduleError(f"{self.name}: phase is '{self.phase}'{did_you_mean(self.phase, PHASES)}")
        if program.phase != self.phase:
            raise ScheduleError(f"@{program.name} is in phase {program.phase}, not {self.phase}")
        found = [text for check in _CHECKS[self.phase] for text in check(program)]
        if found:
            more = [f"and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
            raise ScheduleError("\n".join([f"@{program.name}: {found[0]}", *found[1:_LISTED], *more]))
        return program


def _no_barriers(program: Program) -> Iterator[str]:
    if len(program.barriers):
        yield f"{len(program.barriers)} barriers, but phase graph has none"


def _no_dependences(program: Program) -> Iterator[str]:
    for t in np.nonzero(np.diff(program.after.start))[0].tolist():
        yield f"task '{program.names[t]}' has dependences (after), but from phase virtual on barriers order tasks"


def _stalls(program: Program) -> Iterator[str]:
    """Before assignment an ENQUEUE holds DPU and SHAVE tasks back (wlm-stall-enqueues); DMA lists are whole."""
    for t in np.nonzero(program.kind == Kind.ENQUEUE)[0].tolist():
        if not program.machine.engines[int(program.target[t])].descriptor_slots:
            yield f"'{program.names[t]}' pushes DMAs, which only phases physical and managed may hold"


def _not_programmed(program: Program) -> Iterator[str]:
    """An ENQUEUE may be there: it can hold tasks back as a barrier would (the last resort of wlm-assign-barriers)."""
    yield from _no_task(program, Kind.PROGRAM)
    yield from _nothing_booted(program)


def _no_task(program: Program, *kinds: Kind) -> Iterator[str]:
    for t in np.nonzero(np.isin(program.kind, kinds))[0].tolist():
        yield f"'{program.names[t]}' is management that only phase managed may hold"


def _nothing_booted(program: Program) -> Iterator[str]:
    if len(program.items) or len(program.bootstrap):
        yield "work items or a bootstrap, which only phase managed may hold"


def _virtual(program: Program) -> Iterator[str]:
    for v in np.nonzero(program.barriers.pid >= 0)[0].tolist():
        yield f"{program.barrier_name(v)} has an id, but in phase virtual no barrier is assigned"


def _assigned(program: Program) -> Iterator[str]:
    for v in np.nonzero(program.barriers.pid < 0)[0].tolist():
        yield f"barrier {program.barrier_name(v)} has no id; run wlm-assign-barriers"


def _used(program: Program) -> Iterator[str]:
    for v in np.nonzero(np.diff(program.producers.start) == 0)[0].tolist():
        yield f"barrier {program.barrier_name(v)} has no producer, so nothing lifts it [H7]"


def _waits(program: Program) -> Iterator[str]:
    counts = np.diff(program.waits.start)
    limits = np.asarray([e.max_waits for e in program.machine.engines], np.int32)[program.engine]
    for t in np.nonzero((limits > 0) & (counts > limits))[0].tolist():
        engine = program.engine_name(t)
        yield f"task '{program.names[t]}' waits on {counts[t]} barriers but @{engine} allows {limits[t]} [H9]"


def _counts(program: Program) -> Iterator[str]:
    for users, counted, word in (
        (program.producers, program.barriers.producers, "producers"),
        (program.consumers, program.barriers.consumers, "consumers"),
    ):
        slots = users.sums(program.slots)
        for v in np.nonzero(slots != counted)[0].tolist():
            yield f"{program.barrier_name(v)} counts {counted[v]} {word}, but its users have {slots[v]} slots [H9]"


def _complete(program: Program) -> Iterator[str]:
    if program.barriers.tail < 0:
        yield "no tail barrier, so firmware cannot tell when the program is complete [H10]"
    for e, tasks in enumerate(program.lists):
        if program.machine.engines[e].descriptor_slots and len(tasks):
            yield from _covered(program, e, Kind.FETCH, "fetched", "H4")
        if len(tasks):
            yield from _covered(program, e, Kind.ENQUEUE, "pushed", "H6")


def _covered(program: Program, engine: int, kind: Kind, verb: str, rule: str) -> Iterator[str]:
    times = np.zeros(len(program.lists[engine]), np.int64)
    for t in np.nonzero((program.kind == kind) & (program.target == engine))[0].tolist():
        times[int(program.low[t]) : int(program.high[t])] += 1
    if kind == Kind.ENQUEUE:
        for i in np.nonzero(program.items.engine == engine)[0].tolist():
            times[int(program.items.low[i]) : int(program.items.high[i])] += 1
    for i in np.nonzero(times != 1)[0].tolist():
        task = program.names[int(program.lists[engine][i])]
        yield f"task '{task}' is {verb} {times[i]} times, but must be once [{rule}]"


_Check = Callable[[Program], Iterator[str]]
_CHECKS: dict[str, tuple[_Check, ...]] = {
    "graph": (_no_barriers, _stalls, _not_programmed),
    "virtual": (_no_dependences, _stalls, _not_programmed, _virtual, _used),
    "physical": (_no_dependences, _not_programmed, _assigned, _used, _waits, _counts),
    "managed": (_no_dependences, _assigned, _used, _waits, _counts, _complete),
}
