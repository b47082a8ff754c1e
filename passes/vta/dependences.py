"""Which instruction has to end before which one starts: as the tokens say, or as the data say that they touch.

Both leave NOPs out: what a NOP passes on from one module to another becomes a dependence of the instructions behind it.
"""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.vta.check import with_kernels
from wlm_dialect.passes.vta.dram import DramHistory
from wlm_dialect.passes.vta.flow import Flow
from wlm_dialect.passes.vta.orders import listed_order
from wlm_dialect.passes.vta.races import SHARED, elements_of, index_of
from wlm_dialect.program.vta import Accesses, Memory, Module, Op, VtaProgram, find_accesses
from wlm_dialect.program.vta.names import insn_name

_Known = tuple[int, int, int]
"""Per module the last instruction that has ended; -1 = none."""


@dataclass(frozen=True, eq=False)
class Dependences:
    """`order`: the instructions without NOPs, in an order in which they can execute. `after`: per instruction of the
    program those of other modules that end before it starts, ascending in the order of their module."""

    order: tuple[int, ...]
    after: tuple[tuple[int, ...], ...]


def token_dependences(program: VtaProgram) -> Dependences:
    """What the tokens order, exactly. ScheduleError where an instruction waits for ever."""
    flow = Flow.of(program)
    order = listed_order(flow)
    if len(order) < len(program):
        stuck = min(set(range(len(program))) - set(order))
        raise ScheduleError(
            f"{program.name}: {insn_name(program, stuck)} never starts: no dependences follow from these tokens; "
            "wlm vta check says why"
        )
    nowhere: _Known = (-1, -1, -1)
    here = [nowhere] * 3  # per module: what has ended when the instruction it executed last has ended, per module
    sent: list[list[_Known]] = [[nowhere] * count for count in flow.initial]
    taken = [0] * 4
    after: list[tuple[int, ...]] = [()] * len(program)
    for i in order:
        m = int(flow.module[i])
        known = here[m]
        for q in np.flatnonzero(flow.pops[i]).tolist():
            known = _latest(known, sent[q][taken[q]], flow.position)
            taken[q] += 1
        if program.nop[i]:
            here[m] = known
        else:
            after[i] = tuple(k for other, k in enumerate(known) if k >= 0 and other != m)
            here[m] = (i if m == 0 else -1, i if m == 1 else -1, i if m == 2 else -1)
        for q in np.flatnonzero(flow.pushes[i]).tolist():
            sent[q].append(here[m])
    return Dependences(tuple(i for i in order if not program.nop[i]), tuple(after))


def _latest(a: _Known, b: _Known, position: I32) -> _Known:
    """Per module the later of two instructions."""
    later = [y if x < 0 or (y >= 0 and position[y] > position[x]) else x for x, y in zip(a, b, strict=True)]
    return later[0], later[1], later[2]


def data_dependences(program: VtaProgram) -> Dependences:
    """What reads and writes of scratchpads and DRAM order, as in the order of the stream; FINISH comes after all.

    ScheduleError where micro-ops are not in the program: then it is not known what GEMM and ALU touch.
    """
    program = with_kernels(program)
    memories = [_Scratchpad(program, *shared) for shared in SHARED]
    dram = DramHistory(program)
    after: list[tuple[int, ...]] = []
    for i, access in enumerate(find_accesses(program)):
        if not access.known:
            raise ScheduleError(
                f"{program.name}: the micro-ops of {insn_name(program, i)} are not in the program, so what it touches "
                "is not known; take the dependences from tokens"
            )
        found = {memory.visit(i, access) for memory in memories} | dram.visit(i) | _ends(program, i)
        after.append(tuple(sorted(found - {-1})))
    return Dependences(tuple(np.flatnonzero(~program.nop).tolist()), tuple(after))


def _ends(program: VtaProgram, i: int) -> set[int]:
    """What FINISH waits for: the last load and the last store before it."""
    if program.insn["op"][i] != Op.FINISH:
        return set()
    moving = [tasks[~program.nop[tasks] & (tasks < i)] for tasks in (program.lists[0], program.lists[2])]
    return {int(tasks[-1]) for tasks in moving if len(tasks)}


class _Scratchpad:
    """Per element who wrote and who read it last. Each side is one module, so the latest of them all is enough."""

    def __init__(self, program: VtaProgram, memory: Memory, writer: Module, reader: Module) -> None:
        self.module, self.memory, self.writer, self.reader = program.module, memory, writer, reader
        self.written = np.full(program.config.depth(memory), -1, np.int32)
        self.read = np.full(program.config.depth(memory), -1, np.int32)

    def visit(self, i: int, access: Accesses) -> int:
        """The instruction of the other module that `i` comes after; -1 if there is none."""
        if self.module[i] == self.writer:
            return _update(self.read, self.written, elements_of(access.writes, self.memory), i)
        if self.module[i] == self.reader:
            return _update(self.written, self.read, elements_of(access.reads, self.memory), i)
        return -1


def _update(theirs: I32, mine: I32, elements: I32 | None, i: int) -> int:
    if elements is None:
        return -1
    at = index_of(elements)
    mine[at] = i
    return int(theirs[at].max())
