"""Tokens as a marked graph: three chains of instructions, and queues whose k-th pop takes their k-th token."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32
from wlm_dialect.program.vta import QUEUES, Module, Tokens, VtaProgram, token_moves
from wlm_dialect.program.vta.hardware import POPPER, PUSHER

NO_TOKENS = Tokens()

PROTECTS = ("RAW", "WAR", "WAR", "RAW")
"""Per queue of `QUEUES` the hazard that a token of it prevents."""

INITIAL, NOBODY = -1, -2
"""Instead of an instruction: the token was there before the launch; there is no such push or pop."""


class Token(NamedTuple):
    """The token that the k-th pop of a queue takes: its two instructions, or INITIAL, or NOBODY."""

    queue: int  # position in `QUEUES`
    number: int  # k, from 0
    push: int
    pop: int

    @property
    def name(self) -> str:
        """`l2g#3`: the third token of the queue, counted from 1."""
        return f"{QUEUES[self.queue]}#{self.number + 1}"


@dataclass(frozen=True, eq=False)
class Flow:
    """Who executes what, in order, and which token goes where. `limits` truncates each module's list.

    `initial` tokens are the first that the pops of a queue take. A negative number, of a fragment that begins in the
    middle of a program, says how many pops before its beginning take pushes of the fragment.
    """

    module: I32  # (instructions,), of `Module`
    pops: NDArray[np.int8]  # (instructions, 4)
    pushes: NDArray[np.int8]
    initial: Tokens = NO_TOKENS
    limits: tuple[int, int, int] | None = None

    @staticmethod
    def of(program: VtaProgram, initial: Tokens | None = None) -> "Flow":
        """The flow of a program whose queues hold `initial` tokens (default: its own)."""
        pops, pushes = token_moves(program.insn)
        return Flow(program.module, pops, pushes, program.initial_tokens if initial is None else initial)

    def __len__(self) -> int:
        return len(self.module)

    @cached_property
    def lists(self) -> tuple[I32, I32, I32]:
        """Per module its instructions in order, up to `limits`."""
        ends = self.limits or (len(self),) * 3
        rows = [np.flatnonzero(self.module == m)[: ends[m]].astype(np.int32) for m in Module]
        return rows[0], rows[1], rows[2]

    @cached_property
    def position(self) -> I32:
        """Place of each instruction in its module's list; -1 beyond `limits`."""
        out = np.full(len(self), -1, np.int32)
        for tasks in self.lists:
            out[tasks] = np.arange(len(tasks), dtype=np.int32)
        return out

    @cached_property
    def pushers(self) -> tuple[I32, ...]:
        """Per queue the instructions that push, in order."""
        return tuple(self._movers(self.pushes, q, PUSHER[q]) for q in range(4))

    @cached_property
    def poppers(self) -> tuple[I32, ...]:
        """Per queue the instructions that pop, in order."""
        return tuple(self._movers(self.pops, q, POPPER[q]) for q in range(4))

    def _movers(self, moves: NDArray[np.int8], queue: int, module: Module) -> I32:
        tasks = self.lists[module]
        found: I32 = tasks[moves[tasks, queue] != 0]
        return found

    def token(self, queue: int, number: int) -> Token:
        """The token number `number` (from 0) of a queue; numbers below 0 belong to what came before a fragment."""
        pushers, poppers = self.pushers[queue], self.poppers[queue]
        pushed = number - self.initial[queue]
        push = (
            INITIAL
            if number < max(0, self.initial[queue])
            else int(pushers[pushed])
            if pushed < len(pushers)
            else NOBODY
        )
        return Token(queue, number, push, int(poppers[number]) if number < len(poppers) else NOBODY)

    def token_count(self, queue: int) -> int:
        """How many tokens a queue sees: those that are popped, and those that are left."""
        return max(len(self.poppers[queue]), self.initial[queue] + len(self.pushers[queue]))

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Every token, queue by queue."""
        return tuple(self.token(q, k) for q in range(4) for k in range(self.token_count(q)))

    @cached_property
    def left(self) -> Tokens:
        """Tokens that are in the queues when everything has executed; negative: pops without a push."""
        counts = [i + len(a) - len(b) for i, a, b in zip(self.initial, self.pushers, self.poppers, strict=True)]
        return Tokens(*counts)

    def cut(self, limits: tuple[int, int, int]) -> "Flow":
        """The same with shorter lists."""
        return Flow(self.module, self.pops, self.pushes, self.initial, limits)
