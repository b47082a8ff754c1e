"""What a run cost and why: plain data, computed from the recorded times. Text and pictures are made elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I64
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.causes import NEVER, Causes, ready_ticks
from wlm_dialect.runtime.critical_path import Step, path_steps
from wlm_dialect.runtime.result import FINISHED, RunResult
from wlm_dialect.runtime.trail import find_trail
from wlm_dialect.runtime.what_if import what_if
from wlm_dialect.runtime.why import Why, explain

STALLS = ("barrier", "fetch", "enqueue", "firmware", "order", "dispatch")
"""Why an engine stood still before a task, in the order in which a gap is charged (see `split_gap`)."""


@dataclass(frozen=True)
class EngineRow:
    """One engine over the run, in ticks: busy + management + the stalls + rest = the horizon."""

    name: str
    tasks: int
    busy: int  # at least one task of the network runs
    management: int  # otherwise, at least one management DMA runs
    stalls: dict[str, int]  # by STALLS
    rest: int  # after the last task; 0 where the run stopped before it
    queued: int  # summed over tasks: ready, but behind earlier ones of the same engine (not part of the sum above)

    def utilisation(self, horizon: int) -> float:
        """Share of the run in which the engine did the network's work."""
        return self.busy / horizon if horizon else 0.0


@dataclass(frozen=True)
class Traffic:
    """Management DMAs of one kind."""

    kind: str
    count: int
    bytes: int
    ticks: int


@dataclass(frozen=True)
class Mark:
    """The most that was ever in use of something limited; `limit` 0 = no limit applies."""

    what: str
    most: int
    limit: int


@dataclass(frozen=True, eq=False)
class Occupancy:
    """A step function: from `ticks[i]` on, `count[i]` barriers hold an instance that is armed and not over."""

    ticks: I64
    count: I64

    @property
    def peak(self) -> int:
        """The most at any time."""
        return int(self.count.max()) if len(self.count) else 0

    def mean(self, horizon: int) -> float:
        """Averaged over [0, horizon)."""
        if not len(self.ticks) or horizon <= 0:
            return 0.0
        widths = np.diff(np.append(np.minimum(self.ticks, horizon), horizon))
        return float((widths * self.count).sum() / horizon)


@dataclass(frozen=True, eq=False)
class Report:
    """Everything worth saying about one run. `horizon` is the makespan, or the last tick of a run that stopped."""

    result: RunResult
    horizon: int
    engines: tuple[EngineRow, ...]
    occupancy: Occupancy
    traffic: tuple[Traffic, ...]
    refills: int  # barrier instances programmed after t = 0
    marks: tuple[Mark, ...]
    path: tuple[Step, ...]
    why: Why
    saved: Mapping[str, int | None] | None = None  # see `wlm_dialect.runtime.what_if`; None = not asked for

    @property
    def stalls(self) -> dict[str, int]:
        """Ticks by reason, over all engines."""
        return {reason: sum(row.stalls[reason] for row in self.engines) for reason in STALLS}


def make_report(result: RunResult, ideal: RunResult | None = None, *, free: bool = False) -> Report:
    """The report of a run, whatever its outcome; `ideal` is the run of the graph that its program was made from.

    `free` runs a managed program that finished again, with each class of cost at its minimum, in nominal times.
    """
    trail = find_trail(result)
    causes = trail.causes
    horizon = horizon_of(result)
    booted = len(result.program.bootstrap)
    pushed = int(np.count_nonzero(result.armed >= 0)) if result.program.phase == "managed" else booted
    return Report(
        result,
        horizon,
        engine_rows(result, causes, horizon),
        barrier_occupancy(result, horizon),
        management_traffic(result.program),
        max(0, pushed - booted),
        high_water_marks(result, causes),
        path_steps(trail),
        explain(trail, ideal),
        what_if(result.program, result.makespan) if free and _comparable(result) else None,
    )


def _comparable(result: RunResult) -> bool:
    return result.outcome == FINISHED and result.program.phase == "managed"


def horizon_of(result: RunResult) -> int:
    """The makespan of a run that finished, otherwise the last tick at which anything happened."""
    last = [int(a.max()) for a in (result.end, result.start, result.armed) if len(a)]
    if result.hazard is not None:
        last.append(result.hazard.tick)
    return max([result.makespan, 0, *last])


def split_gap(
    result: RunResult, causes: Causes, ready: int, task: int, free: int, stop: int | None = None
) -> list[tuple[str, int, int]]:
    """The idle stretch [free, start(task)) of an engine as consecutive parts (reason, from, to).

    A gap is first charged to what the dependences impose: until the last of the task's waits lifts it is "barrier",
    management or not. What remains was the price of management: until the descriptor is there "fetch", until the
    pointer is in the FIFO "enqueue" (by DMA) or "firmware", until the engine takes it "order", then "dispatch".
    For a task that never started, `stop` says where the stretch ends.
    """
    start = int(result.start[task]) if stop is None else stop
    fetch = int(causes.fetch[task])
    pushed = "enqueue" if causes.enqueue[task] >= 0 else "firmware"
    bounds = (
        ("barrier", ready),
        ("fetch", _tick(result.end, fetch) if fetch >= 0 else 0),
        (pushed, _tick(result.enqueued, task)),
        ("order", _tick(result.head, task)),
        ("dispatch", start),
    )
    parts: list[tuple[str, int, int]] = []
    at = free
    for reason, until in bounds:
        until = min(until, start)
        if until > at:
            parts.append((reason, at, until))
            at = until
    return parts


def _tick(ticks: I64, n: int) -> int:
    return int(ticks[n]) if ticks[n] >= 0 else NEVER


def engine_rows(result: RunResult, causes: Causes, horizon: int) -> tuple[EngineRow, ...]:
    """One row per engine of the machine that has tasks."""
    ready = ready_ticks(result)
    start, end, kinds = result.start.tolist(), result.end.tolist(), result.program.kind.tolist()
    rows: list[EngineRow] = []
    for model, tasks in zip(result.program.machine.engines, result.program.lists, strict=True):
        if not len(tasks):
            continue
        stalls = dict.fromkeys(STALLS, 0)
        busy = management = queued = free = 0
        started = sorted((t for t in tasks.tolist() if start[t] >= 0), key=start.__getitem__)
        for t in started:
            for reason, low, high in split_gap(result, causes, ready[t], t, free):
                stalls[reason] += high - low
            queued += max(0, min(free, start[t]) - ready[t])
            stop = end[t] if end[t] >= 0 else horizon
            covered = max(0, stop - max(free, start[t]))
            if kinds[t] == Kind.RUN:
                busy += covered
            else:
                management += covered
            free = max(free, stop)
        if len(started) < len(tasks):  # the run stopped first: what the next task was waiting for all the time
            t = next(t for t in tasks.tolist() if start[t] < 0)
            for reason, low, high in split_gap(result, causes, ready[t], t, free, horizon):
                stalls[reason] += high - low
            free = horizon
        rows.append(EngineRow(model.name, len(tasks), busy, management, stalls, max(0, horizon - free), queued))
    return tuple(rows)


def barrier_occupancy(result: RunResult, horizon: int) -> Occupancy:
    """How many physical barriers are in use over time; nothing for a program without physical barriers."""
    return Occupancy(*_steps(*_lifetimes(result, horizon)))


def _lifetimes(result: RunResult, horizon: int) -> tuple[I64, I64]:
    """armed and over of every instance that was armed, `horizon` where it is not over."""
    used = (result.program.barriers.pid >= 0) & (result.armed >= 0)
    over = np.where(result.over[used] >= 0, result.over[used], horizon)
    return result.armed[used], np.maximum(over, result.armed[used])


def _steps(begin: I64, end: I64) -> tuple[I64, I64]:
    """The number of intervals [begin, end) over time, as ticks and values, one entry per change."""
    if not len(begin):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ticks, index = np.unique(np.concatenate([begin, end]), return_inverse=True)
    change = np.zeros(len(ticks), np.int64)
    np.add.at(change, index, np.repeat(np.array([1, -1]), [len(begin), len(end)]))
    value = np.cumsum(change)
    keep = np.concatenate([[True], np.diff(value) != 0])
    return ticks[keep], value[keep]


def management_traffic(program: Program) -> tuple[Traffic, ...]:
    """Transfers, bytes and channel time per kind of management DMA; kinds that do not occur are left out."""
    out: list[Traffic] = []
    for kind in (Kind.FETCH, Kind.ENQUEUE, Kind.PROGRAM, Kind.SYNC):
        tasks = np.nonzero(program.kind == kind)[0]
        if len(tasks):
            moved = sum(transfer_bytes(program, t) for t in tasks.tolist())
            out.append(Traffic(kind.name.lower(), len(tasks), moved, int(program.cycles[tasks].sum())))
    return tuple(out)


def transfer_bytes(program: Program, task: int) -> int:
    """Bytes that a management DMA moves: as stated in the IR, otherwise what the machine model says."""
    stated = int(program.bytes[task])
    count = int(program.high[task]) - int(program.low[task])
    costs = program.machine.management
    match Kind(int(program.kind[task])):
        case Kind.FETCH:
            return stated or count * program.machine.engines[int(program.target[task])].descriptor_bytes
        case Kind.ENQUEUE:
            return stated or (1 if costs.linked_enqueue else count) * costs.enqueue_bytes
        case Kind.PROGRAM:
            return stated or len(program.programs[task]) * costs.program_bytes
        case _:
            return stated


def high_water_marks(result: RunResult, causes: Causes) -> tuple[Mark, ...]:
    """Work FIFOs and descriptor slots per engine, barriers, barrier FIFOs and counters, each against its limit."""
    program = result.program
    horizon = horizon_of(result)
    marks: list[Mark] = []
    if program.phase == "managed":
        for engine, tasks in enumerate(program.lists):
            if len(tasks):
                marks += _engine_marks(result, causes, engine, horizon)
    table = program.barriers
    if len(table) and int(table.pid.max()) >= 0:
        limits = program.machine.barriers
        marks.append(Mark("barriers in use", barrier_occupancy(result, horizon).peak, limits.count))
        marks.append(Mark("producers of a barrier", int(table.producers.max()), limits.max_producers))
        marks.append(Mark("consumers of a barrier", int(table.consumers.max()), limits.max_consumers))
        marks.append(Mark("slots of a barrier", int((table.producers + table.consumers).max()), limits.max_sum))
        if program.phase == "managed":
            marks.append(Mark("instances behind a barrier", _queued_instances(result, causes), limits.fifo_depth))
    return tuple(marks)


def _engine_marks(result: RunResult, causes: Causes, engine: int, horizon: int) -> list[Mark]:
    program = result.program
    model, tasks = program.machine.engines[engine], program.lists[engine]
    entries = tasks[result.enqueued[tasks] >= 0]
    whole = model.kind == "dma" and program.mode == "full"  # linked and enqueued whole: no FIFO entry per task
    if program.machine.management.linked_enqueue:
        position = program.position[entries]
        dma = causes.enqueue[entries]
        entries = entries[(dma < 0) | (program.low[np.maximum(dma, 0)] == position)]
    head = np.where(result.head[entries] >= 0, result.head[entries], horizon)
    _, count = _steps(result.enqueued[entries], np.maximum(head, result.enqueued[entries]))
    most = int(count.max()) if len(count) else 0
    marks = [Mark(f"FIFO of {model.name}", most, 0 if whole else model.fifo_depth)]
    if model.descriptor_slots:
        held = tasks[causes.fetch[tasks] >= 0]
        begin = result.start[causes.fetch[held]]
        held, begin = held[begin >= 0], begin[begin >= 0]
        end = np.where(result.end[held] >= 0, result.end[held], horizon)
        _, count = _steps(begin, np.maximum(end, begin))
        most = int(count.max()) if len(count) else 0
        marks.append(Mark(f"descriptors of {model.name}", most, model.descriptor_slots))
    return marks


def _queued_instances(result: RunResult, causes: Causes) -> int:
    """The most instances that waited behind the current one of any physical barrier."""
    program = result.program
    pushed = result.armed.copy()  # firmware pushes an instance at the moment it arms it
    pushed[program.bootstrap] = 0
    by_dma = np.nonzero(causes.program >= 0)[0]
    pushed[by_dma] = result.end[causes.program[by_dma]]
    most = 0
    for pid in np.unique(program.barriers.pid).tolist():
        mine = np.nonzero((program.barriers.pid == pid) & (pushed >= 0))[0]
        armed = np.where(result.armed[mine] >= 0, result.armed[mine], horizon_of(result))
        _, count = _steps(pushed[mine], np.maximum(armed, pushed[mine]))
        most = max(most, int(count.max()) if len(count) else 0)
    return most
