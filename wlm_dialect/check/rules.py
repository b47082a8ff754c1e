"""What a certificate has to show. Linear in events, orders and chains; nothing is searched.

A certificate gives an order in which everything can happen, a chain for each event, and the orders that firmware and
FIFOs add. From that each event gets a clock; each rule is then a comparison of clocks. proof/Check.v does the same and
is proved correct. This module knows nothing of the compiler: it sees the text of the IR and the machine model only.
"""

from collections import defaultdict
from itertools import pairwise, zip_longest
from typing import Any

from wlm_dialect.check.events import END, HANDLER, HEAD, START, Events, event
from wlm_dialect.check.segments import Segments
from wlm_dialect.check.structure import need
from wlm_dialect.check.text import Instance


class Proof:
    """A schedule with the clocks of a certificate."""

    def __init__(self, events: Events) -> None:
        self.events = events
        self.chain: dict[int, int] = {}
        self.index: dict[int, int] = {}  # place on its chain, from 1
        self.rank: dict[int, int] = {}
        self.clock: dict[int, list[int]] = {}
        self.count: list[int] = []

    def add(self, here: int, chain: int, extra: list[list[Any]]) -> None:
        """Give the next event its clock. Raises RejectedError if something it waits for has not happened before."""
        need(here in self.events.before and here not in self.rank, f"event {here} does not exist or happens twice")
        known, before = list(self.events.before[here]), list(self.events.before[here])
        for kind, other in extra:
            served = kind == "serve" and other in self.rank and self.served(other, here)
            joined = kind == "join" and other in self.rank and self.joined(other, here, known)
            need(served or joined, f"event {other} need not come before {here}")
            before.append(other)
            if kind == "join":
                known.append(other)
        need(all(p in self.rank for p in before), f"event {here} comes before something it waits for")
        clock = self.known(before)
        need(-1 <= chain <= len(self.count), f"event {here} is on chain {chain} of {len(self.count)} so far")
        if chain >= 0:
            self.count += [0] * (chain + 1 - len(self.count))
            clock += [0] * (chain + 1 - len(clock))
            need(clock[chain] == self.count[chain], f"event {here} does not follow the last of its chain")
            self.count[chain] += 1
            clock[chain] = self.index[here] = self.count[chain]
        self.chain[here], self.rank[here], self.clock[here] = chain, len(self.rank), clock

    def known(self, before: list[int]) -> list[int]:
        """Per chain the last event that comes before one of `before` or is it."""
        clocks = [self.clock[p] for p in before]
        return [max(column) for column in zip_longest(*clocks, fillvalue=0)]

    def leq(self, a: int, b: int) -> bool:
        """`a` comes before `b` or is it, by the clocks."""
        chain, clock = self.chain.get(a, -1), self.clock.get(b, ())
        return a == b or (0 <= chain < len(clock) and clock[chain] >= self.index[a])

    def less(self, a: int, b: int) -> bool:
        """`a` comes before `b`."""
        return a != b and self.leq(a, b)

    def under(self, a: int, known: list[int]) -> bool:
        """`a` comes before one of `known` or is one of them."""
        return any(self.leq(a, b) for b in known)

    def served(self, other: int, here: int) -> bool:
        """Firmware serves `other` first: it certainly arrives first, or at the same time with a lower number."""
        if other % 8 != HANDLER or here % 8 != HANDLER:
            return False
        ours, by_id = self.events.before[here], self.events.schedule.machine.firmware.service_order == "id"
        if by_id and other > here:
            return False
        return all(any(other < here if x == y else self.less(x, y) for y in ours) for x in self.events.before[other])

    def joined(self, other: int, here: int, known: list[int]) -> bool:
        """`other` happens as soon as it can, and all it waits for comes before `here`, which takes time."""
        joins = self.events.joins
        if other not in joins or here in joins or here % 8 == START:
            return False
        return all(self.under(x, known) for x in self.events.before[other] + self._servers(other))

    def _servers(self, head: int) -> list[int]:
        """Ends that must have been for a server of a pool to be free."""
        task = head // 8 - 1
        engine = self.events.schedule.tasks[task].engine if head % 8 == HEAD else -1
        if engine < 0 or (model := self.events.schedule.machine.engines[engine]).order != "pool":
            return []
        count = max(self.events.position[task] + 1 - model.servers, 0)
        return [event(t, END) for t in self.events.lists[engine][:count]]

    def rules(self, steps: dict[int, list[Instance]], apart: dict[tuple[int, int], list[int]]) -> None:
        """H1 to H10. Raises RejectedError with the first that does not hold."""
        need(len(self.rank) == len(self.events.before), "the order does not hold all events")
        for rule in (self._barriers, self._queues, self._descriptors, self._data, self._tail):
            rule()
        if delta := self.events.schedule.machine.barriers.rearm_delta:
            self._rearming(delta, apart)
        for t, task in enumerate(self.events.schedule.tasks):
            self._stale_wait(t, task.waits, steps.get(t, []))

    def _stale_wait(self, t: int, waits: tuple[Instance, ...], steps: list[Instance]) -> None:
        """H1. A step widens what is known when all waits read zero: producers of an instance that must be armed.

        With one wait there are none: the rule asks for more than a right start, that the instance is armed at head.
        """
        known, meant = (self.events.control[t] if len(waits) > 1 else [event(t, HEAD)]), dict(waits)
        exact = self.events.schedule.machine.barriers.rearm == "atomic" and len(waits) > 1
        for p, k in steps:
            fits = exact and 0 <= k <= meant.get(p, -1)
            armed = fits and all(self.under(x, known) for x in self.events.arms((p, k)))
            need(armed, f"H1: task {t}: b{p}#{k} need not be armed")
            known = known + self.events.users[p, k].producers
        for v in waits:
            armed = all(self.under(x, known) for x in self.events.arms(v))
            need(armed, f"H1: task {t} may find b{v[0]} before instance {v[1]} is armed")

    def _rearming(self, delta: int, apart: dict[tuple[int, int], list[int]]) -> None:
        """Bounded re-arming: `delta` events that take time lie between what arms an instance and its users (H1, H2).

        One more before an end: within a tick ends come before barriers take their next instance, heads after.
        """
        for v, x, y in self.events.rearmings():
            path = [x, *apart.get((x, y), [])]
            far = len(path) > delta + (y % 8 == END) and all(self.events.takes_time(e) for e in path[1:])
            ordered = all(self.less(a, b) for a, b in pairwise(path)) and self.leq(path[-1], y)
            need(far and ordered, f"H1, H2: b{v[0]}#{v[1]} may still be re-arming at event {y}")

    def _barriers(self) -> None:
        """H2, H3."""
        users, depth = self.events.users, self.events.schedule.machine.barriers.fifo_depth
        for p, row in self.events.schedule.barriers.items():
            for k in range(len(row)):
                mine, armed = users[p, k], self.events.arms((p, k))
                safe = all(self.less(x, e) for e in mine.producers for x in armed)
                need(safe, f"H2: b{p}#{k} may be updated before it is armed")
                for push in mine.pushes:
                    former = users[p, k - depth - 1] if k > depth else None
                    ahead = former.producers + former.consumers if former else []
                    need(all(self.less(x, push) for x in ahead), f"H3: b{p}#{k} may be pushed into a full FIFO")
                    before = users[p, k - 1].pushes if k else []
                    need(all(self.leq(x, push) for x in before), f"H3: b{p}#{k} may be pushed too early")

    def _queues(self) -> None:
        """H6, and that the order of the certificate never needs more servers than a pool has."""
        events = self.events
        by_engine: dict[int, list[int]] = {}
        for push in sorted(events.pushed, key=self.rank.__getitem__):
            by_engine.setdefault(events.pushed[push][0], []).append(push)
            room = events.room.get(push)
            fits = room is None or push in events.blocking or self.less(event(room, HEAD), push)
            need(fits, f"H6: push {push} may find the FIFO full")
        for e, tasks in enumerate(events.lists):
            pushes = by_engine.get(e, [])
            boot = max((i.high for i in events.schedule.items if i.engine == e and not i.late), default=0)
            given = tasks[:boot] + [t for p in pushes for t in events.pushed[p][1]]
            need(given == tasks, f"H6: engine {e} does not get its list")
            # that a push waits for room orders nothing here: the FIFO has room as long as the one before is missing
            causes = {b: events.before[b][: 1 if b in events.blocking else None] for b in pushes}
            ordered = all(self.under(a, causes[b]) for a, b in pairwise(pushes))
            need(ordered, f"H6: pushes of engine {e} are not ordered")
            model, entries = events.schedule.machine.engines[e], {events.entry[t] for t in tasks[:boot]}
            need(len(entries) <= model.fifo_depth + 1, f"H6: bootstrap overfills engine {e}")
            if model.order == "pool":
                ends: list[int] = []
                for t in tasks:
                    late = sum(x > self.rank[event(t, HEAD)] for x in ends)
                    need(late < model.servers, f"H7: task {t} finds no free server in the order of the certificate")
                    ends = [x for x in ends if x > self.rank[event(t, HEAD)]] + [self.rank[event(t, END)]]

    def _descriptors(self) -> None:
        """H4, H5."""
        former: dict[tuple[int, int], int] = {}
        tasks = self.events.schedule.tasks
        for f, fetch in enumerate(tasks):
            for n, t in enumerate(self.events.range(f) if fetch.job == "fetch" else ()):
                need(self.less(event(f, END), event(t, HEAD)), f"H4: task {t} may be at head before its descriptor")
                old = former.get(slot := (fetch.target, fetch.slot + n))
                free = old is None or self.less(event(old, END), event(f, START))
                need(free, f"H5: the descriptor of task {old} may be overwritten")
                former[slot] = t

    def _data(self) -> None:
        """H8: an access comes after the last write of its bytes, a write also after the reads since."""
        spaces: dict[int, Segments] = defaultdict(Segments)
        for t, task in enumerate(self.events.schedule.tasks):
            rivals = set(task.after)
            for space, low, high, writes in task.data:
                rivals |= spaces[space].touch(low, high, t, writes)
            late = [x for x in rivals if not self.less(event(x, END), event(t, START))]
            need(not late, f"H8: task {t} may start before tasks {late} have ended")

    def _tail(self) -> None:
        """H10."""
        producers = self.events.users[self.events.schedule.tail or (-1, 0)].producers
        for t in range(len(self.events.schedule.tasks)):
            need(self.under(event(t, END), producers), f"H10: the tail may lift before task {t} has ended")
