"""Replay an order of execution and watch: who reads what whom wrote, what is left at the end. Counters, no clocks.

It knows nothing of what the static checker found. Every element of a scratchpad remembers who wrote it last. The order
of the stream says who should have: an instruction that reads something else has lost a race.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.program.vta import QUEUES, Accesses, Memory, Module, Op, Tokens, VtaProgram, find_accesses, token_moves
from wlm_dialect.program.vta.hardware import PUSHER, SIM, Hardware
from wlm_dialect.program.vta.names import MODULES, insn_name
from wlm_dialect.runtime.vta.order import Order, follow_order

_NOBODY = -1


@dataclass(frozen=True)
class Observation:
    """What goes wrong in an order: the rule (ids of docs/vta.md), the instruction, the other one, in words."""

    rule: str
    instruction: int
    other: int
    text: str


@dataclass(frozen=True, eq=False)
class Replay:
    """What happened. `executed`: the order, to where it ended; `tokens`: what is in the queues then."""

    executed: I32
    tokens: Tokens
    observations: tuple[Observation, ...]

    def first(self, rule: str) -> Observation | None:
        """The first observation of a rule."""
        return next((o for o in self.observations if o.rule == rule), None)


def replay(
    program: VtaProgram,
    order: Sequence[int] | I32,
    hardware: Hardware = SIM,
    *,
    accesses: Sequence[Accesses] | None = None,
    fragment: bool = False,
) -> Replay:
    """Execute one launch in `order`, one whole instruction at a time; where the order ends, go on as the stream lists.

    SimulationError if an instruction of the order cannot execute at its place. Queues are unbounded; a saturating one
    that loses a token ends the replay. `fragment`: nothing about the end of the program is observed.
    """
    touched = tuple(find_accesses(program)) if accesses is None else accesses
    meant = _Machine(program, SIM, touched)
    meant.follow(follow_order(program, program.initial_tokens, ()))
    machine = _Machine(program, hardware, touched, meant.read)
    ended = machine.follow(follow_order(program, program.initial_tokens, np.asarray(order, np.int64).tolist()))
    seen = [*machine.seen, *(machine.at_end() if ended and not fragment else ())]
    return Replay(np.array(machine.executed, np.int32), Tokens(*machine.tokens), tuple(seen))


@dataclass(frozen=True)
class _Read:
    """What an instruction read of a memory: its elements, and who wrote each of them last."""

    elements: I32
    writers: I32


@dataclass
class _Machine:
    """Counters and who wrote what. `meant`: what each instruction reads if all goes as the stream lists it."""

    program: VtaProgram
    hardware: Hardware
    accesses: Sequence[Accesses]
    meant: dict[tuple[int, int], _Read] | None = None
    read: dict[tuple[int, int], _Read] = field(default_factory=dict)
    executed: list[int] = field(default_factory=list)
    seen: list[Observation] = field(default_factory=list)

    def __post_init__(self) -> None:
        p = self.program
        pops, pushes = token_moves(p.insn)
        self.pops = [[q for q in range(4) if row[q]] for row in pops.tolist()]
        self.pushes = [[q for q in range(4) if row[q]] for row in pushes.tolist()]
        self.lists = [tasks.tolist() for tasks in p.lists]
        self.module: list[int] = p.module.tolist()
        self.tokens = list(p.initial_tokens)
        self.done = [0, 0, 0]
        sizes = {m: p.config.depth(m) for m in (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC)}
        self.writer = {m: np.full(size, _NOBODY, np.int32) for m, size in sizes.items()}
        self.dram = _Dram(p)
        self.rest: list[tuple[int, int]] = []  # (FINISH, what had not executed by then)

    def follow(self, order: Order) -> bool:
        """Execute all of it; False if a token was lost on the way."""
        return all(self._execute(i) for i in order.insns.tolist())

    def _execute(self, i: int) -> bool:
        """Pop, read and write, push; False if the token is lost."""
        for q in self.pops[i]:
            self.tokens[q] -= 1
        self._touch(i)
        if self.program.insn["op"][i] == Op.FINISH:
            self.rest += [(i, j) for m in (Module.LOAD, Module.STORE) for j in self.lists[m][self.done[m] :]]
        self.done[self.module[i]] += 1
        self.executed.append(i)
        limit = self.hardware.tokens if self.hardware.saturates else None
        for q in self.pushes[i]:
            if limit is not None and self.tokens[q] >= limit:
                text = f"{self._who(i)} pushes into {QUEUES[q]} a token that is lost: {self.tokens[q]} are in it"
                self.seen.append(Observation("V12", i, -1, text))
                return False
            self.tokens[q] += 1
        return True

    def _touch(self, i: int) -> None:
        access = self.accesses[i]
        for memory, elements in access.reads:
            inside = elements[elements < len(self.writer[memory])]
            now = _Read(inside, self.writer[memory][inside])
            self.read[i, memory] = now
            if self.meant is not None and (i, int(memory)) in self.meant:
                self.seen += self._lost_race(i, memory, now, self.meant[i, memory])
            if self.hardware.out_memory and self.program.insn["op"][i] == Op.STORE:
                self.seen += self._stale(i, now)
        for memory, elements in access.writes:
            self.writer[memory][elements[elements < len(self.writer[memory])]] = i
        self._touch_dram(i)

    def _lost_race(self, i: int, memory: Memory, now: _Read, meant: _Read) -> Iterator[Observation]:
        wrong = np.flatnonzero(now.writers != meant.writers)
        if len(wrong):
            at = wrong[0]
            found, wanted = (int(r.writers[at]) for r in (now, meant))
            what = f"{self._who(i)} reads {memory.name} {int(now.elements[at])}"
            text = f"{what} as {self._who(found)} left it, not {self._who(wanted)}"
            if found == _NOBODY:
                text = f"{what} before {self._who(wanted)} has written it"
            # the other one of the race is who came too early, or who has not come yet
            early = found if found != _NOBODY and (wanted == _NOBODY or found > wanted) else wanted
            yield Observation("V7", i, early, f"{text} ({len(wrong)} elements)")

    def _who(self, i: int) -> str:
        return insn_name(self.program, i) if i != _NOBODY else "as it was before"

    def _stale(self, i: int, now: _Read) -> Iterator[Observation]:
        insn = self.program.insn
        resets = (insn["op"] == Op.GEMM) & (insn["reset"] != 0) & (not self.hardware.reset_writes_out)
        fresh = ((insn["op"] == Op.GEMM) | (insn["op"] == Op.ALU)) & ~resets
        stale = np.flatnonzero((now.writers == _NOBODY) | ~fresh[np.maximum(now.writers, 0)])
        if len(stale):
            text = f"{self._who(i)} stores OUT {int(now.elements[stale[0]])}, which no GEMM or ALU wrote last"
            yield Observation("V10", i, int(now.writers[stale[0]]), text)

    def _touch_dram(self, i: int) -> None:
        before = self.dram.touch(i)
        if before is None:
            return
        key = (i, -1)
        self.read[key] = _Read(before, before)
        if self.meant is not None and key in self.meant and not np.array_equal(before, self.meant[key].elements):
            odd = np.setxor1d(before, self.meant[key].elements)
            text = f"{self._who(i)} reads DRAM that {self._who(int(odd[0]))} stores: which comes first?"
            self.seen.append(Observation("V8", i, int(odd[0]), text))

    def _early(self) -> Iterator[Observation]:
        """What FINISH did not wait for. A NOP that only pushes a token which stays does not matter."""
        for i, j in self.rest:
            stays = any(self.tokens[q] > 0 for q in self.pushes[j])
            if not (self.program.nop[j] and stays and not self.pops[j]):
                yield Observation("V6", i, j, f"{self._who(i)} executes before {self._who(j)}")

    def at_end(self) -> Iterator[Observation]:
        """What is wrong when nothing goes on any more."""
        yield from self._early()
        heads = [(self.lists[m][self.done[m] :] or [-1])[0] for m in Module]
        stuck = [i for i in heads if i >= 0]
        for i in stuck:
            empty = [q for q in self.pops[i] if self.tokens[q] <= 0]
            names = " and ".join(f"{QUEUES[q]} ({MODULES[PUSHER[q]]} pushes it)" for q in empty)
            other = next((heads[PUSHER[q]] for q in empty), -1)
            rule = "V2" if other < 0 else "V3"
            yield Observation(rule, i, other, f"{insn_name(self.program, i)} waits for {names} for ever")
        if not (self.program.insn["op"][self.executed] == Op.FINISH).any():
            yield Observation("V5", -1, -1, "FINISH was not executed: the host waits for ever")
        for q, (left, meant) in enumerate(zip(self.tokens, self.program.carry_out, strict=True)):
            if left != meant and not stuck:
                yield Observation("V4", -1, -1, f"{left} tokens are left in {QUEUES[q]}, {meant} declared by carry_out")


class _Dram:
    """Which loads read what stores write, and which of those have executed."""

    def __init__(self, program: VtaProgram) -> None:
        self.program = program
        stores = program.lists[Module.STORE].tolist()
        self.rows = {i: self._rows(i) for i in stores}
        spans = [r for i in stores for r in self.rows[i]]
        self.low = min((a for a, _ in spans), default=0)
        self.high = max((b for _, b in spans), default=0)
        self.stored: list[int] = []

    def _rows(self, i: int) -> list[tuple[int, int]]:
        row = self.program.insn[i]
        if row["op"] not in (Op.LOAD, Op.STORE) or not row["x"]:
            return []
        memory = Memory.OUT if row["op"] == Op.STORE else Memory(min(int(row["memory"]), Memory.ACC_8BIT))
        size = self.program.config.element_bytes(memory)
        first = [int(row["dram"]) + y * int(row["stride"]) for y in range(int(row["y"]))]
        return [(a * size, (a + int(row["x"])) * size) for a in first]

    def touch(self, i: int) -> I32 | None:
        """Execute `i`. For a LOAD of bytes that some STORE writes: those that already have, ascending; else None."""
        if i in self.rows:
            self.stored.append(i)
            return None
        mine = [(a, b) for a, b in self._rows(i) if a < self.high and self.low < b]
        if not mine:
            return None
        met = [s for s in self.stored if any(a < d and c < b for a, b in mine for c, d in self.rows[s])]
        return np.array(sorted(met), np.int32)
