"""The machine of design section 3, one step at a time: counters, FIFOs and firmware as in hardware.

What happens at once in hardware (arming, coming to head, seeing zeros, room in a FIFO) happens within a step; a step is
one start, one end or one firmware step, whose delays are free.
"""

from dataclasses import dataclass
from typing import Any

from tests.oracles.schedule import ENQUEUE, FETCH, PROGRAM, Schedule

Fault = tuple[str, int, str]
"""Rule, task (-1: none), instance as "b3#1" ("": none)."""


class Stop(Exception):
    """The machine did something that is no longer defined."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(faults)
        self.faults = faults


@dataclass
class State:
    """All that changes. Bit masks over tasks; per engine and per barrier lists; firmware."""

    seen: int  # has read zeros, and will start
    started: int
    through: int  # enqueues whose transfer is over
    ended: int
    tail: list[int]  # per engine: tasks pushed
    head: list[int]  # per engine: tasks taken
    blocked: list[int]  # per engine: the enqueue that waits for room
    pushed: list[int]  # per barrier: instances pushed
    over: list[int]  # per barrier: instances that are over
    armed: list[bool]
    producers: list[int]
    consumers: list[int]
    claimed: list[int]  # per descriptor slot of all engines: task
    need: list[int]  # per item: triggers that are missing
    front: list[int]  # per engine: next item of its own
    pending: list[int]  # interrupts: task (fetch) or tasks + rank of an instance
    serving: int
    step: int  # 0 idle, 1 interrupt, 2 program, 3 push
    item: int

    def copy(self) -> "State":
        return State(*(v.copy() if isinstance(v, list) else v for v in self.__dict__.values()))

    def key(self) -> tuple[Any, ...]:
        return tuple(tuple(v) if isinstance(v, list) else v for v in self.__dict__.values())


class Machine:
    """The schedule in the form that steps need, and the steps."""

    def __init__(self, s: Schedule, reduce: bool = True) -> None:
        self.s, m = s, s.machine
        assert m.barriers.rearm != "bounded", "bounded re-arming needs time"
        self.lists, self.conflicts = s.lists, s.conflicts()
        self.place = {t: i for tasks in self.lists for i, t in enumerate(tasks)}
        self.pids = sorted({v.pid for v in s.instances})
        self.of_pid: dict[int, list[int]] = {
            p: [i for i, v in enumerate(s.instances) if v.pid == p] for p in range(max(self.pids, default=-1) + 1)
        }
        self.rank = {v: n for n, v in enumerate(sorted(range(len(s.instances)), key=lambda v: (s.instances[v].pid, v)))}
        self.ranked = sorted(self.rank, key=lambda v: self.rank[v])
        self.base = [0]
        for e in m.engines:
            self.base.append(self.base[-1] + e.descriptor_slots)
        self.full = s.mode == "full"
        self.by_id = m.firmware.service_order == "id"
        self.fetches: dict[int, list[int]] = {}
        for t, task in enumerate(s.tasks):
            if task.kind == FETCH:
                for u in self.lists[task.target][task.low : task.high]:
                    self.fetches.setdefault(u, []).append(t)
        self.refills = [s.topped_up(v) for v in range(len(s.instances))]
        self.shares = self._shares()
        self.triggers: dict[int, list[int]] = {}
        for n, item in enumerate(s.items):
            for v in item.at:
                self.triggers.setdefault(len(s.tasks) + self.rank[v], []).append(n)
            for t in item.done:
                self.triggers.setdefault(t, []).append(n)
        self.prompt = [reduce and self._prompt(t) for t in range(len(s.tasks))]

    def _shares(self) -> dict[int, int]:
        """Tasks that share the FIFO entry of the task before: 1 linked behind its end, 2 a list in memory."""
        out: dict[int, int] = {}
        for task in self.s.tasks:
            if task.kind == ENQUEUE and self.s.machine.management.linked_enqueue:
                out.update(dict.fromkeys(self.lists[task.target][task.low + 1 : task.high], 1))
        for item in self.s.items:
            if self.full and not item.at and not item.done and self.s.machine.engines[item.engine].kind == "dma":
                out.update(dict.fromkeys(self.lists[item.engine][item.low + 1 : item.high], 2))
        return out

    def _prompt(self, t: int) -> bool:
        """Whether it hurts nobody if `t` starts as soon as it can: nothing of the machine waits for its start."""
        m, task = self.s.machine, self.s.tasks[t]
        if m.engines[task.engine].order in ("prefetching", "outstanding"):
            return False
        if m.barriers.consume_at == "end":
            return True
        watched = (self.of_pid[self.s.instances[v].pid][-1] != v or self._raises(v) for v in task.waits)
        return not any(watched)

    def _raises(self, v: int) -> bool:
        return not self.full and self.s.instances[v].irq == "over"

    def name(self, v: int) -> str:
        return f"b{self.s.instances[v].pid}#{self.s.instances[v].number}"

    def current(self, st: State, p: int) -> int:
        """The instance that barrier `p` holds; -1 = it is idle."""
        return self.of_pid[p][st.over[p]] if st.armed[p] else -1

    # ---- bootstrap

    def boot(self) -> State:
        s, m = self.s, self.s.machine
        engines, barriers = len(m.engines), len(self.of_pid)
        st = State(
            0, 0, 0, 0,
            [0] * engines, [0] * engines, [-1] * engines,
            [0] * barriers, [0] * barriers, [False] * barriers, [0] * barriers, [0] * barriers,
            [-1] * self.base[-1],
            [len(i.at) + len(i.done) for i in s.items],
            [next((n for n, i in enumerate(s.items) if i.engine == e and i.at + i.done), -1) for e in range(engines)],
            [], -1, 0, -1,
        )  # fmt: skip
        for v in s.boot:
            self.push_instance(st, v, -1)
        for item in s.items:
            if not item.at and not item.done:
                room = m.engines[item.engine].fifo_depth + 1
                self.push_work(st, item.engine, item.low, item.high, room, item.engine)
                if st.tail[item.engine] < item.high:
                    raise Stop(("H6", self.lists[item.engine][st.tail[item.engine]], ""))
        self.settle(st)
        return st

    # ---- pushes

    def push_instance(self, st: State, v: int, by: int) -> None:
        p = self.s.instances[v].pid
        mine = self.of_pid[p]
        if st.pushed[p] >= len(mine) or mine[st.pushed[p]] != v:
            late = v in mine[: st.pushed[p]]
            raise Stop(("H6" if late else "H3", by, self.name(v)))
        if st.pushed[p] - st.over[p] > self.s.machine.barriers.fifo_depth:
            raise Stop(("H3", by, self.name(v)))
        st.pushed[p] += 1

    def queued(self, st: State, e: int) -> int:
        waiting = self.lists[e][st.head[e] : st.tail[e]]
        return sum(1 for t in waiting if t not in self.shares)

    def push_work(self, st: State, e: int, low: int, high: int, depth: int, by: int) -> None:
        """Push as far as there is room."""
        if st.tail[e] != low:
            raise Stop(("H6", self.lists[e][low], ""))
        queued = self.queued(st, e)
        while st.tail[e] < high:
            if self.lists[e][st.tail[e]] not in self.shares:
                if queued >= depth:
                    return
                queued += 1
            st.tail[e] += 1

    # ---- steps

    def steps(self, st: State) -> list[tuple[str, int]]:
        """What may happen next."""
        out = [("start", t) for t in _bits(st.seen & ~st.started)]
        prompt = next((step for step in out if self.prompt[step[1]]), None)
        if prompt:
            return [prompt]
        if self.chooses(st):  # in this very tick, before or after what starts in it
            return [*out, ("serve", -1)]
        waiting = {t for t in st.blocked if t >= 0}
        out += [("end", t) for t in _bits(st.started & ~st.ended) if t not in waiting]
        return [*out, ("firmware", st.serving)] if st.step else out

    def take(self, st: State, step: tuple[str, int]) -> State:
        """The state after a step; Stop if something goes wrong."""
        st = st.copy()
        raised: list[int] = []
        match step[0]:
            case "start":
                self.start(st, step[1])
            case "end":
                self.finish(st, step[1], raised)
            case "serve":
                self.serve(st)
            case _:
                self.firmware(st)
        self.settle(st, raised)
        return st

    def start(self, st: State, t: int) -> None:
        task = self.s.tasks[t]
        st.started |= 1 << t
        late = [u for u in self.conflicts[t] if not st.ended >> u & 1]
        if late:
            raise Stop(*(("H8", t, "") for _ in late))
        if self.s.machine.barriers.consume_at == "start":
            self.consume(st, t)
        if task.kind == FETCH:
            base = self.base[task.target] + task.slot
            for n, u in enumerate(self.lists[task.target][task.low : task.high]):
                old = st.claimed[base + n]
                if any(f != t and st.started >> f & 1 for f in self.fetches[u]):
                    raise Stop(("H6", u, ""))
                if old >= 0 and not st.ended >> old & 1:
                    raise Stop(("H5", t, ""))
                st.claimed[base + n] = u

    def consume(self, st: State, t: int) -> None:
        for v in self.s.tasks[t].waits:
            p = self.s.instances[v].pid
            if self.current(st, p) != v or st.consumers[p] < self.s.tasks[t].slots:
                raise Stop(("H1", t, self.name(v)))
            st.consumers[p] -= self.s.tasks[t].slots

    def finish(self, st: State, t: int, raised: list[int]) -> None:
        """The end of `t`, or of the transfer of an enqueue that then waits for room."""
        task = self.s.tasks[t]
        if task.kind == ENQUEUE:
            st.through |= 1 << t
            engine = self.s.machine.engines[task.target]
            at = st.tail[task.target] if st.blocked[task.target] == t else task.low
            if st.blocked[task.target] not in (-1, t):
                raise Stop(("H6", self.lists[task.target][task.low], ""))
            self.push_work(st, task.target, at, task.high, engine.fifo_depth, t)
            if st.tail[task.target] < task.high:
                if self.s.machine.full_fifo == "drop":
                    raise Stop(("H6", self.lists[task.target][st.tail[task.target]], ""))
                st.blocked[task.target] = t
                return
            st.blocked[task.target] = -1
        if task.kind == FETCH and not self.full and t in self.triggers:
            raised.append(t)
        if task.kind == PROGRAM:
            for v in task.pushes:
                self.push_instance(st, v, t)
        st.ended |= 1 << t
        if self.s.machine.barriers.consume_at == "end":
            self.consume(st, t)
        for v in task.updates:
            p = self.s.instances[v].pid
            if self.current(st, p) != v or st.producers[p] < task.slots:
                raise Stop(("H2", t, self.name(v)))
            st.producers[p] -= task.slots

    def firmware(self, st: State) -> None:
        """The step under way is over; the next one begins."""
        number, count = st.serving, len(self.s.tasks)
        refill = self.refills[self.ranked[number - count]] if number >= count else []
        if st.step == 2:
            self.push_instance(st, refill[st.item], -1)
        # while it programs, `item` counts what it has programmed
        done = {1: 0, 2: st.item + 1}.get(st.step, len(refill))
        if done < len(refill):
            st.step, st.item = 2, done
            return
        if st.step == 3:
            item = self.s.items[st.item]
            depth = self.s.machine.engines[item.engine].fifo_depth
            self.push_work(st, item.engine, item.low, item.high, depth, -1)
            if st.tail[item.engine] < item.high:
                raise Stop(("H6", self.lists[item.engine][st.tail[item.engine]], ""))
        else:
            for n in self.triggers.get(number, []):
                st.need[n] -= 1
        ready = [n for n in st.front if n >= 0 and st.need[n] == 0]
        st.step, st.item = (3, min(ready)) if ready else (0, -1)
        if ready:
            e = self.s.items[st.item].engine
            later = (n for n, i in enumerate(self.s.items) if i.engine == e and n > st.item)
            st.front[e] = next(later, -1)
        else:
            st.serving = -1

    def chooses(self, st: State) -> bool:
        """Whether firmware is about to take the interrupt with the lowest id; by arrival there is no choice."""
        return self.by_id and bool(st.pending) and not st.step

    def serve(self, st: State) -> None:
        """Firmware takes the first of the pending interrupts."""
        st.serving, st.step = st.pending.pop(0), 1

    # ---- what follows at once

    def settle(self, st: State, raised: list[int] | None = None) -> None:
        """Over and arm, heads, zeros seen, room in FIFOs, until nothing changes; then firmware takes an interrupt."""
        raised = raised or []
        while True:
            raised += [len(self.s.tasks) + self.rank[v] for v in self.arm(st) if self._raises(v)]
            st.pending = sorted(st.pending + raised) if self.by_id else st.pending + sorted(raised)
            raised = []
            for e in range(len(self.lists)):
                self.heads(st, e)
            self.look(st)
            again = False
            for t in st.blocked:
                if t >= 0:
                    before = st.tail[self.s.tasks[t].target]
                    self.finish(st, t, raised)
                    again |= st.tail[self.s.tasks[t].target] != before or bool(st.ended >> t & 1)
            if not again:
                break
        self.tail_lifted(st)
        if st.pending and not st.step and not self.by_id:
            self.serve(st)

    def arm(self, st: State) -> list[int]:
        """Instances that are over now. A barrier takes the next one that was pushed."""
        over = []
        for p in self.pids:
            while True:
                v = self.current(st, p)
                if v >= 0 and st.producers[p] == 0 and st.consumers[p] == 0:
                    over.append(v)
                    st.over[p] += 1
                    st.armed[p] = False
                if st.armed[p] or st.pushed[p] <= st.over[p]:
                    break
                st.armed[p] = True
                v = self.current(st, p)
                st.producers[p], st.consumers[p] = self.s.instances[v].producers, self.s.instances[v].consumers
        return over

    def heads(self, st: State, e: int) -> None:
        engine, tasks = self.s.machine.engines[e], self.lists[e]
        while st.head[e] < st.tail[e]:
            i = st.head[e]
            ended = sum(st.ended >> t & 1 for t in tasks[:i])
            free = {"serial": ended == i, "pool": i - ended < engine.servers}.get(
                engine.order, i == 0 or bool(st.started >> tasks[i - 1] & 1)
            )
            if not free or (self.shares.get(tasks[i]) == 1 and not st.ended >> tasks[i - 1] & 1):
                return
            st.head[e] += 1
            self.at_head(st, tasks[i])

    def at_head(self, st: State, t: int) -> None:
        task = self.s.tasks[t]
        if self.s.machine.engines[task.engine].kind != "dma":
            if not any(st.ended >> f & 1 for f in self.fetches.get(t, [])):
                raise Stop(("H4", t, ""))
        if len(task.waits) == 1 and self.current(st, self.s.instances[task.waits[0]].pid) != task.waits[0]:
            raise Stop(("H1", t, self.name(task.waits[0])))

    def look(self, st: State) -> None:
        """Every task at head looks at its barriers; one that sees zeros starts, now or later."""
        for e, tasks in enumerate(self.lists):
            engine = self.s.machine.engines[e]
            for i, t in enumerate(tasks[: st.head[e]]):
                if st.seen >> t & 1:
                    continue
                if engine.order in ("prefetching", "outstanding") and i >= engine.servers:
                    if not st.ended >> tasks[i - engine.servers] & 1:
                        continue
                waits = self.s.tasks[t].waits
                if any(st.producers[self.s.instances[v].pid] for v in waits):
                    continue
                stale = [v for v in waits if self.current(st, self.s.instances[v].pid) != v]
                if stale:
                    raise Stop(*(("H1", t, self.name(v)) for v in stale))
                st.seen |= 1 << t

    def tail_lifted(self, st: State) -> None:
        tail = next((v for v, i in enumerate(self.s.instances) if i.tail), -1)
        if tail >= 0 and st.ended + 1 != 1 << len(self.s.tasks):
            p = self.s.instances[tail].pid
            n = self.s.instances[tail].number
            if st.over[p] > n or (self.current(st, p) == tail and st.producers[p] == 0):
                raise Stop(("H10", -1, self.name(tail)))

    def at_end(self, st: State) -> None:
        """Nothing can happen any more: either all is done and clean, or it is a deadlock."""
        if st.ended + 1 != 1 << len(self.s.tasks):
            raise Stop(("H7", -1, ""))
        for p in self.pids:
            if st.armed[p] or st.pushed[p] > st.over[p]:
                raise Stop(("H11", -1, self.name(self.of_pid[p][st.over[p]])))


def _bits(mask: int) -> list[int]:
    out = []
    while mask:
        low = mask & -mask
        out.append(low.bit_length() - 1)
        mask ^= low
    return out
