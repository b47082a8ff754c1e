"""The runtime witness: races by happens-before in a run whose times were kind; runs under latencies of every kind."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from wlm_dialect.errors import SimulationError
from wlm_dialect.program import Program
from wlm_dialect.runtime.causes import HandlerIndex, find_causes
from wlm_dialect.runtime.conflicts import as_virtual, conflicts
from wlm_dialect.runtime.hazards import task_text
from wlm_dialect.runtime.result import FINISHED, Hazard, RunResult
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.tables import links
from wlm_dialect.runtime.timing import Timing

KINDS = ("uniform", "heavy", "adversarial", "lazy")
UNIFORM_PERCENT = 25


def find_unordered(result: RunResult) -> tuple[Hazard, ...]:
    """Conflicting accesses of memory that were ordered by their times only (H8), in program order.

    What orders two tasks for certain: engines, barriers, pushes, and firmware as it served in this run. The run must
    have finished; SimulationError otherwise.
    """
    if result.outcome != FINISHED:
        raise SimulationError(f"@{result.program.name}: races are looked for in a run that finished")
    before, after = conflicts(result.program)
    if not len(before):
        return ()
    order = _HappensBefore(result)
    out = []
    for a, b in sorted(set(zip(before.tolist(), after.tolist(), strict=True)), key=lambda pair: (pair[1], pair[0])):
        if not order.ended_before(a, b):
            p = result.program
            text = (
                f"{task_text(p, b)} starts at tick {int(result.start[b])} and uses data of {task_text(p, a)}, which "
                f"ended at tick {int(result.end[a])}, but nothing makes it wait"
            )
            out.append(Hazard("H8", int(result.start[b]), b, -1, -1, text, a))
    return tuple(out)


class _HappensBefore:
    """Per event the tasks that have certainly ended: per engine how many, or a mask where they end in any order."""

    def __init__(self, result: RunResult) -> None:
        p = result.program
        self.result, self.program = result, as_virtual(p) if p.phase == "graph" else p
        self.in_order = [e.ends_in_order for e in p.machine.engines]
        n = len(p)
        # nodes: push, head, start, end of each task, then handlers
        self.causes: list[list[int]] = [[] for _ in range(4 * n + len(result.handlers))]
        self._tasks()
        self._pushes()
        self._handlers()
        self.clock = self._sweep()

    def ended_before(self, a: int, b: int) -> bool:
        """The end of task `a` comes before the start of task `b`."""
        e = int(self.program.engine[a])
        known, at = self.clock[2 * len(self.program) + b][e], int(self.program.position[a])
        return known > at if self.in_order[e] else bool(known >> at & 1)

    def _tasks(self) -> None:
        p, n = self.program, len(self.program)
        link = links(p).tolist() if p.phase == "managed" else [0] * n
        for e, tasks in enumerate(p.lists):
            engine = p.machine.engines[e]
            row = tasks.tolist()
            for i, t in enumerate(row):
                head, start = self.causes[n + t], self.causes[2 * n + t]
                head.append(t)
                start.append(n + t)
                self.causes[3 * n + t].append(2 * n + t)
                start += [3 * n + u for v in p.waits[t].tolist() for u in p.producers[v].tolist()]
                if i and link[t] == 1:
                    head.append(3 * n + row[i - 1])
                if i and engine.order == "serial":
                    head.append(3 * n + row[i - 1])
                elif i and engine.order == "pool":
                    head.append(n + row[i - 1])
                elif i:
                    head.append(2 * n + row[i - 1])
                if engine.order in ("prefetching", "outstanding") and i >= engine.servers:
                    start.append(3 * n + row[i - engine.servers])

    def _pushes(self) -> None:
        """A push comes after the start of its ENQUEUE, the push before, and the head that makes room."""
        p, n = self.program, len(self.program)
        who, link = find_causes(p), links(p).tolist()
        running = HandlerIndex(self.result.handlers)
        number = {id(h): i for i, h in enumerate(self.result.handlers)}
        for e, tasks in enumerate(p.lists):
            entries: list[int] = []
            for i, t in enumerate(tasks.tolist()):
                if not link[t]:
                    entries.append(t)
                if who.enqueue[t] >= 0:
                    by = int(who.enqueue[t])
                    self.causes[t].append(2 * n + by)
                    self.causes[3 * n + by].append(t)
                    room = len(entries) - 1 - p.machine.engines[e].fifo_depth
                    if room >= 0 and p.machine.full_fifo == "block":
                        self.causes[t].append(n + entries[room])
                    if i and who.enqueue[tasks[i - 1]] == by:
                        self.causes[t].append(int(tasks[i - 1]))
                elif who.item[t] >= 0 and self.result.enqueued[t] > 0:
                    at = running.at(int(self.result.enqueued[t]))
                    if at >= 0:
                        self.causes[t].append(4 * n + number[id(running.handlers[at])])

    def _handlers(self) -> None:
        p, n = self.program, len(self.program)
        served = sorted(range(len(self.result.handlers)), key=lambda i: self.result.handlers[i].start)
        last = -1
        ended = p.machine.barriers.consume_at == "end"
        for i in served:
            handler, causes = self.result.handlers[i], self.causes[4 * n + i]
            if last >= 0:
                causes.append(4 * n + last)
            last = i
            if handler.fetch >= 0:
                causes.append(3 * n + handler.fetch)
            else:
                causes += [3 * n + t for t in p.producers[handler.barrier].tolist()]
                causes += [(3 if ended else 2) * n + t for t in p.consumers[handler.barrier].tolist()]

    def _sweep(self) -> list[list[int]]:
        p, n = self.program, len(self.program)
        after: list[list[int]] = [[] for _ in self.causes]
        missing = [len(row) for row in self.causes]
        for node, row in enumerate(self.causes):
            for x in row:
                after[x].append(node)
        clock: list[list[int]] = [[] for _ in self.causes]
        ready = [node for node, count in enumerate(missing) if not count]
        engine, position = p.engine.tolist(), p.position.tolist()
        for node in ready:
            known = [0] * len(p.lists)
            for x in self.causes[node]:
                for e, value in enumerate(clock[x]):
                    known[e] = max(known[e], value) if self.in_order[e] else known[e] | value
            if 3 * n <= node < 4 * n:
                e, at = engine[node - 3 * n], position[node - 3 * n]
                known[e] = max(known[e], at + 1) if self.in_order[e] else known[e] | 1 << at
            clock[node] = known
            for x in after[node]:
                missing[x] -= 1
                if not missing[x]:
                    ready.append(x)
        return clock


def make_timing(program: Program, kind: str, seed: int) -> Timing:
    """A random timing of one of `KINDS`."""
    match kind:
        case "uniform":
            return Timing.uniform(program, UNIFORM_PERCENT, seed)
        case "heavy":
            return Timing.heavy_tail(program, seed)
        case "adversarial":
            return Timing.adversarial(program, seed)
        case _:
            return Timing.lazy(program, seed)


@dataclass(frozen=True)
class Stress:
    """What many runs came to: per kind of timing how many finished, and the first one that went wrong."""

    finished: Counter[str] = field(default_factory=Counter)
    failed: RunResult | None = None
    timing: Timing | None = None  # of the run that went wrong
    kind: str = ""
    seed: int = 0
    hazard: Hazard | None = None


def stress(program: Program, runs: int, *, seed: int = 0, repeat: int = 2) -> Stress:
    """`runs` runs under timings of all kinds in turn, each `repeat` times without a reset, up to the first that fails.

    A run fails if it does not finish, if it ends in another state than it began in, or if it has a race by
    happens-before.
    """
    if runs < 1:
        raise SimulationError(f"{runs} runs show nothing; ask for 1 at least")
    finished: Counter[str] = Counter()
    for kind, number in _plan(runs, seed):
        timing = make_timing(program, kind, number)
        result = run(program, timing=timing, engine="events", ties=number, repeat=repeat)
        hazard = result.hazard
        if result.outcome == FINISHED:
            hazard = next(iter(find_unordered(result)), None)
        if hazard is not None or result.outcome != FINISHED:
            return Stress(finished, result, timing, kind, number, hazard)
        finished[kind] += 1
    return Stress(finished)


def _plan(runs: int, seed: int) -> Iterator[tuple[str, int]]:
    for n in range(runs):
        yield KINDS[n % len(KINDS)], seed + n // len(KINDS)
