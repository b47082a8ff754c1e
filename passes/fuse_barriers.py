"""Pass `wlm-fuse-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I32, Csr, int32
from wlm_dialect.kernels.fusion import NEVER, Engines, Fused, Needs, Rules, Tasks, fuse
from wlm_dialect.passes.analysis.order import enqueuers
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.reordering import reordered
from wlm_dialect.program import Barriers, Kind, Program

WINDOW = 24  # tasks of one engine: farther ahead there is always another barrier to share
_NAMED = 8  # tasks of a deadlock
_NEIGHBOURS = 24  # tasks behind a fetch among which its pulse is looked for


@dataclass(frozen=True)
class FuseBarriersPass(ProgramPass):
    """Let waits share barriers: the fewest with which, by estimate, no task starts later.

    Every order between tasks that barriers keep is kept, by fewer barriers: a task may wait on a barrier that lifts
    later than it must, as long as that is before the task would start. With `tolerance`, in percent of the mean
    duration of a task, it may wait so much longer; each barrier saved is an interrupt less where firmware manages. With
    `early` an earlier task of the engine may wait for a later one, so that barriers live shorter. Each task waits on at
    most one barrier. Tasks are listed by start; each engine's list stays as it is.

    Precondition: phase virtual. Postcondition: every task that had to wait for another one still does. Barriers without
    consumers, and the tail, stay as they are.
    """

    name = "wlm-fuse-barriers"
    phases = ("virtual",)
    tolerance: int = 0
    early: bool = False

    def transform(self, program: Program) -> Program:
        if self.tolerance < 0:
            raise ScheduleError(f"{self.name}: tolerance is {self.tolerance} but must be at least 0 (percent)")
        return fused(program, self.tolerance, early=self.early)


def fused(program: Program, tolerance: int = 0, *, early: bool = False) -> Program:
    """The program with as few barriers as `tolerance` percent of the mean duration allows, tasks listed by start."""
    limits = program.machine.barriers
    ticks = int(program.cycles.mean() * tolerance) // 100 if len(program) else 0
    rules = Rules(ticks, WINDOW if early else 0, limits.max_producers, limits.max_consumers, limits.max_sum)
    tasks = Tasks(program.engine, program.position, program.cycles, program.slots)
    needs = _needs(program)
    result = fuse(_engines(program), tasks, needs, rules)
    if (result.begin < 0).any():
        raise _deadlock(program, needs, result)
    return reordered(_with_barriers(program, result), np.argsort(result.begin, kind="stable").astype(np.int32))


def _engines(program: Program) -> Engines:
    models = program.machine.engines
    start = np.zeros(len(models) + 1, np.int32)
    np.cumsum([len(tasks) for tasks in program.lists], out=start[1:])
    servers = np.full((len(models), max(e.servers for e in models)), NEVER, np.int64)
    for row, model in zip(servers, models, strict=True):
        row[: model.servers] = 0
    return Engines(
        start,
        np.concatenate(program.lists),
        servers,
        np.asarray([e.ends_in_order for e in models]),
        np.asarray([e.order != "pool" for e in models]),
        np.zeros(len(models), np.int64),
    )


def _deadlock(program: Program, needs: Needs, result: Fused) -> ScheduleError:
    """Names the tasks that wait for each other."""
    producers, quiet = program.producers.lists(), Csr(needs.quiet_start, needs.quiet)
    path = [int(np.argmin(result.begin))]
    while path[-1] not in path[:-1]:
        t = path[-1]
        before = [int(program.predecessor[t]), *quiet[t].tolist(), *(p for v in program.waits[t] for p in producers[v])]
        path.append(next(p for p in before if p >= 0 and result.begin[p] < 0))
    names = [f"'{program.names[t]}'" for t in path[path.index(path[-1]) :]]
    shown = names if len(names) <= _NAMED else [*names[:_NAMED], f"{len(names) - _NAMED - 1} more", names[-1]]
    return ScheduleError(
        f"@{program.name}: tasks wait for each other, each for the next: {', '.join(shown)}; let barriers and added "
        "orders point forward, from tasks that are listed earlier [H7]"
    )


def _needs(program: Program) -> Needs:
    """The barriers as groups of producers, and the order of fetches, which no barrier keeps."""
    producers = program.producers
    barrier, task = producers.rows(), producers.index
    in_order = np.asarray([e.ends_in_order for e in program.machine.engines])[program.engine[task]]
    ordered = task[in_order]
    # the last producer of each group on each engine: producers of a barrier ascend, so it is the last of its run
    key = barrier[in_order].astype(np.int64) * len(program.machine.engines) + program.engine[ordered]
    by_key = np.argsort(key, kind="stable")
    last = by_key[np.append(key[by_key][1:] != key[by_key][:-1], True)] if len(key) else by_key
    lane, position = program.engine[ordered[last]], program.position[ordered[last]]
    last_start = np.zeros(len(producers) + 1, np.int32)
    np.cumsum(np.bincount(barrier[in_order][last], minlength=len(producers)), out=last_start[1:])
    start = np.zeros(len(producers) + 1, np.int32)
    np.cumsum(np.bincount(barrier[~in_order], minlength=len(producers)), out=start[1:])
    quiet = _after_fetches(program)
    return Needs(
        program.waits.start,
        program.waits.index,
        last_start,
        lane,
        position,
        start,
        task[~in_order],
        quiet.start,
        quiet.index,
    )


def _after_fetches(program: Program) -> Csr:
    """Task -> the fetch of its group, of which it is the first (H4), or what pulses behind that to tell firmware.

    And every task that an enqueue holds back -> that enqueue.
    """
    push = enqueuers(program)
    held = np.nonzero(push >= 0)[0]
    rows, values = held.tolist(), push[held].tolist()
    last, lonely = last_use(program), np.diff(program.consumers.start) == 0

    def told(task: int, first: int) -> list[int]:
        return [v for v in program.updates[task].tolist() if last[v] < first and v != program.barriers.tail]

    for t in np.nonzero(program.kind == Kind.FETCH)[0].tolist():
        first = int(program.lists[int(program.target[t])][int(program.low[t])])
        at = int(program.position[t])
        behind = program.lists[int(program.engine[t])][at : at + _NEIGHBOURS].tolist()
        tells = next((s for s in behind if s >= first or told(s, first)), t)
        pulses = [v for v in told(tells, first) if lonely[v]] if tells < first else []
        come_first = program.producers[pulses[0]].tolist() if pulses else [t]  # fetches may share a pulse
        values += come_first
        rows += [first] * len(come_first)
    return Csr.of_set(int32(rows), int32(values), len(program))


def _with_barriers(program: Program, result: Fused) -> Program:
    """The program with the new barriers first, then those without consumers."""
    count = len(result.producers)
    kept = np.nonzero(np.diff(program.consumers.start) == 0)[0]
    number = np.full(len(program.barriers), -1, np.int32)
    number[kept] = count + np.arange(len(kept), dtype=np.int32)
    waiting = np.nonzero(result.barrier >= 0)[0]
    old = number[program.updates.index]
    barrier = np.concatenate([result.producers.rows(), old[old >= 0]])
    task = np.concatenate([result.producers.index, program.updates.rows()[old >= 0]])
    tail = program.barriers.tail
    return program.with_(
        waits=_table(len(program), waiting.astype(np.int32), result.barrier[waiting]),
        updates=_table(len(program), task, barrier),
        barriers=Barriers.virtual(count + len(kept), int(number[tail]) if tail >= 0 else -1),
    )


def _table(rows: int, row: I32, column: I32) -> Csr:
    order = np.lexsort((column, row))
    start = np.zeros(rows + 1, np.int32)
    np.cumsum(np.bincount(row, minlength=rows), out=start[1:])
    return Csr(start, column[order])
