"""IR text -> `Schedule`: a decoder of its own, so that a mistake in the compiler's is not repeated here.

Reads the custom form that the tools print, whatever its white space and comments, and nothing that the rules do not
need: names of tasks, cycles and attributes are skipped.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from wlm_dialect.errors import MachineError, ProgramError
from wlm_dialect.machine import MachineModel, parse_machine, preset

_TOKEN = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|[%@!][\w.$-]+|-?\d+|[A-Za-z_][\w.$]*|[^\s\w]')
Instance = tuple[int, int]  # physical barrier and instance
JOBS = ("run", "fetch", "enqueue", "program", "sync")


@dataclass(frozen=True)
class Task:
    """One task; `target`, `low`, `high`, `slot` of a fetch or enqueue, `programs` of a program."""

    job: str
    engine: int
    slots: int = 1
    waits: tuple[Instance, ...] = ()
    updates: tuple[Instance, ...] = ()
    data: tuple[tuple[int, int, int, bool], ...] = ()  # space, first byte, byte behind, whether it writes
    after: tuple[int, ...] = ()
    target: int = -1
    low: int = 0
    high: int = 0
    slot: int = 0
    programs: tuple[Instance, ...] = ()


@dataclass(frozen=True)
class Item:
    """A work item of firmware; without `at` and `done` it is pushed at bootstrap."""

    engine: int
    low: int
    high: int
    at: tuple[Instance, ...] = ()
    done: tuple[int, ...] = ()  # fetches

    @property
    def late(self) -> bool:
        """Pushed by a handler."""
        return bool(self.at or self.done)


@dataclass(frozen=True)
class Schedule:
    """A managed program as the rules see it. `tasks` are in program order; `barriers` maps an id to its instances."""

    name: str
    machine: MachineModel
    mode: str
    tasks: tuple[Task, ...]
    barriers: dict[int, list[tuple[int, int, str]]]  # producers, consumers, interrupt ("", "over", "lifted")
    loaded: tuple[Instance, ...]
    items: tuple[Item, ...]
    tail: Instance | None

    def topped_up(self, over: Instance) -> list[Instance]:
        """The instances that firmware programs when one is over, unless bootstrap has loaded them."""
        firmware, (p, j) = self.machine.firmware, over
        if (j + 1) % firmware.top_up:
            return []
        last = j + firmware.preload + 1
        return [(p, k) for k in range(last - firmware.top_up + 1, last + 1) if k < len(self.barriers[p])]

    def digest(self) -> str:
        """SHA-256 of all that the rules look at."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass
class _Reader:
    tokens: list[str]
    at: int = 0
    barriers: dict[str, Instance] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)
    buffers: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    engines: dict[str, int] = field(default_factory=dict)

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def next(self) -> str:
        if self.at == len(self.tokens):
            raise ProgramError(f"IR text: it ends too early, after '{' '.join(self.tokens[-8:])}'")
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, *words: str) -> None:
        for word in words:
            found = self.next()
            if found != word:
                raise ProgramError(
                    f"IR text: expected '{word}' before '{' '.join(self.tokens[self.at : self.at + 8])}'"
                )

    def accept(self, word: str) -> bool:
        if self.peek() != word:
            return False
        self.at += 1
        return True

    def number(self) -> int:
        word = self.next()
        if not word.lstrip("-").isdigit():
            raise ProgramError(f"IR text: expected a number but found '{word}'")
        return int(word)

    def named(self, word: str, default: int = 0) -> int:
        return self.number() if self.accept(word) else default

    def look(self, table: dict[str, Any], what: str) -> Any:
        name = self.next()
        if name.lstrip("@") in table:
            return table[name.lstrip("@")]
        raise ProgramError(f"IR text: {name} is no {what} that is known here")

    def values(self, table: dict[str, Any], what: str, end: str = ")") -> tuple[Any, ...]:
        out = []
        while not self.accept(end):
            out.append(self.look(table, what))
            self.accept(",")
        return tuple(out)

    def group(self, word: str, table: dict[str, Any], what: str) -> tuple[Any, ...]:
        if not self.accept(word):
            return ()
        self.expect("(")
        return self.values(table, what)

    def range(self) -> tuple[int, int]:
        self.expect("[")
        low = self.number()
        self.expect("to")
        high = self.number()
        self.expect(")")
        return low, high

    def plain(self) -> Any:
        """An attribute: string, number, truth value, array or dictionary."""
        word = self.next()
        if word == "{":
            out: dict[str, Any] = {}
            while not self.accept("}"):
                key = self.next().strip('"')
                out[key] = self.plain() if self.accept("=") else True
                self.accept(",")
            return out
        if word == "[":
            items = []
            while not self.accept("]"):
                items.append(self.plain())
                self.accept(",")
            return items
        if word in ("true", "false"):
            return word == "true"
        value: Any = word.strip('"') if not word.lstrip("-").isdigit() else int(word)
        if self.accept(":"):
            self.next()
        return value

    def skip_attributes(self) -> None:
        if self.peek() == "{":
            depth = 0
            while True:
                depth += {"{": 1, "}": -1}.get(self.next(), 0)
                if depth == 0:
                    return


def read(text: str) -> list[Schedule]:
    """The managed task graphs of a module. Raises ProgramError on text that is not what the tools print."""
    reader = _Reader([t for t in _TOKEN.findall(text) if not t.startswith("//")])
    machine: MachineModel | None = None
    out: list[Schedule] = []
    while reader.at < len(reader.tokens):
        word = reader.next()
        if word == "wlm.machine" and reader.accept("="):
            value = reader.plain()
            try:
                machine = preset(value) if isinstance(value, str) else parse_machine(value)
            except MachineError as error:
                raise ProgramError(f"IR text: {error}") from error
        elif word == "task.graph":
            if machine is None:
                raise ProgramError(
                    "IR text: the module carries no wlm.machine; run wlm-opt -p 'wlm-set-machine{...}' first"
                )
            schedule = _graph(reader, machine)
            out += [schedule] if schedule is not None else []
    return out


def _graph(reader: _Reader, machine: MachineModel) -> Schedule | None:
    name = reader.next().lstrip("@")
    phase = reader.next() if reader.accept("phase") else "graph"
    mode = reader.next() if reader.accept("mode") else ""
    reader.named("format")
    if reader.accept("attributes"):
        reader.skip_attributes()
    if phase != "managed":
        reader.skip_attributes()
        return None
    reader.expect("{")
    reader.engines = {e.name: i for i, e in enumerate(machine.engines)}
    reader.barriers, reader.tasks, reader.buffers = {}, {}, {}
    tasks: list[Task] = []
    barriers: dict[int, list[tuple[int, int, str]]] = {}
    loaded: list[Instance] = []
    items: list[Item] = []
    tails: list[Instance] = []
    while not reader.accept("}"):
        result = ""
        if reader.peek(1) == "=":
            result = reader.next()
            reader.next()
        op = reader.next()
        if op in ("task.buffer", "task.view"):
            reader.buffers[result] = _buffer(reader, op, len(reader.buffers))
        elif op == "barrier.configure":
            reader.barriers[result] = _barrier(reader, barriers, tails)
        elif op == "mgmt_dma.bootstrap":
            reader.expect("[")
            loaded += reader.values(reader.barriers, "barrier", "]")
        elif op == "mgmt_dma.work_item":
            engine = reader.look(reader.engines, "engine")
            low, high = reader.range()
            at, done = reader.group("at", reader.barriers, "barrier"), reader.group("done", reader.tasks, "task")
            items.append(Item(engine, low, high, at, done))
        elif op == "task.run" or op.startswith("mgmt_dma."):
            reader.tasks[result or f"#{len(tasks)}"] = len(tasks)
            tasks.append(_task(reader, op.rpartition(".")[2]))
        else:
            raise ProgramError(f"IR text: unknown operation '{op}'; print the module in its custom form: wlm-opt FILE")
        reader.skip_attributes()
    if len(tails) > 1:
        raise ProgramError(f"@{name} has {len(tails)} tail barriers")
    return Schedule(
        name, machine, mode, tuple(tasks), barriers, tuple(loaded), tuple(items), tails[0] if tails else None
    )


def _buffer(reader: _Reader, op: str, number: int) -> tuple[int, int, int]:
    """(space, first byte, byte behind); buffers with an address share the space of their memory."""
    if op == "task.view":
        space, base, _ = reader.look(reader.buffers, "buffer")
        offset = reader.named("offset")
        return space, base + offset, base + offset + reader.named("size")
    reader.next()
    memory = reader.number() if reader.next() == "cmx" else -1
    reader.next()
    size, address = reader.named("size"), reader.named("address", -1)
    return (number, 0, size) if address < 0 else (-2 - memory, address, address + size)


def _barrier(reader: _Reader, barriers: dict[int, list[tuple[int, int, str]]], tails: list[Instance]) -> Instance:
    pid = reader.number()
    producers, consumers = reader.named("producers"), reader.named("consumers")
    instances = barriers.setdefault(pid, [])
    here = (pid, len(instances))
    if reader.accept("tail"):
        tails.append(here)
    instances.append((producers, consumers, reader.next().strip('"') if reader.accept("irq") else ""))
    return here


def _task(reader: _Reader, job: str) -> Task:
    found: dict[str, Any] = {}
    if job == "program":
        reader.expect("[")
        found["programs"] = reader.values(reader.barriers, "barrier", "]")
    elif job in ("fetch", "enqueue"):
        found["target"] = reader.look(reader.engines, "engine")
        found["low"], found["high"] = reader.range()
    elif job not in JOBS:
        raise ProgramError(f"IR text: unknown operation 'mgmt_dma.{job}'")
    if job == "fetch":
        reader.expect("slots")
        found["slot"], _ = reader.range()
    if job != "run":
        reader.expect("on")
    engine = reader.look(reader.engines, "engine")
    if job == "run":
        reader.next()
    after = reader.group("after", reader.tasks, "task")
    reads = reader.group("reads", reader.buffers, "buffer")
    writes = reader.group("writes", reader.buffers, "buffer")
    waits = reader.group("waits", reader.barriers, "barrier")
    updates = reader.group("updates", reader.barriers, "barrier")
    reader.named("cycles")
    slots = reader.named("slots", 1)
    reader.named("bytes")
    data = tuple((*b, False) for b in reads) + tuple((*b, True) for b in writes)
    return Task(job, engine, slots, waits, updates, data, after, **found)
