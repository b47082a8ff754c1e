"""In which order the modules execute, from tokens alone: no data, no time.

The schedule of the reference simulator (task-level pipeline parallelism): in turn load, compute and store each execute
their own list as far as tokens allow. A program without races gives the same bytes under every order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import SimulationError
from wlm_dialect.program.vta import QUEUES, Module, Op, Tokens, VtaProgram, token_moves
from wlm_dialect.program.vta.names import MODULES, insn_name
from wlm_dialect.runtime.vta.compiled import load

I32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Order:
    """One launch. `insns`: instructions in order of execution; `heads`: per module how many of its list were executed.

    `tokens`: what the queues hold afterwards. `after_finish`: instructions executed after FINISH, as far as this order
    shows them.
    """

    insns: I32
    heads: tuple[int, int, int]
    tokens: Tokens
    after_finish: I32
    count: int  # instructions of the stream

    @property
    def complete(self) -> bool:
        """Whether every instruction was executed."""
        return len(self.insns) == self.count


def find_order(program: VtaProgram, tokens: Tokens, *, compiled: bool = False) -> Order:
    """The order of one launch that begins with `tokens`; it stops where no module can go on."""
    pops, pushes = program.moves
    lists = program.lists
    flat = np.concatenate(lists).astype(np.int32)
    bounds = np.cumsum([0, *(len(part) for part in lists)]).astype(np.int64)
    queues = np.array(tokens, np.int64)
    out = np.zeros(len(flat), np.int32)
    heads = bounds[:3].copy()
    if compiled:
        done = load().run_modules(flat, bounds, pops, pushes, queues, heads, out)
    else:
        from wlm_dialect.runtime.vta.loops import run_modules

        q, h, order = queues.tolist(), heads.tolist(), out.tolist()
        done = run_modules(flat.tolist(), bounds.tolist(), pops.tolist(), pushes.tolist(), q, h, order)
        queues, heads, out = np.array(q), np.array(h), np.array(order, np.int32)
    ran = [int(heads[m] - bounds[m]) for m in Module]
    return _order(program, out[:done].astype(np.int32), ran, queues.tolist())


def _order(program: VtaProgram, insns: I32, ran: list[int], tokens: list[int]) -> Order:
    finishes = np.flatnonzero(program.columns["op"][insns] == Op.FINISH)
    late = insns[finishes[0] + 1 :] if len(finishes) else insns[:0]
    return Order(insns, (ran[0], ran[1], ran[2]), Tokens(*tokens), late, len(program))


def follow_order(program: VtaProgram, tokens: Tokens, given: Sequence[int]) -> Order:
    """The order of a launch that executes `given` first, then what can go on, each time what the stream lists first.

    SimulationError if an instruction cannot execute at its place: it is not the next one of its module, or a token is
    missing.
    """
    follower = _Follower(program, tokens)
    for step, i in enumerate(given, 1):
        reason = follower.obstacle(i)
        if reason:
            raise SimulationError(f"step {step} of the order: {insn_name(program, i)} cannot execute: {reason}")
        follower.execute(i)
    while True:
        heads = [i for i in map(follower.head, Module) if i >= 0 and not follower.obstacle(i)]
        if not heads:
            return _order(program, np.array(follower.insns, np.int32), follower.done, follower.tokens)
        follower.execute(min(heads))


class _Follower:
    """Token counters, and how far each module is. Mutable."""

    def __init__(self, program: VtaProgram, tokens: Tokens) -> None:
        self.program, self.tokens, self.done = program, list(tokens), [0, 0, 0]
        self.insns: list[int] = []
        self.lists = [part.tolist() for part in program.lists]
        self.module: list[int] = program.module.tolist()
        pops, pushes = token_moves(program.insn)
        self.pops = [[q for q in range(4) if row[q]] for row in pops.tolist()]
        self.pushes = [[q for q in range(4) if row[q]] for row in pushes.tolist()]

    def head(self, module: int) -> int:
        """The next instruction of a module; -1 = none."""
        at = self.done[module]
        return self.lists[module][at] if at < len(self.lists[module]) else -1

    def obstacle(self, i: int) -> str:
        """Why instruction `i` cannot be executed now; empty if it can."""
        head = self.head(self.module[i])
        if head != i:
            there = insn_name(self.program, head) if head >= 0 else "nothing"
            return f"{there} is next in the {MODULES[self.module[i]]} module"
        empty = [QUEUES[q] for q in self.pops[i] if self.tokens[q] <= 0]
        return f"no token in {' and '.join(empty)}" if empty else ""

    def execute(self, i: int) -> None:
        """Move its tokens."""
        for q in self.pops[i]:
            self.tokens[q] -= 1
        for q in self.pushes[i]:
            self.tokens[q] += 1
        self.done[self.module[i]] += 1
        self.insns.append(i)


def blocked(program: VtaProgram, order: Order) -> list[str]:
    """Per module that could not go on: its instruction and the queue whose token it waits for."""
    pops, _ = program.moves
    out = []
    for module, ran in zip(Module, order.heads, strict=True):
        rest = program.lists[module][ran:]
        if len(rest):
            head = int(rest[0])
            waits = [q for n, q in enumerate(QUEUES) if pops[head, n] and not order.tokens[n]]
            out.append(f"{module.name.lower()} waits for {' and '.join(waits)} at INSTRUCTION {head}")
    return out
