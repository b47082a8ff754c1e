"""The events of a schedule and the orders that the machine guarantees; the same definitions as proof/Elaborate.v.

Task i (from 1) has the events 8i (head), 8i + 1 (start), 8i + 2 (end), 8i + 3 (its transfer is through) and 8i + 4 (the
push of an entry that begins with it); work item j is event 8j + 5, the handler of interrupt h event 8h + 6.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from wlm_dialect.check.text import Instance, Schedule

HEAD, START, END, THROUGH, PUSH, ITEM, HANDLER = range(7)


def event(task: int, kind: int) -> int:
    """The event of a task, counted from 0, or of a work item or interrupt."""
    return 8 * (task + 1) + kind


@dataclass
class Users:
    """Of one instance: ends of producers, starts (or ends) of consumers, slots of both, and who pushes it."""

    producers: list[int] = field(default_factory=list)
    consumers: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=lambda: [0, 0])
    pushes: list[int] = field(default_factory=list)


class Events:
    """`before` lists the direct predecessors of each event, `joins` those that happen as soon as all of these have."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        machine = schedule.machine
        self.lists: list[list[int]] = [[] for _ in machine.engines]
        for t, task in enumerate(schedule.tasks):
            self.lists[task.engine].append(t)
        self.position = {t: i for tasks in self.lists for i, t in enumerate(tasks)}
        self.before: dict[int, list[int]] = {}
        self.joins: set[int] = set()
        self.pushed: dict[int, tuple[int, list[int]]] = {}  # event -> engine and tasks that it pushes, in order
        self.blocking: set[int] = set()
        self.linked: set[int] = set()  # tasks behind the first of a FIFO entry
        self.users: dict[Instance, Users] = defaultdict(Users)
        self.interrupts = self._interrupts()
        self.fetched = {t: f for f, task in enumerate(schedule.tasks) if task.job == "fetch" for t in self.range(f)}
        self._tasks()
        self._enqueues()
        self._firmware()
        self.owner = {t: e for e, (_, tasks) in self.pushed.items() for t in tasks}
        self._entries()
        self.control = {t: list(self.before[event(t, START)]) for t in range(len(schedule.tasks))}  # barriers aside
        for start, task in ((event(t, START), task) for t, task in enumerate(schedule.tasks) if task.waits):
            self.before[start] += [p for v in task.waits for p in self.users[v].producers]
        for t, push in self.owner.items():
            self.before[event(t, HEAD)].append(push)
        for push, room in self.room.items():
            if push in self.blocking:
                self.before[push].append(event(room, HEAD))
        self._pushed_at_the_end()

    def range(self, task: int) -> list[int]:
        """The tasks that a fetch or enqueue names."""
        t = self.schedule.tasks[task]
        return self.lists[t.target][t.low : t.high]

    def _interrupts(self) -> list[Instance | int]:
        """In the order in which simultaneous ones are served: ends of fetches, then instances that are over."""
        if self.schedule.mode == "full":
            return []
        done = sorted({f for item in self.schedule.items for f in item.done})
        barriers = sorted(self.schedule.barriers.items())
        return [*done, *((p, k) for p, row in barriers for k, (_, _, irq) in enumerate(row) if irq == "over")]

    def causes(self, interrupt: int) -> list[int]:
        """The events whose latest raises an interrupt."""
        source = self.interrupts[interrupt]
        if isinstance(source, int):
            return [event(source, END)]
        return self.users[source].producers + self.users[source].consumers

    def arms(self, v: Instance) -> list[int]:
        """The events whose latest arms an instance."""
        former = self.users[v[0], v[1] - 1] if v[1] else Users()
        return self.users[v].pushes + former.producers + former.consumers

    def rearmings(self) -> Iterator[tuple[Instance, int, int]]:
        """Instance, an event that arms it, one that needs it armed; but where a push of firmware does so at once."""
        for v, users in self.users.items():
            needs = users.producers + [c - c % 8 + HEAD for c in users.consumers]
            if self.schedule.machine.firmware.preload or not any(push % 8 == HANDLER for push in users.pushes):
                yield from ((v, x, y) for x in self.arms(v) for y in needs)

    def takes_time(self, here: int) -> bool:
        """Whether an event is at least one tick after all that it waits for."""
        return here % 8 in (THROUGH, ITEM, HANDLER) or (here % 8 == END and here not in self.joins)

    def _tasks(self) -> None:
        machine = self.schedule.machine
        consume = END if machine.barriers.consume_at == "end" else START
        for tasks, engine in zip(self.lists, machine.engines, strict=True):
            for i, t in enumerate(tasks):
                task = self.schedule.tasks[t]
                head, start = event(t, HEAD), event(t, START)
                self.before[head], self.before[start], self.before[event(t, END)] = [], [head], [start]
                self.joins.add(head)
                if i:
                    kind = {"serial": END, "pool": HEAD}.get(engine.order, START)
                    self.before[head].append(event(tasks[i - 1], kind))
                behind = {"prefetching": 1, "outstanding": engine.servers}.get(engine.order, i + 1)
                if i >= behind:
                    self.before[start].append(event(tasks[i - behind], END))
                for k, verb in enumerate((task.updates, task.waits)):
                    for v in verb:
                        users = self.users[v]
                        (users.consumers if k else users.producers).append(event(t, consume if k else END))
                        users.slots[k] += task.slots
                for v in task.programs:
                    self.users[v].pushes.append(event(t, END))

    def _enqueues(self) -> None:
        machine = self.schedule.machine
        for t, task in enumerate(self.schedule.tasks):
            if task.job != "enqueue" or not (tasks := self.range(t)):
                continue
            entries = [tasks] if machine.management.linked_enqueue else [[x] for x in tasks]
            for a, b in pairwise(tasks if machine.management.linked_enqueue else ()):
                self.linked.add(b)
                self.before[event(b, HEAD)].append(event(a, END))
            if machine.full_fifo == "drop":
                self.pushed[event(t, END)] = (task.target, tasks)
                continue
            last = event(t, THROUGH)
            self.before[last] = [event(t, START)]
            for entry in entries:
                push = event(entry[0], PUSH)
                self.before[push], last = [last], push
                self.pushed[push] = (task.target, entry)
                self.joins.add(push)
                self.blocking.add(push)
            self.before[event(t, END)].append(last)
            self.joins.add(event(t, END))

    def _pushed_at_the_end(self) -> None:
        """What an ENQUEUE pushes last lands with its end, and so does what is before if all behind it fits anyway."""
        for t, task in enumerate(self.schedule.tasks):
            push = self.before[event(t, END)][-1]
            while task.job == "enqueue" and push % 8 == PUSH:
                self.before[event(push // 8 - 1, HEAD)].append(event(t, END))
                push = self.before[push][0] if push not in self.room else 0

    def _firmware(self) -> None:
        numbers: dict[Instance | int, int] = {source: h for h, source in enumerate(self.interrupts)}
        loaded, last = set(self.schedule.loaded), dict[int, int]()
        for h, source in enumerate(self.interrupts):
            self.before[event(h, HANDLER)] = self.causes(h)
            if not isinstance(source, int):
                for v in self.schedule.topped_up(source):
                    if v not in loaded:
                        self.users[v].pushes.append(event(h, HANDLER))
        for j, item in enumerate(i for i in self.schedule.items if i.late):
            here = event(j, ITEM)
            sources: list[Instance | int] = [*item.at, *item.done]
            handlers = [numbers.get(source, -1) for source in sources]
            self.before[here] = [event(h, HANDLER) if h >= 0 else here for h in handlers]
            self.before[here] += [last[item.engine]] if item.engine in last else []
            last[item.engine] = here
            if tasks := self.lists[item.engine][item.low : item.high]:
                self.pushed[here] = (item.engine, tasks)

    def _entries(self) -> None:
        """`entry`: which FIFO entry a task belongs to, from 1. `room`: the task that is at head before a push fits."""
        machine, full = self.schedule.machine, self.schedule.mode == "full"
        for item in self.schedule.items:
            if full and not item.late and machine.engines[item.engine].kind == "dma":
                self.linked |= set(self.lists[item.engine][item.low : item.high][1:])
        self.entry: dict[int, int] = {}
        firsts: list[list[int]] = []
        for tasks in self.lists:
            firsts.append([t for t in tasks if t not in self.linked])
            count = 0
            for t in tasks:
                count += t not in self.linked
                self.entry[t] = count
        self.room: dict[int, int] = {}
        for push, (engine, tasks) in self.pushed.items():
            at = self.entry[tasks[-1]] - machine.engines[engine].fifo_depth
            if at > 0:
                self.room[push] = firsts[engine][at - 1]
