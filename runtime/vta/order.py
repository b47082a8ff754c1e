"""In which order the modules execute, from tokens alone: no data, no time.

The schedule of the reference simulator (task-level pipeline parallelism): in turn load, compute and store each execute
their own list as far as tokens allow. A program without races gives the same bytes under every order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta import QUEUES, Module, Op, Tokens, VtaProgram
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

    @property
    def complete(self) -> bool:
        """Whether every instruction was executed."""
        return len(self.insns) == self.count

    count: int = 0


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
    insns = out[:done].astype(np.int32)
    finishes = np.flatnonzero(program.columns["op"][insns] == Op.FINISH)
    late = insns[finishes[0] + 1 :] if len(finishes) else insns[:0]
    ran = tuple(int(heads[m] - bounds[m]) for m in Module)
    return Order(insns, (ran[0], ran[1], ran[2]), Tokens(*(int(q) for q in queues)), late, len(program))


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
