"""Timing execution: when each instruction is fetched, starts and ends, with command and token queues of finite depth.

Modules are in-order and queues have one pusher and one popper, so times follow from times: a module goes on as soon as
what it waits for is known, whatever the others do meanwhile. No event list is needed, and no clock but theirs.
"""

from dataclasses import dataclass, field

import numpy as np

from wlm_dialect.kernels.csr import I32, I64
from wlm_dialect.program.vta import QUEUES, Module, Tokens, VtaProgram, token_moves
from wlm_dialect.program.vta.hardware import POPPER, PUSHER, Hardware
from wlm_dialect.program.vta.names import MODULES, insn_name
from wlm_dialect.runtime.vta.costs import Costs

FINISHED, DEADLOCK, HAZARD = "finished", "deadlock", "hazard"


@dataclass(frozen=True)
class Waiting:
    """A module that does not go on: its next instruction, and for what it waits."""

    module: int
    instruction: int
    reason: str


@dataclass(frozen=True, eq=False)
class VtaTimes:
    """One run. Ticks, -1 where it did not happen; shape (instructions,). `pushed`, `popped`: per queue, ascending.

    `arrived`: the instruction is in its command queue. Pops happen at the start of an instruction, pushes at its end.
    """

    program: VtaProgram
    hardware: Hardware
    costs: Costs
    outcome: str
    arrived: I64
    start: I64
    end: I64
    pushed: tuple[I64, ...]
    popped: tuple[I64, ...]
    initial: Tokens
    waiting: tuple[Waiting, ...] = ()
    hazard: str = ""  # what went wrong, and at which tick
    hazard_at: int = -1  # the instruction
    durations: I64 = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def makespan(self) -> int:
        """The last end."""
        return int(self.end.max(initial=0))

    def busy(self, module: int) -> int:
        """Ticks in which a module works."""
        mine = self.program.lists[module]
        mine = mine[self.end[mine] >= 0]
        return int(np.minimum(self.durations[mine], self.end[mine] - self.start[mine]).sum())

    @property
    def order(self) -> I32:
        """Instructions by start, those that never did left out: an order in which they execute one by one as well."""
        ends = np.where(self.end < 0, np.iinfo(np.int64).max, self.end)
        found = np.lexsort((np.arange(len(self.start)), ends, self.start)).astype(np.int32)
        started: I32 = found[self.start[found] >= 0]
        return started

    def occupancy(self, queue: int) -> tuple[I64, I64]:
        """(ticks, tokens in the queue from then on); simultaneous pushes and pops count as one change."""
        times = np.concatenate([[0], self.pushed[queue], self.popped[queue]])
        change = np.concatenate([[self.initial[queue]], np.ones(len(self.pushed[queue]), np.int64)])
        change = np.concatenate([change, -np.ones(len(self.popped[queue]), np.int64)])
        ticks, index = np.unique(times, return_inverse=True)
        total = np.zeros(len(ticks), np.int64)
        np.add.at(total, index, change.astype(np.int64))
        return ticks, np.cumsum(total)

    def overlap(self) -> dict[str, int]:
        """Ticks in which exactly these modules work: `load`, `load+compute`, ..., and `none`."""
        points: list[tuple[int, int, int]] = []
        for m, mine in enumerate(self.program.lists):
            for i in mine[self.end[mine] >= 0].tolist():
                points += [(int(self.start[i]), 1, m), (int(self.end[i]), -1, m)]
        out: dict[str, int] = {}
        working, at = [0, 0, 0], 0
        for tick, change, m in sorted(points):
            if tick > at:
                key = "+".join(name for name, n in zip(MODULES, working, strict=True) if n) or "none"
                out[key] = out.get(key, 0) + tick - at
                at = tick
            working[m] += change
        return out


def run_timing(
    program: VtaProgram,
    hardware: Hardware,
    costs: Costs | None = None,
    *,
    durations: I64 | None = None,
    initial: Tokens | None = None,
) -> VtaTimes:
    """Execute one launch in time. `durations` (default: what `costs` say) are ticks per instruction, at least 1.

    Stops where every module waits (deadlock), or where a token is lost because its queue is full (hazard).
    """
    costs = costs or Costs()
    spans = costs.durations(program) if durations is None else durations
    run = _Run(program, hardware, costs, spans, program.initial_tokens if initial is None else initial)
    run.go()
    return run.result()


class _Run:
    def __init__(self, program: VtaProgram, hardware: Hardware, costs: Costs, spans: I64, initial: Tokens) -> None:
        self.program, self.hardware, self.costs, self.initial = program, hardware, costs, initial
        self.durations = spans
        self.spans: list[int] = spans.tolist()
        n = len(program)
        pops, pushes = token_moves(program.insn)
        self.pops = [[q for q in range(4) if row[q]] for row in pops.tolist()]
        self.pushes = [[q for q in range(4) if row[q]] for row in pushes.tolist()]
        self.module: list[int] = program.module.tolist()
        self.lists = [tasks.tolist() for tasks in program.lists]
        self.arrived, self.start, self.end = [-1] * n, [-1] * n, [-1] * n
        self.ended: list[list[int]] = [[], [], []]  # per module the ends, in order
        self.began: list[list[int]] = [[], [], []]
        self.pushed: list[list[int]] = [[0] * max(0, c) for c in initial]
        self.popped: list[list[int]] = [[], [], [], []]
        self.fetched = 0  # instructions handed out
        self.arrivals = [0, 0, 0]

    def go(self) -> None:
        """Let fetch and the modules go on in turn until none can."""
        while True:
            moved = self._fetch()
            for m in range(3):
                while self._advance(m):
                    moved = True
            if not moved:
                return

    def _fetch(self) -> bool:
        depth, before = self.hardware.commands, self.fetched
        while self.fetched < len(self.module):
            i = self.fetched
            m = self.module[i]
            tick = (self.arrived[i - 1] if i else 0) + self.costs.fetch
            if depth is not None:
                leaver = self.arrivals[m] - depth - (0 if self.hardware.held else 1)
                if leaver >= len(self.ended[m]):
                    break
                if leaver >= 0:
                    tick = max(tick, self.ended[m][leaver])
            self.arrived[i] = tick
            self.arrivals[m] += 1
            self.fetched += 1
        return self.fetched > before

    def _advance(self, m: int) -> bool:
        """Start the next instruction of a module, and end it, if everything it needs is known."""
        at = len(self.ended[m])
        if at >= len(self.lists[m]):
            return False
        i = self.lists[m][at]
        if len(self.began[m]) == at:
            if self.arrived[i] < 0 or any(len(self.pushed[q]) <= len(self.popped[q]) for q in self.pops[i]):
                return False
            tick = max(self.arrived[i], self.ended[m][-1] if at else 0)
            tick = max([tick, *(self.pushed[q][len(self.popped[q])] for q in self.pops[i])])
            for q in self.pops[i]:
                self.popped[q].append(tick)
            self.began[m].append(tick)
            self.start[i] = tick
        return self._complete(m, i)

    def _complete(self, m: int, i: int) -> bool:
        tick = self.start[i] + self.spans[i]
        depth = None if self.hardware.saturates else self.hardware.tokens
        if depth is not None:
            for q in self.pushes[i]:
                room = len(self.pushed[q]) - depth
                if room >= len(self.popped[q]):
                    return False
                if room >= 0:
                    tick = max(tick, self.popped[q][room])
        for q in self.pushes[i]:
            self.pushed[q].append(tick)
        self.ended[m].append(tick)
        self.end[i] = tick
        return True

    def result(self) -> VtaTimes:
        """What happened, up to the first lost token."""
        waiting = tuple(self._waiting())
        own = [np.array(times[max(0, c) :], np.int64) for times, c in zip(self.pushed, self.initial, strict=True)]
        popped = [np.array(times, np.int64) for times in self.popped]
        lost = self._lost(own, popped)
        arrived, start, end = (np.array(times, np.int64) for times in (self.arrived, self.start, self.end))
        outcome, hazard, culprit = (DEADLOCK if waiting else FINISHED), "", -1
        if lost is not None:
            tick, culprit, queue = lost
            for times in (arrived, start, end):
                times[times > tick] = -1
            own, popped = [t[t <= tick] for t in own], [t[t <= tick] for t in popped]
            waiting, outcome = (), HAZARD
            hazard = (
                f"{insn_name(self.program, culprit)} pushes into {QUEUES[queue]} at tick {tick} when "
                f"{self.hardware.tokens} tokens are in it: the token is lost"
            )
        return VtaTimes(
            self.program,
            self.hardware,
            self.costs,
            outcome,
            arrived,
            start,
            end,
            tuple(own),
            tuple(popped),
            self.initial,
            waiting,
            hazard,
            culprit,
            self.durations,
        )

    def _lost(self, pushed: list[I64], popped: list[I64]) -> tuple[int, int, int] | None:
        """(tick, instruction, queue) of the first push into a full queue that loses tokens; pops at its tick count."""
        depth = self.hardware.tokens
        if depth is None or not self.hardware.saturates:
            return None
        found: list[tuple[int, int, int]] = []
        for q in range(4):
            before = np.arange(len(pushed[q])) + self.initial[q] - np.searchsorted(popped[q], pushed[q], side="right")
            full = np.flatnonzero(before >= depth)
            if len(full):
                pushers = [i for i in self.lists[PUSHER[q]] if q in self.pushes[i]]
                found.append((int(pushed[q][full[0]]), pushers[int(full[0])], q))
        return min(found, default=None)

    def _waiting(self) -> list[Waiting]:
        out: list[Waiting] = []
        for m in Module:
            at = len(self.ended[m])
            if at >= len(self.lists[m]):
                continue
            i = self.lists[m][at]
            if self.start[i] >= 0:
                full = [
                    q
                    for q in self.pushes[i]
                    if len(self.pushed[q]) - len(self.popped[q]) >= (self.hardware.tokens or 0)
                ]
                reason = " and ".join(f"{QUEUES[q]} is full, {MODULES[POPPER[q]]} has to pop" for q in full)
            elif self.arrived[i] < 0:
                behind = insn_name(self.program, self.fetched)
                reason = f"not fetched: fetch waits to hand out {behind}, whose command queue is full"
            else:
                empty = [q for q in self.pops[i] if len(self.pushed[q]) <= len(self.popped[q])]
                reason = " and ".join(f"waits for {QUEUES[q]}, which {MODULES[PUSHER[q]]} has to push" for q in empty)
            out.append(Waiting(int(m), i, reason))
        return out
