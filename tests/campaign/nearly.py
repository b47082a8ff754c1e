"""Orders that a sketch lacks: what the checker misses is added bit by bit, so that programs come to lie near the line.

The checker only says where to look. Whether it is right about the outcome is for its witnesses to say.
"""

import random

from tests.campaign.sketch import Instance, Item, Op, Sketch
from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.passes.checker.findings import Finding
from wlm_dialect.passes.verify_schedule import check
from wlm_dialect.program import Kind, Program

AT_ONCE = 3  # findings that are remedied in a round
MOST_PIDS = 12


def ordered(sketch: Sketch, rng: random.Random, rounds: int) -> Program:
    """The program of a sketch after up to `rounds` rounds of remedies."""
    program = sketch.build()
    for _ in range(rounds):
        verdict = check(program)
        if not verdict.findings:
            break
        assert verdict.graph is not None
        remedies = _Remedies(sketch, rng, verdict.graph)
        for finding in rng.sample(verdict.findings, min(AT_ONCE, len(verdict.findings))):
            remedies.apply(finding)
        program = sketch.build()
    return program


class _Remedies:
    """Changes a sketch after findings about the program that was built of it."""

    def __init__(self, sketch: Sketch, rng: random.Random, graph: EventGraph) -> None:
        self.sketch, self.rng, self.graph = sketch, rng, graph
        # what the numbers of the findings mean, whatever changes meanwhile
        self.ops, self.instances, self.items = [*sketch.ops], [*sketch.instances], [*sketch.items]
        self.tail = sketch.instances[-1]

    def apply(self, finding: Finding) -> None:
        """Order the two events of a finding; of a circle, drop a wait. What is wrong otherwise stays so."""
        if finding.cycle:
            self.cut([self.ops[t] for t in finding.cycle])
        elif finding.rule in ("H1", "H2", "H3") and finding.barrier >= 0 and self.hopeless(finding):
            self.elsewhere(self.instances[finding.barrier])
        elif min(finding.nodes) >= 0:
            self.order(*finding.nodes)

    def hopeless(self, finding: Finding) -> bool:
        """Whether an instance had better have another barrier: no order helps a task that uses two of one barrier."""
        early, late = (self.op_of(node) if node >= 0 else None for node in finding.nodes)
        return self.rng.random() < (0.7 if early is late and early is not None else 0.05)

    def order(self, first: int, then: int) -> None:
        """The first event comes before the second, if both are such that a barrier can see to it."""
        (cause, number), (effect, _) = self.graph.kind_of(first), self.graph.kind_of(then)
        early, late = self.op_of(first), self.op_of(then)
        if cause == Event.HANDLER and late is not None:
            self.push_later(self.graph.handler_source[number], late)
        elif early is not None and effect == Event.LIFTED:
            early.updates += [self.tail] if self.tail not in early.updates else []
        elif early is not None:
            self.join(early, self.waiting(then))

    def op_of(self, node: int) -> Op | None:
        """The task of an event, if it is one of a task."""
        kind, number = self.graph.kind_of(node)
        if kind == Event.TRANSFER:
            return self.ops[self.graph.ranges.enqueues[number]]
        return self.ops[number] if kind in (Event.ENQ, Event.HEAD, Event.START, Event.END) else None

    def waiting(self, node: int) -> Op | Item | None:
        """Who has to wait for an event to come later."""
        kind, number = self.graph.kind_of(node)
        if kind == Event.ITEM:
            return self.items[number]
        op = self.op_of(node)
        if op is None or kind not in (Event.ENQ, Event.HEAD):
            return op
        pusher = self.sketch.pusher(op)
        if isinstance(pusher, Item) and not pusher.at + pusher.done:  # bootstrap: the task before can wait
            own = self.sketch.on(op.engine)
            at = own.index(op)
            return own[at - 1] if at else None
        return pusher

    def join(self, first: Op, then: Op | Item | None) -> None:
        """`first` ends before `then`: by a barrier of one of the two, or by a new one."""
        if then is None or then is first:
            return
        place = self.sketch.ops.index
        if place(first) > place(then.first if isinstance(then, Item) else then):
            if isinstance(then, Op) and then.kind != Kind.RUN and then not in self.sketch.pushers():
                self.move(then, first)
            return
        waits, updates = (then.at, []) if isinstance(then, Item) else (then.waits, then.updates)
        limit = 0 if isinstance(then, Item) else self.sketch.machine.engines[then.engine].max_waits
        own = [v for v in first.updates if v is not self.tail and v not in waits + updates]
        if (waits and limit) or (waits and self.rng.random() < 0.3):
            v = self.rng.choice(waits)
            if v not in first.updates + first.waits:
                first.updates.append(v)
            return
        v = self.rng.choice(own) if own and self.rng.random() < 0.4 else self.instance(first, waits + updates)
        if v not in first.updates:
            first.updates.append(v)
        waits.append(v)

    def move(self, op: Op, behind: Op) -> None:
        """Put an op elsewhere, as a rule; enqueues of one list still follow its order."""
        if self.rng.random() < 0.3:
            return
        ops = self.sketch.ops
        ops.remove(op)
        ops.insert(ops.index(behind) + 1, op)
        if op.first is not None:
            rivals = [x for x in ops if x.first is not None and x.first.engine == op.first.engine]
            firsts = sorted((x.first for x in rivals if x.first), key=ops.index)
            for x, first in zip(rivals, firsts, strict=True):
                x.first = first

    def cut(self, cycle: list[Op]) -> None:
        """Drop a wait of tasks that wait for one another, or of who pushes them; a barrier left alone goes, too."""
        pushers = [p for p in map(self.sketch.pusher, cycle) if isinstance(p, Item) and len(p.at + p.done) > 1]
        rows = [op.waits for op in cycle if op.waits] + [item.at for item in pushers if item.at]
        if not rows:
            return
        row = self.rng.choice(rows)
        v = self.rng.choice(row)
        row.remove(v)
        uses = [op.waits + op.programs for op in self.sketch.ops] + [item.at for item in self.sketch.items]
        if not any(v in use for use in uses):
            self.sketch.instances.remove(v)
            for op in self.sketch.ops:
                op.updates = [w for w in op.updates if w is not v]
            self.load()

    def elsewhere(self, v: Instance) -> None:
        """Give an instance a physical barrier of its own, which bootstrap loads."""
        fresh = max(w.pid for w in self.sketch.instances) + 1
        if fresh >= MOST_PIDS or v not in self.sketch.instances:
            return
        v.pid = fresh
        for op in self.sketch.ops:
            if v in op.programs:
                op.programs.remove(v)
                op.kind = Kind.PROGRAM if op.programs else Kind.SYNC
        self.sketch.boot.append(v)
        self.load()

    def push_later(self, source: tuple[int, int], op: Op) -> None:
        """Have firmware push a task when it has served an interrupt: with all of its item, or on its own."""
        item = self.sketch.pusher(op)
        if not isinstance(item, Item):
            return
        if not item.at + item.done or self.rng.random() < 0.5:
            if item.first is op:
                return
            split = Item(op)
            self.sketch.items.insert(self.sketch.items.index(item) + 1, split)
            item = split
        barrier, fetch = source
        late = self.sketch.ops[self.sketch.ops.index(item.first) :]
        if fetch >= 0:
            item.done = list(dict.fromkeys([*item.done, self.ops[fetch]]))
        elif (v := self.instances[barrier]) in self.sketch.instances:
            used = any(v in x.updates + x.waits for x in late)
            item.at = item.at if used else list(dict.fromkeys([*item.at, v]))

    def instance(self, first: Op, others: list[Instance]) -> Instance:
        """One that bootstrap or firmware loads, for `first` to update: of a barrier that has room, or of another."""
        sketch = self.sketch
        pids = sorted({v.pid for v in sketch.instances})
        room = sketch.machine.barriers.fifo_depth + 1 if sketch.mode == "full" else MOST_PIDS
        used = {v.pid for v in [self.tail, *first.updates, *first.waits, *others]}
        shared = [p for p in pids if len(sketch.of(p)) < room and p not in used]
        fresh = pids[-1] + 1
        v = Instance(self.rng.choice(shared) if shared and (fresh >= MOST_PIDS or self.rng.random() < 0.5) else fresh)
        early = sketch.ops[: sketch.ops.index(first)]
        later = [w for w in sketch.of(v.pid) if not any(w in op.updates for op in early)]
        sketch.instances.insert(sketch.instances.index(later[0] if later else self.tail), v)
        sketch.boot.append(v)
        self.load()
        return v

    def load(self) -> None:
        """Bootstrap loads in order, and as many as firmware expects."""
        sketch, loaded = self.sketch, 1 + self.sketch.machine.firmware.preload
        rows = [sketch.of(pid) for pid in sorted({v.pid for v in sketch.instances})]
        chosen = sketch.boot if sketch.mode == "full" else [v for row in rows for v in row[:loaded]]
        sketch.boot = [v for row in rows for v in row if v in chosen]
