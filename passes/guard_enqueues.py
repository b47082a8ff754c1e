"""Pass `wlm-guard-enqueues`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.analysis.estimate import Estimate, estimate
from wlm_dialect.passes.assign_barriers import fifos
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import add_to_rows
from wlm_dialect.passes.place_programs import refillable
from wlm_dialect.program import Barriers, Kind, Program


@dataclass(frozen=True)
class GuardEnqueuesPass(ProgramPass):
    """Full mode: a barrier of its own per work FIFO, whose instances say "the next range may be pushed".

    An enqueue of DPU or SHAVE tasks waits on the next instance of the physical barrier that is reserved for their FIFO.
    It is produced by a task of the engine itself, the latest that, by estimate, ends before the enqueue could start
    anyway. So the FIFO holds no more than what follows that task and the next range, whatever takes longer than
    estimated. An enqueue before which nothing ends early enough relies on its place in the queue.

    The task was pushed by the enqueue that waited on the instance before, or a later one, so when it ends that instance
    is over (H2); and the enqueues of a FIFO are in order on one queue (H1).

    Precondition: phase physical, enqueues placed, physical barriers left over by wlm-assign-barriers{per_fifo=true}.
    Postcondition: phase physical; nothing changes where refills would find no place.
    """

    name = "wlm-guard-enqueues"
    phases = ("physical",)

    def transform(self, program: Program) -> Program:
        guards = _guards(program)
        changed = _guarded(program, guards) if guards else program
        return changed if changed is program or refillable(changed) else program


def _guards(program: Program) -> list[tuple[int, int, int]]:
    """(physical barrier, producer, enqueue) in the order of the instances of each barrier."""
    used = set(program.barriers.pid.tolist())
    free = [pid for pid in range(program.machine.barriers.count) if pid not in used]
    times = estimate(program, managed=True)
    limits = program.machine.barriers
    out: list[tuple[int, int, int]] = []
    for engine, pid in zip(fifos(program), free, strict=False):
        pushes = np.nonzero((program.kind == Kind.ENQUEUE) & (program.target == engine))[0].tolist()
        pushes.sort(key=lambda t: int(program.low[t]))
        first = 0  # pushed by the enqueue that waited on the instance before, or later
        for push in pushes[1:]:
            task = _latest(program, times, first, push)
            if task >= 0 and int(program.slots[task]) <= min(limits.max_producers, limits.max_sum - 1):
                out.append((pid, task, push))
                first = int(program.low[push])
    return out


def _latest(program: Program, times: Estimate, first: int, push: int) -> int:
    """The last task, from place `first` of its list on, that ends, by estimate, before `push` could start; or -1."""
    former = int(program.predecessor[push])
    ready = times.end[former] if former >= 0 else 0
    tasks = program.lists[int(program.target[push])][first : int(program.low[push])]
    return next((t for t in reversed(tasks.tolist()) if t < push and times.end[t] <= ready), -1)


def _guarded(program: Program, guards: list[tuple[int, int, int]]) -> Program:
    table, first = program.barriers, len(program.barriers)

    def grown(column: I32, values: list[int]) -> I32:
        return np.concatenate([column, np.asarray(values, column.dtype)])

    barriers = Barriers(
        grown(table.pid, [pid for pid, _, _ in guards]),
        grown(table.producers, [int(program.slots[task]) for _, task, _ in guards]),
        grown(table.consumers, [int(program.slots[push]) for _, _, push in guards]),
        grown(table.irq, [0] * len(guards)),
        table.tail,
    )
    return program.with_(
        barriers=barriers,
        waits=add_to_rows(program.waits, [(push, first + n) for n, (_, _, push) in enumerate(guards)]),
        updates=add_to_rows(program.updates, [(task, first + n) for n, (_, task, _) in enumerate(guards)]),
    )
