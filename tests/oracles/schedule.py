"""A managed program read from its printed text: the oracles' own decoder, which shares nothing with the package's."""

import re
from dataclasses import dataclass, field
from typing import Any

RUN, FETCH, ENQUEUE, PROGRAM, SYNC = "run", "fetch", "enqueue", "program", "sync"
_LABEL = r'"((?:[^"\\]|\\.)*)"'


@dataclass
class Task:
    """One op of the list of an engine. Indices are those of `Schedule`."""

    kind: str
    engine: int
    slots: int
    waits: list[int]
    updates: list[int]
    after: list[int]
    reads: list[int]
    writes: list[int]
    target: int = -1  # engine of the range of a fetch or enqueue
    low: int = 0
    high: int = 0
    slot: int = 0
    pushes: list[int] = field(default_factory=list)  # instances that a program pushes


@dataclass
class Instance:
    """One use of physical barrier `pid`."""

    pid: int
    producers: int
    consumers: int
    tail: bool
    irq: str
    number: int = 0  # instances of the same barrier before it


@dataclass
class Item:
    """A range of an engine's list that firmware pushes."""

    engine: int
    low: int
    high: int
    at: list[int]
    done: list[int]


@dataclass
class Schedule:
    """A managed program and the engine models (`order`, `servers`, `fifo_depth`, ...) it runs on."""

    mode: str
    machine: Any
    tasks: list[Task] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    boot: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    spans: list[tuple[str, int, int]] = field(default_factory=list)  # per buffer or view: space, low, high

    @property
    def lists(self) -> list[list[int]]:
        """Per engine its tasks, in order."""
        out: list[list[int]] = [[] for _ in self.machine.engines]
        for t, task in enumerate(self.tasks):
            out[task.engine].append(t)
        return out

    def topped_up(self, v: int) -> list[int]:
        """The instances that firmware programs when instance `v` is over, in order, loaded ones left out."""
        pid, number = self.instances[v].pid, self.instances[v].number
        firmware = self.machine.firmware
        if (number + 1) % firmware.top_up:
            return []
        numbers = range(number + firmware.preload + 2 - firmware.top_up, number + firmware.preload + 2)
        row = [w for w, i in enumerate(self.instances) if i.pid == pid]
        return [row[n] for n in numbers if n < len(row) and row[n] not in self.boot]

    def conflicts(self) -> list[list[int]]:
        """Per task all earlier ones whose end it comes after: they access the same byte, one writes; or `after`."""

        def meet(a: list[int], b: list[int]) -> bool:
            return any(
                self.spans[x][0] == self.spans[y][0]
                and self.spans[x][1] < self.spans[y][2]
                and self.spans[y][1] < self.spans[x][2]
                for x in a
                for y in b
            )

        out = []
        for t, task in enumerate(self.tasks):
            row = set(task.after)
            for u in range(t):
                other = self.tasks[u]
                if meet(other.writes, task.reads + task.writes) or meet(other.reads, task.writes):
                    row.add(u)
            out.append(sorted(row))
        return out


def read_schedule(text: str, machine: Any) -> Schedule:
    """The single managed graph of a module as `wlm-opt` prints it. Anything unknown is an AssertionError."""
    engines = {e.name: i for i, e in enumerate(machine.engines)}
    header = re.search(r"task\.graph @\S+ phase managed mode (\w+)", text)
    assert header, "no managed graph"
    s = Schedule(header[1], machine)
    names: dict[str, tuple[str, int]] = {}
    ops = [m.groups() for m in re.finditer(r"^\s*(?:(%\w+) = )?([a-z_]+\.[a-z_]+)(.*)$", text, re.M)]
    count = {"buffer": 0, "barrier": 0, "task": 0}
    for name, op, _ in ops:  # first, as an edited program may name what comes later
        if name:
            what = "buffer" if op in ("task.buffer", "task.view") else op.split(".")[0].replace("mgmt_dma", "task")
            names[name] = (what, count[what])
            count[what] += 1
    for name, op, rest in ops:
        if op not in ("builtin.module", "task.graph"):
            made = _read_op(s, op, rest, names, engines)
            assert not name or names[name] == made, name
    seen: dict[int, int] = {}
    for instance in s.instances:
        instance.number = seen.get(instance.pid, 0)
        seen[instance.pid] = instance.number + 1
    return s


class _Line:
    """What follows the name of an op, by the words in it."""

    def __init__(self, text: str, names: dict[str, tuple[str, int]], engines: dict[str, int]) -> None:
        self.text = text
        self.bare = re.sub(_LABEL, '""', text)
        self._names, self._engines = names, engines

    def match(self, pattern: str) -> re.Match[str]:
        """What the op cannot do without."""
        found = re.search(pattern, self.bare)
        assert found, self.text
        return found

    def number(self, word: str, default: int) -> int:
        """`word 12`."""
        found = re.search(rf"\b{word} (-?\d+)", self.bare)
        return int(found[1]) if found else default

    def group(self, word: str) -> list[int]:
        """`word(%a, %b)`, by index."""
        return self._indices(re.search(rf"\b{word}\(([^)]*)\)", self.bare))

    def listed(self) -> list[int]:
        """`[%a, %b]`, by index."""
        return self._indices(re.search(r"\[(%[^\]]*)\]", self.bare))

    def engine(self, pattern: str) -> int:
        """The engine that group 1 of `pattern` names."""
        return self._engines[self.match(pattern)[1]]

    def span(self) -> tuple[int, int, int]:
        """`@engine [low to high)`."""
        found = self.match(r"@(\w+) \[(\d+) to (\d+)\)")
        return self._engines[found[1]], int(found[2]), int(found[3])

    def source(self) -> int:
        """The value that stands first, by index."""
        return self._names[self.bare.split()[0]][1]

    def _indices(self, found: re.Match[str] | None) -> list[int]:
        return [self._names[n.strip()][1] for n in found[1].split(",")] if found else []


def _read_op(
    s: Schedule, op: str, rest: str, names: dict[str, tuple[str, int]], engines: dict[str, int]
) -> tuple[str, int]:
    """Add what an op makes to `s`: what it is, and its index."""
    line = _Line(rest, names, engines)
    match op:
        case "task.buffer" | "task.view":
            s.spans.append(_buffer(line, len(s.spans)) if op == "task.buffer" else _view(line, s.spans))
            return ("buffer", len(s.spans) - 1)
        case "barrier.configure":
            s.instances.append(_instance(line))
            return ("barrier", len(s.instances) - 1)
        case "mgmt_dma.bootstrap":
            s.boot = line.listed()
            return ("", -1)
        case "mgmt_dma.work_item":
            s.items.append(Item(*line.span(), line.group("at"), line.group("done")))
            return ("", -1)
    s.tasks.append(_task(line, op.split(".")[1]))
    return ("task", len(s.tasks) - 1)


def _buffer(line: _Line, index: int) -> tuple[str, int, int]:
    """Space, low, high; a buffer without an address has a space of its own."""
    memory = line.match(r'^ "" (ddr|cmx \d+)')
    address = line.number("address", -1)
    base = max(address, 0)
    return memory[1] if address >= 0 else f"own {index}", base, base + line.number("size", 0)


def _view(line: _Line, spans: list[tuple[str, int, int]]) -> tuple[str, int, int]:
    space, base, _ = spans[line.source()]
    low = base + line.number("offset", 0)
    return space, low, low + line.number("size", 0)


def _instance(line: _Line) -> Instance:
    irq = re.search(r'irq "(\w+)"', line.text)
    words = line.bare.split()
    counts = line.number("producers", 0), line.number("consumers", 0)
    return Instance(int(words[0]), *counts, "tail" in words, irq[1] if irq else "off")


def _task(line: _Line, kind: str) -> Task:
    assert kind in (RUN, FETCH, ENQUEUE, PROGRAM, SYNC), kind
    task = Task(
        kind,
        line.engine(r"^ @(\w+)" if kind == RUN else r" on @(\w+)"),
        line.number("slots", 1) if kind == RUN else 1,
        *(line.group(word) for word in ("waits", "updates", "after", "reads", "writes")),
    )
    if kind in (FETCH, ENQUEUE):
        task.target, task.low, task.high = line.span()
    if kind == FETCH:
        task.slot = int(line.match(r"slots \[(\d+) to")[1])
    if kind == PROGRAM:
        task.pushes = line.listed()
    return task
