"""Virtual threads: which instructions work on the same parts of the scratchpads, and so belong together.

TVM's `cthread` cuts every scratchpad it uses into one part per thread and interleaves the threads' streams. Nothing in
an instruction says so. But instructions of one thread touch the same elements, and those of two never do: threads are
the connected parts of "touches an element in common". Where micro-ops are not known, tokens connect instead: a token
goes from an instruction of one thread to one of the same thread.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.vta.flow import Flow
from wlm_dialect.passes.vta.races import elements_of, may_touch
from wlm_dialect.program.vta import QUEUES, Accesses, Memory, Module, Op, VtaProgram
from wlm_dialect.program.vta.names import kind_of

_MEMORIES = (Memory.INP, Memory.WGT, Memory.ACC)
_LOADED = (Memory.INP, Memory.WGT)


@dataclass(frozen=True, eq=False)
class Threads:
    """`of`: per instruction its virtual thread, -1 = none. `by_tokens`: told from tokens and not from data."""

    count: int
    of: I32
    parts: tuple[dict[Memory, I32], ...]  # per thread and memory the elements it uses, sorted
    by_tokens: bool = False


class _Sets:
    """Disjoint sets of integers; the smallest member stands for its set."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def find(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        a, b = sorted((self.find(i), self.find(j)))
        self.parent[b] = a


def find_threads(program: VtaProgram, flow: Flow, accesses: Sequence[Accesses]) -> Threads:
    """The virtual threads of a program; one thread where nothing is cut into parts that are used in turn."""
    if not all(a.known for a in accesses):
        sets = _by_data(program, accesses, _LOADED)  # of the loads
        _join_tokens(program, flow, sets)
        found = _grouped(program, flow, accesses, sets, _LOADED, True)
    else:
        found = _grouped(program, flow, accesses, _by_data(program, accesses, _MEMORIES), _MEMORIES, False)
        if found is None:  # threads may share the accumulators
            loads = _by_data(program, accesses, _LOADED)
            found = _grouped(program, flow, accesses, loads, _LOADED, False)
    return found or Threads(1, np.zeros(len(program), np.int32), (_parts(accesses, range(len(program)), _MEMORIES),))


def _grouped(
    program: VtaProgram,
    flow: Flow,
    accesses: Sequence[Accesses],
    sets: "_Sets",
    memories: Sequence[Memory],
    by_tokens: bool,
) -> Threads | None:
    """Threads if the instructions that touch `memories` fall into groups that are some; else None."""
    using = [_touches(a, memories) or may_touch(program.insn[i], a, memories[0]) for i, a in enumerate(accesses)]
    groups: dict[int, list[int]] = {sets.find(i): [] for i, used in enumerate(using) if used}
    for i, used in enumerate(using):
        if used or not accesses[i].known:  # a reset is known to use nothing here, but belongs to a thread all the same
            groups.get(sets.find(i), []).append(i)
    if not _alternate(program, list(groups.values())):
        return None
    of = np.full(len(program), -1, np.int32)
    number = {root: t for t, root in enumerate(groups)}
    for i in range(len(program)):
        of[i] = number.get(sets.find(i), -1)
    _follow_uops(program, flow, of)
    _follow_tokens(flow, of)
    return Threads(len(groups), of, tuple(_parts(accesses, m, memories) for m in groups.values()), by_tokens)


def _touches(access: Accesses, memories: Sequence[Memory]) -> bool:
    return any(a.memory in memories and len(a.elements) for a in (*access.reads, *access.writes))


def _by_data(program: VtaProgram, accesses: Sequence[Accesses], memories: Sequence[Memory]) -> _Sets:
    sets = _Sets(len(program))
    owner = {m: np.full(program.config.depth(m), -1, np.int32) for m in memories}
    for i, access in enumerate(accesses):
        for memory, elements in (*access.reads, *access.writes):
            if memory in owner and len(elements):
                inside = elements[elements < len(owner[memory])]
                for j in set(owner[memory][inside].tolist()):
                    if j >= 0:
                        sets.join(i, j)
                owner[memory][inside] = i
    return sets


def _join_tokens(program: VtaProgram, flow: Flow, sets: _Sets) -> None:
    """Instructions between a pop and the next push or pop of a module belong together, and the two ends of a token.

    Only tokens between load and compute count: the runtime drains the others one for all threads.
    """
    for tasks in flow.lists:
        previous = -1
        for i in tasks.tolist():
            if previous >= 0 and not flow.pops[i].any() and not flow.pushes[previous].any():
                sets.join(previous, i)
            previous = i
    for token in (t for t in flow.tokens if QUEUES[t.queue] in ("l2g", "g2l")):
        ends = (token.push, token.pop)
        if min(ends) >= 0 and not any(program.nop[i] and flow.pops[i].sum() > 1 for i in ends):
            sets.join(*ends)


def _alternate(program: VtaProgram, groups: list[list[int]]) -> bool:
    """Whether groups are threads: they do the same, as often but for a last round, and their streams interleave."""
    if len(groups) < 2:
        return False
    kinds = [Counter(kind_of(program, i) for i in members) for members in groups]
    alike = all(k.keys() == kinds[0].keys() for k in kinds)
    even = alike and all(2 * min(k[n] for k in kinds) >= max(k[n] for k in kinds) for n in kinds[0])
    return even and min(members[-1] for members in groups) > max(members[0] for members in groups)


def _parts(accesses: Sequence[Accesses], members: Iterable[int], memories: Sequence[Memory]) -> dict[Memory, I32]:
    out: dict[Memory, I32] = {}
    for memory in memories:
        found = {id(e): e for i in members for e in _all_elements(accesses[i], memory)}
        if found:
            out[memory] = np.unique(np.concatenate(list(found.values())))
    return out


def _all_elements(access: Accesses, memory: Memory) -> list[I32]:
    both = (elements_of(access.reads, memory), elements_of(access.writes, memory))
    return [e for e in both if e is not None]


def _follow_uops(program: VtaProgram, flow: Flow, of: I32) -> None:
    """A LOAD of micro-ops belongs to the GEMM or ALU that comes next."""
    following = -1
    for i in flow.lists[Module.COMPUTE][::-1].tolist():
        if program.insn["op"][i] in (Op.GEMM, Op.ALU):
            following = int(of[i])
        elif of[i] < 0 and program.insn["memory"][i] == Memory.UOP and not program.nop[i]:
            of[i] = following


def _follow_tokens(flow: Flow, of: I32) -> None:
    """A NOP belongs to who takes its token, or whose token it takes."""
    ends = [(t.push, t.pop) for t in flow.tokens if t.push >= 0 and t.pop >= 0]
    for push, pop in ends:
        if of[push] < 0:
            of[push] = of[pop]
    for push, pop in ends:
        if of[pop] < 0:
            of[pop] = of[push]
