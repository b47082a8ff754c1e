"""The question "is there a timing with a hazard?" as difference constraints for z3: one real number per event.

Each instance is taken for a barrier of its own until something goes wrong, which is exact up to the first fault; stale
waits are asked about as the hardware sees them, one moment at which all counters read zero. Pools and bounded re-arming
are left out.
"""

from collections import defaultdict
from typing import Any

from tests.oracles.limits import broken_limits
from tests.oracles.schedule import ENQUEUE, FETCH, Schedule

# without z3 (extra `proof`) tests that need it are skipped
try:
    import z3
except ImportError:  # pragma: no cover
    z3 = None

Time = Any


class Encoding:
    """Times of all events, the constraints of the machine, and what would be a hazard."""

    def __init__(self, s: Schedule) -> None:
        assert s.machine.barriers.rearm != "bounded", "re-arming takes time"
        assert all(e.order != "pool" for e in s.machine.engines), "a pool is not a constraint on differences"
        assert not s.machine.firmware.preload, "top-ups are not encoded"
        self.s, self.lists = s, s.lists
        self.solver = z3.Solver()
        self.hazards: list[Any] = []
        count = range(len(s.tasks))
        self.head = [z3.Real(f"head{t}") for t in count]
        self.start = [z3.Real(f"start{t}") for t in count]
        self.end = [z3.Real(f"end{t}") for t in count]
        self.pushed: list[list[Time]] = [[] for _ in count]  # when each task was pushed; the causes
        self.links: dict[int, int] = {}
        self.number = 0
        self.fetches: dict[int, list[int]] = defaultdict(list)
        self._barriers()
        self._firmware()
        self._work()
        self._tasks()
        self._memory()

    def latest(self, name: str, causes: list[Time]) -> Time:
        """The latest of some times; 0 without any."""
        if len(causes) == 1:
            return causes[0]
        self.number += 1
        at = z3.Real(f"{name}_{self.number}")
        if not causes:
            self.solver.add(at == 0)
        else:
            self.solver.add(*(at >= c for c in causes), z3.Or(*(at == c for c in causes)))
        return at

    def _later_in_its_tick(self, cause: Time) -> Time:
        """What a head makes possible comes in the same tick, but after it."""
        self.number += 1
        at = z3.Real(f"made_{self.number}")
        self.solver.add(at > cause, at < cause + z3.Q(1, 1000))
        return at

    def _barriers(self) -> None:
        s = self.s
        consumed = self.start if s.machine.barriers.consume_at == "start" else self.end
        self.lifted, self.over, self.push, self.armed = [], [], [], []
        by_pid: dict[int, list[int]] = defaultdict(list)
        self.previous = []
        for v, instance in enumerate(s.instances):
            self.previous.append(by_pid[instance.pid][-1] if by_pid[instance.pid] else -1)
            by_pid[instance.pid].append(v)
            self.lifted.append(self.latest("lifted", [self.end[t] for t, x in enumerate(s.tasks) if v in x.updates]))
            users = [consumed[t] for t, x in enumerate(s.tasks) if v in x.waits]
            self.over.append(self.latest("over", [self.lifted[v], *users]))
        self.by_pid = by_pid
        self.interrupts = [v for v, i in enumerate(s.instances) if i.irq == "over" and s.mode != "full"]
        self.handled = {v: z3.Real(f"handled{v}") for v in self.interrupts}
        for v in range(len(s.instances)):
            u = self.previous[v]
            writers = [self.end[t] for t, x in enumerate(s.tasks) if v in x.pushes]
            if v in s.boot:
                self.push.append(z3.RealVal(0))
            elif writers:
                self.push.append(writers[0])
            else:
                self.push.append(self.handled.get(u, z3.RealVal(0)))
            self.armed.append(self.latest("armed", [self.push[v]] + ([self.over[u]] if u >= 0 else [])))
            if u >= 0 and v not in s.boot:
                if u not in s.boot and not (writers and any({u, v} <= set(x.pushes) for x in s.tasks)):
                    self.hazards.append(self.push[v] <= self.push[u])
            depth, old = s.machine.barriers.fifo_depth, v
            for _ in range(depth + 1):
                old = self.previous[old] if old >= 0 else -1
            if old >= 0:
                self.hazards.append(z3.BoolVal(True) if v in s.boot else self.push[v] < self.over[old])
        last: dict[int, int] = {}
        for v in s.boot:
            wrong = last.get(s.instances[v].pid, -1) != s.instances[v].number - 1
            last[s.instances[v].pid] = s.instances[v].number
            if wrong:
                self.hazards.append(z3.BoolVal(True))
        for x in s.tasks:
            for a, b in zip(x.pushes, x.pushes[1:], strict=False):
                if s.instances[a].pid == s.instances[b].pid and a > b:
                    self.hazards.append(z3.BoolVal(True))

    def _firmware(self) -> None:
        """Handlers one after the other, by arrival; items in the last handler that they need."""
        s, add = self.s, self.solver.add
        count = len(s.tasks)
        fetched = sorted({t for i in s.items for t in i.done}) if s.mode != "full" else []
        raised = {("v", v): self.over[v] for v in self.interrupts} | {("t", t): self.end[t] for t in fetched}
        rank = {
            n: i
            for i, n in enumerate(
                sorted(raised, key=lambda n: (n[0] == "v", s.instances[n[1]].pid if n[0] == "v" else n[1], n[1]))
            )
        }
        begin = {n: z3.Real(f"serve_{n[0]}{n[1]}") for n in raised}
        ready = {n: self.handled[n[1]] if n[0] == "v" else z3.Real(f"ready{n[1]}") for n in raised}
        finish = {n: z3.Real(f"served_{n[0]}{n[1]}") for n in raised}
        names = sorted(raised, key=lambda n: rank[n])
        before = {}
        for a in names:
            add(begin[a] >= raised[a], ready[a] >= begin[a] + 1, finish[a] >= ready[a])
            for b in names:
                if rank[a] < rank[b]:
                    if s.machine.firmware.service_order == "id":
                        first = z3.Bool(
                            f"first_{a}_{b}"
                        )  # who goes first is free, but the lower id among those pending
                        add(z3.Implies(z3.Not(first), raised[a] > begin[b]))
                    else:
                        first = raised[a] <= raised[b]
                    before[a, b], before[b, a] = first, z3.Not(first)
                    add(z3.If(first, begin[b] >= finish[a], begin[a] >= finish[b]))
        self.item: dict[int, Time] = {}
        triggers: dict[int, set[tuple[str, int]]] = defaultdict(set)  # per engine, of all items so far
        homes: dict[int, dict[tuple[str, int], Any]] = {}
        for i, item in enumerate(s.items):
            own = {("v", v) for v in item.at} | {("t", t) for t in item.done}
            if not own:
                continue
            if s.mode == "full" or not own <= set(raised):
                self.hazards.append(z3.BoolVal(True))
                continue
            triggers[item.engine] |= own
            at = self.item[i] = z3.Real(f"item{i}")
            homes[i] = {}
            for h in triggers[item.engine]:
                here = z3.And(*(before[g, h] for g in triggers[item.engine] if g != h))
                homes[i][h] = here
                add(z3.Implies(here, z3.And(at >= ready[h] + 1, finish[h] >= at)))
                for j, others in homes.items():
                    if j != i and h in others:
                        add(z3.Implies(z3.And(here, others[h]), at >= self.item[j] + 1))
        assert count >= 0

    def _work(self) -> None:
        s = self.s
        self.transfer: dict[int, Time] = {}
        for t, x in enumerate(s.tasks):
            if x.kind == ENQUEUE:
                self.transfer[t] = z3.Real(f"transfer{t}")
                if s.machine.management.linked_enqueue:
                    self.links |= dict.fromkeys(self.lists[x.target][x.low + 1 : x.high], 1)
        for item in s.items:
            if s.mode == "full" and not item.at + item.done and s.machine.engines[item.engine].kind == "dma":
                self.links |= dict.fromkeys(self.lists[item.engine][item.low + 1 : item.high], 2)
        for e in range(len(self.lists)):
            self._pushes(e)

    def _pushes(self, e: int) -> None:
        """Who pushes the tasks of an engine, in what order, and whether there is room."""
        s, tasks, model = self.s, self.lists[e], self.s.machine.engines[e]
        entries = [t for t in tasks if t not in self.links]
        sources = [("item", i, x.low, x.high) for i, x in enumerate(s.items) if x.engine == e]
        sources += [("task", t, x.low, x.high) for t, x in enumerate(s.tasks) if x.kind == ENQUEUE and x.target == e]
        covered = sorted(n for _, _, low, high in sources for n in range(low, high))
        if covered != list(range(len(tasks))):
            self.hazards.append(z3.BoolVal(True))
            return
        reached, booted = 0, 0
        last: Time = None
        for kind, n, low, high in sorted(sources, key=lambda r: r[2]):
            boot = kind == "item" and n not in self.item
            if boot and last is not None:
                self.hazards.append(z3.BoolVal(True))
            begin = z3.RealVal(0) if boot else self.item[n] if kind == "item" else self.transfer[n]
            if kind == "item" and low < reached:
                self.hazards.append(z3.BoolVal(True))
            reached = high
            if last is not None:
                self.hazards.append(begin <= last)
            at = begin
            for t in tasks[low:high]:
                if t in self.links:
                    self.pushed[t] = [at]
                    continue
                booted += boot
                room = entries.index(t) - model.fifo_depth
                if boot:
                    if booted > model.fifo_depth + 1:
                        self.hazards.append(z3.BoolVal(True))
                elif room >= 0 and (kind == "item" or s.machine.full_fifo == "drop"):
                    self.hazards.append(self.head[entries[room]] >= begin)
                elif room >= 0:
                    at = self.latest("push", [at, self._later_in_its_tick(self.head[entries[room]])])
                self.pushed[t] = [at]
            if not boot:
                last = at
            if kind == "task":
                self.solver.add(self.end[n] == at)
        order = [n for kind, n, _, _ in sorted(sources, key=lambda r: r[2]) if kind == "item"]
        if order != sorted(order):
            self.hazards.append(z3.BoolVal(True))

    def _tasks(self) -> None:
        s, add = self.s, self.solver.add
        for x, task in enumerate(s.tasks):
            if task.kind == FETCH:
                for u in self.lists[task.target][task.low : task.high]:
                    self.fetches[u].append(x)
        for e, tasks in enumerate(self.lists):
            model = s.machine.engines[e]
            for i, t in enumerate(tasks):
                task = s.tasks[t]
                causes = list(self.pushed[t])
                if i and model.order == "serial":
                    causes.append(self.end[tasks[i - 1]])
                elif i:
                    causes.append(self.start[tasks[i - 1]])
                if self.links.get(t) == 1:
                    causes.append(self.end[tasks[i - 1]])
                add(self.head[t] == self.latest("h", causes))
                sees = [self.head[t], *(self.lifted[v] for v in task.waits)]
                if model.order in ("prefetching", "outstanding") and i >= model.servers:
                    sees.append(self.end[tasks[i - model.servers]])
                # what a start causes arrives after what made it possible, were it in the same tick
                add(*(self.start[t] > c for c in sees))
                if t in self.transfer:
                    add(self.transfer[t] >= self.start[t] + 1)
                else:
                    add(self.end[t] >= self.start[t] + 1)
                if model.kind != "dma":
                    if len(self.fetches[t]) != 1:
                        self.hazards.append(z3.BoolVal(True))
                    self.hazards += [self.head[t] < self.end[f] for f in self.fetches[t]]
                self._waits(t, sees[0] if len(sees) == 1 else self.head[t], sees)
                self.hazards += [self.end[t] < self.armed[v] for v in task.updates]

    def _waits(self, t: int, head: Time, sees: list[Time]) -> None:
        waits = self.s.tasks[t].waits
        if len(waits) == 1:
            self.hazards.append(head < self.armed[waits[0]])
        elif waits:
            # one moment before the right one at which all counters read zero
            self.number += 1
            now = z3.Real(f"now{self.number}")
            lag = [c for c in sees[1 + len(waits) :]]
            early = [now < self.armed[v] for v in waits]
            self.hazards.append(
                z3.And(now >= head, *(now >= c for c in lag), z3.Or(*early), *(self._zero(v, now) for v in waits))
            )

    def _zero(self, v: int, now: Time) -> Any:
        """Whether the barrier of `v` reads zero at `now`, before anybody takes `v` from it."""
        mine = self.by_pid[self.s.instances[v].pid]
        mine = mine[: mine.index(v) + 1]
        cases = [now < self.armed[mine[0]]]
        for u, following in zip(mine, [*mine[1:], None], strict=True):
            until = [now < self.armed[following]] if following is not None else []
            cases.append(z3.And(self.lifted[u] <= now, self.armed[u] <= now, *until))
        return z3.Or(*cases)

    def _memory(self) -> None:
        s = self.s
        self.hazards += [self.start[t] < self.end[u] for t, row in enumerate(s.conflicts()) for u in row]
        slots: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for f, x in enumerate(s.tasks):
            if x.kind == FETCH:
                for n, u in enumerate(self.lists[x.target][x.low : x.high]):
                    slots[x.target, x.slot + n].append((f, u))
        for users in slots.values():
            for i, (f, u) in enumerate(users):
                for g, w in users[i + 1 :]:
                    # whoever fetches second must not find the other one's user alive
                    self.hazards.append(z3.And(self.start[f] <= self.start[g], self.start[g] < self.end[u]))
                    self.hazards.append(z3.And(self.start[g] < self.start[f], self.start[f] < self.end[w]))
        tail = next((v for v, i in enumerate(s.instances) if i.tail), -1)
        if tail >= 0:
            self.hazards += [self.lifted[tail] < end for end in self.end]


def has_hazard(s: Schedule) -> bool:
    """Whether some timing breaks a rule; a deadlock leaves no timing at all."""
    if broken_limits(s):
        return True
    encoding = Encoding(s)
    if encoding.solver.check() == z3.unsat:
        return True
    encoding.solver.add(z3.Or(*encoding.hazards))
    answer = encoding.solver.check()
    assert answer != z3.unknown
    return bool(answer == z3.sat)
