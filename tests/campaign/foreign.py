"""Programs that none of our passes makes: as if managed by hand, nearly legal, in all modes and with every option.

Each part is drawn at random among what makes sense where it stands; what is still missing are orders, some of which
`tests.campaign.nearly` adds.
"""

import random
from collections.abc import Collection
from itertools import pairwise

from tests.campaign.nearly import ordered
from tests.campaign.sketch import Instance, Item, Op, Sketch
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.program import Kind, Program

MODES = ("firmware", "partial", "full")
ORDERS = ("serial", "serial", "serial", "prefetching", "prefetching", "outstanding", "pool")
MOST_SHARED = 3  # physical barriers before orders are added
ROUNDS = 16  # of remedies at most


def foreign_program(seed: int) -> Program:
    """The program of a seed."""
    rng = random.Random(f"foreign {seed}")
    sketch = foreign_sketch(rng, foreign_machine(rng), MODES[seed % 3])
    return ordered(sketch, rng, rng.randint(0, ROUNDS))


def foreign_machine(rng: random.Random) -> MachineModel:
    """`tiny` with every option but bounded re-arming, which exploration cannot judge."""
    depth = rng.choice([0, 1, 1, 2, 3])
    changes: dict[str, object] = {
        "barriers.count": 16,
        "barriers.max_producers": 64,
        "barriers.max_consumers": 64,
        "barriers.max_sum": 64,
        "barriers.fifo_depth": depth,
        "barriers.consume_at": rng.choice(["start", "end"]),
        "barriers.rearm": rng.choice(["atomic", "atomic", "acknowledged"]),
        "dma.fifo_depth": rng.choice([1, 1, 2, 4]),
        "dpu.fifo_depth": rng.choice([1, 1, 2]),
        "shave.fifo_depth": rng.choice([1, 2]),
        "dpu.descriptor_slots": rng.choice([2, 4, 8]),
        "shave.descriptor_slots": rng.choice([2, 4, 8]),
        "engine.max_waits": 0,
        "dpu.max_waits": rng.choice([0, 0, 1]),
        "full_fifo": rng.choice(["block", "block", "drop"]),
        "management.linked_enqueue": rng.random() < 0.25,
        "management.program_depth": rng.choice([1, 2, 4]),
        "firmware.service_order": rng.choice(["arrival", "arrival", "id"]),
        "firmware.preload": rng.randint(0, depth) if rng.random() < 0.4 else 0,
    }
    for kind in ("dma", "dpu", "shave"):
        changes[f"{kind}.order"] = order = rng.choice(ORDERS)
        if order in ("outstanding", "pool"):
            changes[f"{kind}.servers"] = rng.choice([1, 2, 2, 3])
    machine = preset("tiny").with_(**changes)
    return machine.with_(**{"firmware.top_up": rng.randint(1, machine.firmware.preload + 1)})


class _Hand:
    """Puts a sketch together, part by part."""

    def __init__(self, rng: random.Random, machine: MachineModel, mode: str) -> None:
        self.rng, self.machine, self.mode = rng, machine, mode
        self.sketch = Sketch(machine, mode)
        self.data = [i for i, e in enumerate(machine.engines) if e.kind == "dma" and not e.firmware]
        self.fetching = [i for i, e in enumerate(machine.engines) if e.kind == "dma" and e.firmware]
        self.compute = [i for i, e in enumerate(machine.engines) if e.kind != "dma"]
        self.pids = rng.choice([1, 1, 2, 3])

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def between(self, low: int, high: int) -> int:
        """A place, whichever of the two comes first."""
        return self.rng.randint(min(low, high), max(low, high))

    def place(self, op: Op) -> int:
        return self.sketch.ops.index(op)

    def parts(self, tasks: list[Op], most: int = 99, always: Collection[Op] = ()) -> list[list[Op]]:
        """A list in parts, as a rule of up to `most` tasks; one begins with each of `always`."""
        share, out = self.rng.choice([0.2, 0.6]), list[list[Op]]()
        for op in tasks:
            full = not out or (len(out[-1]) >= most and self.chance(0.95))
            if full or op in always or self.chance(share):
                out.append([])
            out[-1].append(op)
        return out

    def tasks(self) -> None:
        """Tasks of the network: on few engines, or on all; some touch the same data."""
        engines = self.rng.sample(self.compute, self.rng.choice([1, 1, 2])) + self.data
        self.sketch.buffers = 2 if self.chance(0.25) else 0
        for n in range(self.rng.randint(3, 6)):
            engine = engines[0] if n < 2 else self.rng.choice(engines)
            slots = self.rng.choice([1, 1, 2]) if engine in self.compute else 1
            op = Op(Kind.RUN, engine, slots)
            if self.sketch.buffers and self.chance(0.4):
                (op.writes if self.chance(0.5) else op.reads).append(self.rng.randrange(self.sketch.buffers))
            self.sketch.ops.append(op)
        self.rng.shuffle(self.sketch.ops)

    def fetches(self) -> None:
        """Execution groups, each fetched somewhere before its first task; slots are used again."""
        for e in self.compute:
            tasks, slots, earliest = self.sketch.on(e), self.machine.engines[e].descriptor_slots, 0
            groups: list[list[Op]] = []
            for op in tasks:
                if not groups or len(groups[-1]) == slots or self.chance(0.5):
                    groups.append([])
                groups[-1].append(op)
            at, users = 0, dict[int, Op]()
            channel = self.rng.choice(self.fetching if self.mode == "firmware" and self.chance(0.7) else self.data)
            for group in groups:
                at = at if at + len(group) <= slots else 0
                engine = channel if self.chance(0.8) else self.rng.choice(self.data)
                live = [self.place(users[at + n]) + 1 for n in range(len(group)) if at + n in users]
                earliest = max([earliest, *live]) if self.chance(0.9) else earliest
                place = earliest if self.chance(0.4) else self.between(earliest, self.place(group[0]))
                self.sketch.ops.insert(place, Op(Kind.FETCH, engine, group=group, slot=at))
                users |= {at + n: op for n, op in enumerate(group)}
                earliest, at = place + 1, at + len(group)

    def fetch_of(self, op: Op) -> Op:
        return next(f for f in self.sketch.ops if op in f.group)

    def room(self, engine: int) -> int:
        """How many tasks one push had better have."""
        waits = self.mode == "full" and self.machine.full_fifo == "block"
        return 99 if waits else self.machine.engines[engine].fifo_depth

    def enqueues(self) -> None:
        """Full mode: enqueues of compute lists, and perhaps of what comes later on a DMA queue."""
        queue = self.rng.choice(self.data)
        for e in self.compute:
            earliest = 0
            linked = self.machine.management.linked_enqueue and self.chance(0.9)
            groups = [op.group[0] for op in self.sketch.ops if op.group] if linked else []
            for part in self.parts(self.sketch.on(e), self.room(e), groups):
                low = max(earliest, self.place(self.fetch_of(part[-1])) + 1)
                place = low if self.chance(0.4) else self.between(low, self.place(part[0]))
                by = queue if self.chance(0.7) else self.rng.choice(self.data)
                self.sketch.ops.insert(place, Op(Kind.ENQUEUE, by, first=part[0]))
                earliest = place + 1

    def dispatch(self) -> None:
        """Full mode: DMA lists are pushed whole at bootstrap, one of them perhaps in parts by another."""
        dispatched = self.rng.choice(self.data) if self.chance(0.3) else -1
        for e in self.data + self.fetching:
            tasks = self.sketch.on(e)
            firsts = [part[0] for part in self.parts(tasks, self.room(e))] if e == dispatched else tasks[:1]
            for n, first in enumerate(firsts):
                if e == dispatched and (self.chance(0.95) if n else self.chance(0.3)):
                    by = self.rng.choice([x for x in self.data if x != e])
                    place = self.between(self.rng.randrange(self.place(first) + 1), self.place(first))
                    self.sketch.ops.insert(place, Op(Kind.ENQUEUE, by, first=first))
                else:
                    self.sketch.items.append(Item(first))
        # whoever dispatches has its list pushed, too
        for e in self.data:
            tasks = self.sketch.on(e)
            if tasks and not any(first.engine == e for first in self.sketch.pushers()):
                self.sketch.items.append(Item(tasks[0]))

    def barrier(self, producers: list[Op], consumers: list[Op]) -> Instance:
        """An instance that some tasks update and others wait on."""
        used = {w.pid for op in producers + consumers for w in op.updates + op.waits}
        free = [pid for pid in range(self.pids) if pid not in used]
        if not free and self.pids < MOST_SHARED and self.chance(0.9):
            free, self.pids = [self.pids], self.pids + 1
        v = Instance(self.rng.choice(free) if free and self.chance(0.9) else self.rng.randrange(self.pids))
        for op in producers:
            op.updates.append(v)
        for op in consumers:
            limit = self.machine.engines[op.engine].max_waits
            if not limit or len(op.waits) < limit:
                op.waits.append(v)
        self.sketch.instances.append(v)
        return v

    def dependences(self) -> None:
        """Barriers along a chain of tasks, or between random ones, management included; some that nobody waits on."""
        ops = self.sketch.ops
        chained = self.chance(0.5)
        if chained:  # few barriers are used again and again
            places = sorted(self.rng.sample(range(len(ops)), min(len(ops), self.rng.randint(4, 7))))
            for a, b in pairwise(places):
                self.barrier([ops[a]], [ops[b]])
        for _ in range(self.rng.randint(0, 2) if chained else self.rng.randint(1, 5)):
            last = self.rng.randrange(len(ops) - 1)
            producers = [ops[last]]
            if last and self.chance(0.3):
                producers.append(ops[self.rng.randrange(last)])
            later = [op for op in ops[last + 1 :] if self.chance(0.8) or op.engine not in self.compute]
            count = min(len(later), self.rng.choice([0, 1, 1, 1, 2]))
            self.barrier(producers, self.rng.sample(later, count))

    def work_items(self) -> None:
        """Firmware pushes the first tasks of DMA queues at once, the rest when a barrier is over or a fetch is done."""
        parts: list[list[Item]] = []
        for e, model in enumerate(self.machine.engines):
            tasks, part = self.sketch.on(e), list[Item]()
            reached = self.rng.randint(1, model.fifo_depth + 1) if e not in self.compute else 0
            if tasks and reached:
                part.append(Item(tasks[0]))
            for late in self.parts(tasks[reached:], self.room(e)):
                part.append(self.late_item(late))
            if self.chance(0.03):
                self.rng.shuffle(part)
            parts.append(part)
        # of one engine in order, of several as it happens
        while any(parts):
            self.sketch.items.append(self.rng.choice([part for part in parts if part]).pop(0))

    def late_item(self, tasks: list[Op]) -> Item:
        """An item that waits for something that happens before its first task, as a rule."""
        first, ops = tasks[0], self.sketch.ops
        item = Item(first)
        if first.engine in self.compute:
            fetch = self.fetch_of(tasks[-1])
            if self.mode == "firmware" and self.chance(0.8):
                item.done.append(fetch)
            else:
                item.at.append(self.heard(fetch, first))
        if not item.at + item.done or self.chance(0.4):
            before = ops[: self.place(first)]
            early = [v for v in self.sketch.instances if v not in item.at and self.over_before(v, first)]
            if early and self.chance(0.7):
                item.at.append(self.rng.choice(early))
            elif before:
                item.at.append(self.heard(self.rng.choice(before), first))
        if not item.at + item.done:
            item.at.append(self.heard(ops[0], first))
        item.at = list(dict.fromkeys(item.at))
        return item

    def over_before(self, v: Instance, then: Op) -> bool:
        """In program order all users of an instance come before a task."""
        return not any(v in op.updates + op.waits for op in self.sketch.ops[self.place(then) :])

    def heard(self, op: Op, then: Op) -> Instance:
        """An instance that is over when a task has ended, and before another begins."""
        own = [v for v in op.updates if self.over_before(v, then)]
        return self.rng.choice(own) if own and self.chance(0.7) else self.barrier([op], [])

    def assign(self) -> None:
        """Instances follow one another as they are used, seldom not; the tail comes last."""
        ops, rng = self.sketch.ops, self.rng
        use = {v: min(n for n, op in enumerate(ops) if v in op.updates) for v in self.sketch.instances}
        self.sketch.instances.sort(key=lambda v: use[v] + (rng.randrange(-4, 5) if self.chance(0.1) else 0))
        self.sketch.instances.append(Instance(rng.randrange(self.pids + 1) if self.chance(0.2) else self.pids))
        for v in self.sketch.instances[:-1]:
            v.interrupts = self.mode != "full" and self.chance(0.1)

    def load(self) -> None:
        """What bootstrap loads: in full mode what fits, or less."""
        sketch, depth = self.sketch, self.machine.barriers.fifo_depth
        for pid in sorted({v.pid for v in sketch.instances}):
            count = 1 + self.machine.firmware.preload
            if self.mode == "full":
                count = 1 + (depth if self.chance(0.3) else self.rng.randint(0, depth))
            sketch.boot += sketch.of(pid)[:count]
        if self.chance(0.3):  # by use, not by barrier
            sketch.boot.sort(key=sketch.instances.index)

    def programs(self) -> None:
        """Full mode: PROGRAM tasks, each somewhere between the last user of whoever makes room and the first user."""
        ops, depth, before = self.sketch.ops, self.machine.barriers.fifo_depth, None
        for v in [v for v in self.sketch.instances if v not in self.sketch.boot]:
            row = self.sketch.of(v.pid)
            behind = row.index(v) - depth - 1
            former = [n for n, op in enumerate(ops) if behind >= 0 and row[behind] in op.updates + op.waits]
            users = [n for n, op in enumerate(ops) if v in op.updates + op.waits]
            deep = before is not None and sum(w.pid == v.pid for w in before.programs)
            if before is not None and deep < self.machine.management.program_depth and self.chance(0.4):
                before.programs.append(v)
                continue
            earliest = max(former, default=-1) + 1
            place = earliest if self.chance(0.5) else self.between(earliest, min(users, default=len(ops)))
            before = Op(Kind.PROGRAM, self.rng.choice(self.data), programs=[v])
            ops.insert(place, before)

    def finish(self) -> None:
        """The tail: last tasks of engines that end in order, all tasks of others, or simply all."""
        every = self.chance(0.2)
        for e, model in enumerate(self.machine.engines):
            tasks = self.sketch.on(e)
            for op in tasks if every or not model.ends_in_order else tasks[-1:]:
                op.updates.append(self.sketch.instances[-1])


def foreign_sketch(rng: random.Random, machine: MachineModel, mode: str) -> Sketch:
    """A managed program of 5 to 20 tasks."""
    hand = _Hand(rng, machine, mode)
    hand.tasks()
    hand.fetches()
    full = mode == "full"
    if full:
        hand.enqueues()
    hand.dependences()
    if not full:
        hand.work_items()
    hand.assign()
    hand.load()
    if full:
        hand.programs()
        hand.dispatch()
    hand.finish()
    return hand.sketch
