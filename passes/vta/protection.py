"""What each token protects: the conflicting accesses that no other token would order.

Between two modules order flows through one queue only, and its tokens keep their sequence. So the j-th token pushed
alone orders what its pushing module did since the push before, up to this one, against what the popping module does
from its pop on, up to the pop after. That is exact, and needs no search.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.vta.flow import INITIAL, NOBODY, PROTECTS, Flow, Token
from wlm_dialect.passes.vta.races import elements_of, load_of_stored, may_touch
from wlm_dialect.program.vta import QUEUES, Accesses, Memory, Op, VtaProgram
from wlm_dialect.program.vta.hardware import POPPER, PUSHER

_MEMORIES = {"l2g": (Memory.INP, Memory.WGT), "g2l": (Memory.INP, Memory.WGT)}
_ACC = (Memory.ACC,)

DATA, COMPLETION, CREDIT, DRAIN, REDUNDANT, DRAM, INITIAL_TOKEN, LEFT, UNMATCHED = (
    "data",
    "completion",
    "credit",
    "drain",
    "redundant",
    "DRAM",
    "initial",
    "left over",
    "missing",
)
"""What a token is for: data; a FINISH that waits; a buffer nobody used yet; a queue that is emptied; nothing; ..."""


@dataclass(frozen=True, eq=False)
class Guarded:
    """Elements of one scratchpad that a token protects, by whom they are used before and after."""

    memory: Memory
    elements: I32  # sorted
    before: tuple[int, ...]  # instructions of the pushing module
    after: tuple[int, ...]  # instructions of the popping module
    assumed: bool = False  # micro-ops are not known: all that the other side uses


@dataclass(frozen=True, eq=False)
class Protection:
    """One token and what it is for.

    `guarded`: of DATA what it protects; of CREDIT the buffer that the popping module fills; of LEFT what the pushing
    module has done by then.
    """

    token: Token
    role: str
    hazard: str  # RAW or WAR; what the queue is for
    guarded: tuple[Guarded, ...] = ()
    last: int = -1  # COMPLETION: the load or store that FINISH waits for

    @property
    def droppable(self) -> bool:
        """Whether the program stays right without this push and this pop (both, not one)."""
        return self.role in (CREDIT, DRAIN, REDUNDANT)


class Protections:
    """All tokens of a program. Precondition: the program can be executed to its end."""

    def __init__(self, program: VtaProgram, flow: Flow, accesses: Sequence[Accesses]) -> None:
        self.program, self.flow, self.accesses = program, flow, accesses
        self._marks: dict[Memory, NDArray[np.bool_]] = {
            m: np.zeros(program.config.depth(m), np.bool_) for m in (Memory.INP, Memory.WGT, Memory.ACC)
        }

    @cached_property
    def all(self) -> tuple[Protection, ...]:
        """Per token of `Flow.tokens`, in that order."""
        return tuple(self.of(token) for token in self.flow.tokens)

    def of(self, token: Token) -> Protection:
        """What one token is for."""
        hazard = PROTECTS[token.queue]
        if token.push == NOBODY or token.pop == NOBODY:
            done = () if token.push < 0 else self._uses(token.queue, self.before(token), True)
            return Protection(token, UNMATCHED if token.push == NOBODY else LEFT, hazard, tuple(done))
        if token.push == INITIAL:
            return Protection(token, INITIAL_TOKEN, hazard)
        before, after = self.before(token), self.after(token)
        guarded = tuple(self._guarded(token.queue, before, after))
        if guarded:
            return Protection(token, DATA, hazard, guarded)
        last = self._completion(token, before, after)
        if last >= 0:
            return Protection(token, COMPLETION, hazard, last=last)
        if self._routes:
            return Protection(token, DRAM, hazard)
        if all(self.program.nop[i] or self.program.insn["op"][i] == Op.FINISH for i in after):
            return Protection(token, DRAIN, hazard)
        memories = _MEMORIES.get(QUEUES[token.queue], _ACC)
        unused = not any(self._elements(i, m, token.queue, True)[0] is not None for i in before for m in memories)
        if unused:
            return Protection(token, CREDIT, hazard, tuple(self._uses(token.queue, after, False)))
        return Protection(token, REDUNDANT, hazard)

    @cached_property
    def _routes(self) -> bool:
        """Whether the program loads what it stores: then any token may be part of the way from a store to a load."""
        return load_of_stored(self.program) >= 0

    def _uses(self, queue: int, tasks: list[int], pushing: bool) -> Iterator[Guarded]:
        """What instructions do to the scratchpads on their side of a queue, as far as it is known."""
        for memory in _MEMORIES.get(QUEUES[queue], _ACC):
            found = {i: self._elements(i, memory, queue, pushing)[0] for i in tasks}
            used = {i: elements for i, elements in found.items() if elements is not None}
            if used:
                elements = np.unique(np.concatenate(list(used.values())))
                sides = (tuple(used), ()) if pushing else ((), tuple(used))
                yield Guarded(memory, elements, *sides)

    def before(self, token: Token) -> list[int]:
        """Instructions of the pushing module after the push before this one, up to this push."""
        flow = self.flow
        pushers, tasks = flow.pushers[token.queue], flow.lists[PUSHER[token.queue]]
        at = token.number - flow.initial[token.queue]
        first = int(flow.position[pushers[at - 1]]) + 1 if at > 0 else 0
        found: list[int] = tasks[first : int(flow.position[token.push]) + 1].tolist()
        return found

    def after(self, token: Token) -> list[int]:
        """Instructions of the popping module from this pop up to the pop after it."""
        flow = self.flow
        poppers, tasks = flow.poppers[token.queue], flow.lists[POPPER[token.queue]]
        behind = int(flow.position[poppers[token.number + 1]]) if token.number + 1 < len(poppers) else len(tasks)
        found: list[int] = tasks[int(flow.position[token.pop]) : behind].tolist()
        return found

    def _guarded(self, queue: int, before: list[int], after: list[int]) -> Iterator[Guarded]:
        for memory in _MEMORIES.get(QUEUES[queue], _ACC):
            mark = self._marks[memory]
            first = [(i, *self._elements(i, memory, queue, True)) for i in before]
            first = [f for f in first if f[1] is not None or f[2]]
            then = [(i, *self._elements(i, memory, queue, False)) for i in after]
            then = [t for t in then if t[1] is not None or t[2]]
            if not first or not then:
                continue
            yield from self._meet(memory, mark, first, then)
            mark[:] = False

    def _meet(
        self,
        memory: Memory,
        mark: NDArray[np.bool_],
        first: list[tuple[int, I32 | None, bool]],
        then: list[tuple[int, I32 | None, bool]],
    ) -> Iterator[Guarded]:
        assumed = any(hidden for _, _, hidden in first)
        for _, elements, _ in first:
            if elements is not None:
                mark[_inside(elements, len(mark))] = True
        both = np.zeros_like(mark)
        later: list[int] = []
        for i, elements, hidden in then:
            if elements is None:
                assumed |= hidden
                both |= mark
                later.append(i)
                continue
            inside = _inside(elements, len(mark))
            met = inside if any(h for _, _, h in first) else inside[mark[inside]]
            if len(met):
                both[met] = True
                later.append(i)
        found = np.flatnonzero(both).astype(np.int32)
        if len(found):
            earlier = [i for i, e, hidden in first if hidden or (e is not None and both[_inside(e, len(mark))].any())]
            yield Guarded(memory, found, tuple(earlier), tuple(later), assumed)

    def _elements(self, i: int, memory: Memory, queue: int, pushing: bool) -> tuple[I32 | None, bool]:
        """(what `i` does to `memory` that matters on its side of the queue, whether that is not known)."""
        access = self.accesses[i]
        writes = pushing == (PROTECTS[queue] == "RAW")
        found = elements_of(access.writes if writes else access.reads, memory)
        return found, found is None and may_touch(self.program.insn[i], access, memory)

    def _completion(self, token: Token, before: list[int], after: list[int]) -> int:
        """The last load or store of the module, if FINISH waits for it by this token; else -1."""
        ops = self.program.insn["op"]
        if QUEUES[token.queue] not in ("l2g", "s2g") or not any(ops[i] == Op.FINISH for i in after):
            return -1
        moving = [i for i in self.flow.lists[PUSHER[token.queue]].tolist() if not self.program.nop[i]]
        return moving[-1] if moving and moving[-1] in before else -1


def _inside(elements: I32, size: int) -> I32:
    return elements if not len(elements) or int(elements[-1]) < size else elements[elements < size]
