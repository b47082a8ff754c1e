"""What a run yields: times of every event, the outcome, and what went wrong. Plain data; no text is made here."""

from dataclasses import dataclass, field

from wlm_dialect.kernels.csr import I64
from wlm_dialect.program import Program

FINISHED, HAZARD, DEADLOCK, LIMIT = "finished", "hazard", "deadlock", "limit"


@dataclass(frozen=True)
class Hazard:
    """The first rule a run broke (ids of docs/rules.md). Indices refer to the program; -1 = none."""

    rule: str  # "H1" ...
    tick: int
    task: int
    barrier: int  # the instance that was meant
    found: int  # the instance that was hit instead, if that is what is wrong
    text: str
    other: int = -1  # the other task, if the rule is about two


@dataclass(frozen=True)
class StuckRow:
    """One line of the "why stuck" table: who waits for whom."""

    engine: str
    task: int  # at head, or the next one that was never enqueued; -1 = none
    state: str  # "waits", "not enqueued", "fifo full", "idle"
    barrier: int  # the instance it waits for; -1 = none
    missing: tuple[int, ...]  # producers of that instance that have not ended


@dataclass(frozen=True)
class Handler:
    """One firmware handler: served from `start` to `end` because of a barrier (over) or a fetch (DMA interrupt)."""

    barrier: int
    fetch: int
    raised: int
    start: int
    end: int
    pushes: int  # work items


@dataclass(frozen=True, eq=False)
class RunResult:
    """Times are ticks, -1 where an event did not happen. Task arrays: shape (tasks,); barrier arrays: (barriers,)."""

    program: Program
    outcome: str  # FINISHED, HAZARD, DEADLOCK, LIMIT
    makespan: int  # the tail barrier lifts; without one, the last end
    bootstrap: int  # ticks spent before t = 0
    enqueued: I64  # the pointer is in the FIFO (0 = at bootstrap)
    head: I64
    start: I64
    end: I64
    armed: I64
    lifted: I64
    over: I64
    handlers: tuple[Handler, ...] = ()
    hazard: Hazard | None = None
    stuck: tuple[StuckRow, ...] = ()
    events: int = 0
    engine_of_execution: str = ""  # "maxplus" or "events", "+numba" when compiled
    notes: tuple[str, ...] = field(default=())

    @property
    def interrupts(self) -> int:
        """Interrupts that firmware served, the one of the tail barrier not included."""
        return len(self.handlers)

    @property
    def firmware_busy(self) -> int:
        """Ticks that firmware spent in handlers."""
        return sum(h.end - h.start for h in self.handlers)
