"""The critical path by name: the trail of a run as stretches of time that follow each other without a gap."""

from dataclasses import dataclass
from itertools import pairwise

from wlm_dialect.program import Kind
from wlm_dialect.runtime.result import RunResult
from wlm_dialect.runtime.trail import Point, Trail, find_trail

RUN, MANAGEMENT, FIRMWARE, DISPATCH = "run", "management", "firmware", "dispatch"


@dataclass(frozen=True)
class Step:
    """A stretch [start, end) of ticks of the path, and why its end was waited for."""

    kind: str  # RUN, MANAGEMENT (a DMA), FIRMWARE (a handler), DISPATCH (nothing recorded explains it)
    task: int  # -1 for firmware and unexplained stretches
    name: str
    where: str  # engine, or "firmware"
    start: int
    end: int
    why: str

    @property
    def ticks(self) -> int:
        """Length of the stretch."""
        return self.end - self.start


def critical_path(result: RunResult) -> tuple[Step, ...]:
    """The stretches in order of time; they join without a gap and cover [0, completion] of a run that finished.

    In a run that stopped early the path leads to the last end that was seen.
    """
    return path_steps(find_trail(result))


def path_steps(trail: Trail) -> tuple[Step, ...]:
    """The stretches between the points of a trail. What lies before a first point after tick 0 is unexplained."""
    steps: list[Step] = []
    if trail.points and trail.points[0].tick > 0:
        first = trail.points[0]
        steps.append(Step(DISPATCH, -1, "unexplained", "", 0, first.tick, _why(trail, first)))
    for a, b in pairwise(trail.points):
        if b.tick > a.tick:
            steps.append(_step(trail, a, b))
    return tuple(steps)


def path_by_kind(path: tuple[Step, ...]) -> dict[str, int]:
    """Ticks of the path per kind of stretch."""
    totals = dict.fromkeys((RUN, MANAGEMENT, FIRMWARE, DISPATCH), 0)
    for step in path:
        totals[step.kind] += step.ticks
    return totals


def _step(trail: Trail, a: Point, b: Point) -> Step:
    """What happened between a cause and its effect: the body of a task or handler, else nothing we know of."""
    program, why = trail.result.program, _why(trail, b)
    if b.what == "end":
        kind = RUN if program.kind[b.n] == Kind.RUN else MANAGEMENT
        return Step(kind, b.n, program.names[b.n], program.engine_name(b.n), a.tick, b.tick, why)
    if b.what == "handler":
        return Step(FIRMWARE, -1, _handler_name(trail, b.n), "firmware", a.tick, b.tick, why)
    task = b.n if b.what in ("start", "head", "enqueued") else -1
    return Step(DISPATCH, task, "dispatch", "", a.tick, b.tick, why)


def _handler_name(trail: Trail, n: int) -> str:
    handler, program = trail.handlers.handlers[n], trail.result.program
    if handler.barrier >= 0:
        return f"interrupt of {program.barrier_name(handler.barrier)}"
    return f"interrupt of {program.names[handler.fetch]}"


def _why(trail: Trail, point: Point) -> str:
    """`Point.how` in words."""
    program, to = trail.result.program, point.to
    match point.how:
        case "tail":
            return f"lifts tail barrier {program.barrier_name(to)}"
        case "last":
            return "ends last"
        case "busy":
            return "firmware was busy with it"
        case "serve":
            return f"{_handler_name(trail, to)} follows"
        case "waits":
            return f"lifts {program.barrier_name(point.n)}, which {program.names[to]} waits for"
        case "update" | "consume":
            return f"last to {point.how} {program.barrier_name(to)}"
        case "arm" | "lift" | "free":
            return f"{point.how}s {program.barrier_name(to)}"
        case _:
            return _why_task(program.names[to], program.engine_name(to), point.how)


def _why_task(name: str, engine: str, how: str) -> str:
    match how:
        case "depends":
            return f"{name} depends on it"
        case "next":
            return f"{name} comes next on {engine}"
        case "head":
            return f"{name} is at the head of {engine}"
        case "push":
            return f"pushes {name}"
        case "room":
            return f"makes room in the FIFO for {name}"
        case "server":
            return f"frees a server of {engine}"
        case _:
            raise AssertionError(how)
