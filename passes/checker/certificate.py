"""Certificates: the order, chains and derived orders that let `wlm-check` and Coq see at once that a schedule is safe.

Nothing here has to be right: what it gets wrong, `wlm_dialect.check` rejects. The order is one run of the machine.
"""

from collections import defaultdict, deque
from heapq import heappop, heappush
from io import StringIO
from typing import Any

from xdsl.printer import Printer

from wlm_dialect.check.certificate import FORMAT, Certificate, seal
from wlm_dialect.check.events import END, HANDLER, HEAD, ITEM, PUSH, Events, event
from wlm_dialect.check.rules import Proof
from wlm_dialect.check.text import Instance, Schedule, read
from wlm_dialect.errors import ProgramError, ScheduleError
from wlm_dialect.passes.checker.distances import paths
from wlm_dialect.passes.checker.late_joins import lacking, moments
from wlm_dialect.program import Program, encode_module

Orders = list[list[Any]]  # [kind, event]


def schedule_of(program: Program, text: str | None = None) -> Schedule:
    """A managed program as `wlm-check` reads it: from `text` if that holds it, else from what the tools print."""
    if text is not None:
        try:
            found = [s for s in read(text) if s.name == program.name and s.machine == program.machine]
        except ProgramError:
            found = []
        if found and len(found[0].tasks) == len(program):
            return found[0]
    out = StringIO()
    Printer(out).print_op(encode_module(program))
    return read(out.getvalue())[0]


def certify(schedule: Schedule) -> Certificate:
    """A certificate of a schedule that the checker has proved. Raises ScheduleError if it cannot run to its end."""
    events = Events(schedule)
    order = Run(events).order()
    if len(order) < len(events.before):
        raise ScheduleError(f"@{schedule.name} has no certificate: it does not run to its end")
    maker = _Maker(events, order, {})
    wanted: dict[int, list[int]] = defaultdict(list)
    for first, then in lacking(maker.proof):
        for here in moments(events, then):
            wanted[here].append(first)
    if wanted:
        maker = _Maker(events, order, wanted)
    steps = {t: found for t, task in enumerate(schedule.tasks) if len(task.waits) > 1 and (found := maker.steps(t))}
    certificate: Certificate = {
        "format": FORMAT,
        "program": schedule.name,
        "schedule": schedule.digest(),
        "chains": maker.chains,
        "order": [[here, maker.proof.chain[here]] for here in order],
        "extra": [[here, orders] for here, orders in maker.extra.items()],
        "steps": [[t, [list(v) for v in found]] for t, found in steps.items()],
        "apart": [list(row) for row in maker.apart()],
    }
    certificate["seal"] = seal(certificate)
    return certificate


class Run:
    """One run of the machine without time: urgent events first, interrupts in the order of service."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.after: dict[int, list[int]] = defaultdict(list)
        self.missing: dict[int, int] = {}
        for here, before in events.before.items():
            distinct = set(before)
            self.missing[here] = len(distinct)
            for p in sorted(distinct):
                self.after[p].append(here)
        self.urgent: deque[int] = deque()
        self.plain: deque[int] = deque()
        self.pending: list[tuple[int, int]] = []  # interrupts: turn, event
        self.flight: dict[int, int] = defaultdict(int)  # pools: tasks at head that have not ended
        self.blocked: dict[int, deque[int]] = defaultdict(deque)
        self.by_id = events.schedule.machine.firmware.service_order == "id"

    def order(self) -> list[int]:
        """All events that happen, in order; fewer than there are if the schedule does not run to its end."""
        out: list[int] = []
        for here in sorted(h for h, n in self.missing.items() if n == 0):
            self._ready(here, 0)
        while self.urgent or self.plain or self.pending:
            here = (
                self.urgent.popleft()
                if self.urgent
                else self.plain.popleft()
                if self.plain
                else heappop(self.pending)[1]
            )
            out.append(here)
            self._ended(here)
            for x in self.after[here]:
                self.missing[x] -= 1
                if self.missing[x] == 0:
                    self._ready(x, len(out))
        return out

    def _ready(self, here: int, turn: int) -> None:
        if here % 8 == HANDLER:
            heappush(self.pending, (0 if self.by_id else turn, here))
        elif here not in self.events.joins:
            self.plain.append(here)
        elif (pool := self._pool(here)) >= 0 and here % 8 == HEAD:
            self.blocked[pool].append(here)
            self._admit(pool)
        else:
            self.urgent.append(here)

    def _pool(self, here: int) -> int:
        """The engine of a task's event if it is a pool, else -1."""
        if here % 8 not in (HEAD, END):
            return -1
        engine = self.events.schedule.tasks[here // 8 - 1].engine
        return engine if self.events.schedule.machine.engines[engine].order == "pool" else -1

    def _admit(self, pool: int) -> None:
        while self.blocked[pool] and self.flight[pool] < self.events.schedule.machine.engines[pool].servers:
            self.flight[pool] += 1
            self.urgent.append(self.blocked[pool].popleft())

    def _ended(self, here: int) -> None:
        pool = self._pool(here)
        if pool >= 0 and here % 8 == END:
            self.flight[pool] -= 1
            self._admit(pool)


class _Maker:
    """Gives events chains and derived orders, one by one in the order of a run. `wanted`: joins to state at events."""

    def __init__(self, events: Events, order: list[int], wanted: dict[int, list[int]]) -> None:
        self.events, self.proof, self.wanted = events, Proof(events), wanted
        self.extra: dict[int, Orders] = {}
        self.chains = 0
        self.of_key: dict[object, list[int]] = defaultdict(list)  # engine -> its chains
        self.last: dict[int, int] = {}  # chain -> its last event
        self.before: dict[int, int] = {}  # event -> the one before on its chain
        tail = events.schedule.tail
        # ends of ENQUEUE tasks that may wait for room: what they wait for is known elsewhere, their end is not
        self.waiting_ends = sorted(x for x in events.joins if x % 8 == END)
        self.tail_producers = set(events.users[tail].producers) if tail is not None else set[int]()
        for here in order:
            self._add(here)

    def _add(self, here: int) -> None:
        """The next event."""
        orders = self._orders(here)
        if orders:
            self.extra[here] = orders
        clock = self.proof.known([*self.events.before[here], *(x for _, x in orders)])
        chain = self._chain(here, clock)
        self.proof.add(here, chain, orders)
        if chain >= 0:
            if chain in self.last:
                self.before[here] = self.last[chain]
            self.last[chain] = here

    def _chain(self, here: int, clock: list[int]) -> int:
        key = self._key(here)
        for c in self.of_key[key]:
            if c < len(clock) and clock[c] == self.proof.count[c]:
                return c
        self.of_key[key].append(self.chains)
        self.chains += 1
        return self.chains - 1

    def _key(self, here: int) -> object:
        """What has chains of its own: an engine, firmware, the work items of an engine."""
        kind, number = here % 8, here // 8 - 1
        if kind == ITEM:
            return "items", self.events.pushed[here][0] if here in self.events.pushed else -1
        if kind == HANDLER:
            return "firmware"
        if kind == PUSH:
            while here % 8 == PUSH:
                here = self.events.before[here][0]
            number = here // 8 - 1
        return self.events.schedule.tasks[number].engine

    def _orders(self, here: int) -> Orders:
        if here % 8 == HANDLER:
            return self._served(here)
        out: Orders = []
        room = self.events.room.get(here)
        if room is not None and here not in self.events.blocking:
            self._join(here, event(room, HEAD), out)
        if here in self.tail_producers:
            for other in self.waiting_ends:
                self._join(here, other, out)
        for other in self.wanted.get(here, ()):
            self._join(here, other, out)
        return out

    def _served(self, here: int) -> Orders:
        """Of each chain of handlers the last that is certainly served before."""
        out: Orders = []
        known = self.proof.known(self.events.before[here])
        for c in self.of_key["firmware"]:
            other = self.last.get(c, 0)
            while other and not (c < len(known) and known[c] >= self.proof.index[other]):
                if self.proof.served(other, here):
                    out.append(["serve", other])
                    break
                other = self.before.get(other, 0)
        return out

    def _join(self, here: int, other: int, out: Orders) -> None:
        """Add `other` to the orders of `here`, behind whatever urgent has to come before `here` so that it does."""
        known = [*self.events.before[here], *(x for _, x in out)]
        found: list[int] = []
        trail = [other]
        while trail:
            at = trail[-1]
            if at not in self.proof.rank:
                return
            if self.proof.under(at, known):
                trail.pop()
                continue
            lacking = [x for x in self.events.before[at] if not self.proof.under(x, known)]
            wanted = [x for x in lacking if x in self.events.joins and x not in trail]
            if len(wanted) < len(lacking) or (not lacking and not self.proof.joined(at, here, known)):
                return
            if wanted:
                trail.append(wanted[0])
            else:
                found.append(at)
                known.append(at)
        out += [["join", x] for x in found]

    def apart(self) -> list[tuple[int, int, list[int]]]:
        """Bounded re-arming: what lies between an event that arms an instance and one that needs it armed."""
        delta = self.events.schedule.machine.barriers.rearm_delta
        extra = {here: [x for _, x in orders] for here, orders in self.extra.items()}
        return paths(self.proof, extra, delta) if delta else []

    def steps(self, task: int) -> list[Instance]:
        """H1 of a task with several waits: whose producers must have ended when all its barriers read zero."""
        events, proof = self.events, self.proof
        waits = events.schedule.tasks[task].waits
        known, out = [*events.control[task]], list[Instance]()
        while not all(proof.under(x, known) for v in waits for x in events.arms(v)):
            found = [v for p, k in waits for v in self._armed(p, k, known) if v not in out]
            if not found:
                break
            out += found
            for v in found:
                known += events.users[v].producers
        return out

    def _armed(self, p: int, k: int, known: list[int]) -> list[Instance]:
        """The latest instance of a barrier, up to `k`, that must be armed."""
        while k >= 0 and not all(self.proof.under(x, known) for x in self.events.arms((p, k))):
            k -= 1
        return [(p, k)] if k >= 0 else []
