"""Explain a VTA program: per instruction what its flags mean and what it may overtake, per token what it is for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.vta import protection as roles
from wlm_dialect.passes.vta.check import with_kernels
from wlm_dialect.passes.vta.events import EventGraph
from wlm_dialect.passes.vta.flow import Flow
from wlm_dialect.passes.vta.protection import Guarded, Protection, Protections
from wlm_dialect.passes.vta.races import ranges_text
from wlm_dialect.passes.vta.threads import Threads, find_threads
from wlm_dialect.program.vta import QUEUES, Accesses, Module, Op, VtaProgram, find_accesses
from wlm_dialect.program.vta.hardware import POPPER
from wlm_dialect.program.vta.names import MODULES, flags_of, insn_name, kind_of

_HAPPENED = {"l2g": "is loaded", "g2l": "is read", "g2s": "is computed", "s2g": "is stored"}
_GIVES = {
    "l2g": "tells compute that the data are there",
    "g2l": "gives the input buffers back to load",
    "g2s": "hands the results to store",
    "s2g": "gives the output buffer back to compute",
}


@dataclass(frozen=True)
class Row:
    """A line of the queue table: one instruction, or several alike without flags."""

    first: int
    last: int
    kind: str
    flags: str
    queues: tuple[int, ...]  # after the last one, in stream order, as a dump prints them
    thread: int  # -1 = none
    meaning: str
    overtakes: str


@dataclass(frozen=True, eq=False)
class Explanation:
    """All that can be said of a program. `ends` False: it cannot be executed to its end, `wlm vta check` says why."""

    program: VtaProgram
    flow: Flow
    accesses: Sequence[Accesses]
    fragment: bool

    @cached_property
    def graph(self) -> EventGraph:
        """Event graph of what can be executed."""
        whole = EventGraph(self.flow)
        return whole if whole.ends else EventGraph(self.flow.cut(whole.starting))

    @cached_property
    def ends(self) -> bool:
        """Whether every instruction can be executed."""
        return EventGraph(self.flow).ends

    @cached_property
    def threads(self) -> Threads:
        """Virtual threads."""
        return find_threads(self.program, self.flow, self.accesses)

    @cached_property
    def tokens(self) -> tuple[Protection, ...]:
        """What each token is for."""
        return Protections(self.program, self.flow, self.accesses).all

    @cached_property
    def _popped(self) -> dict[tuple[int, int], Protection]:
        return {(p.token.queue, p.token.pop): p for p in self.tokens if p.token.pop >= 0}

    @cached_property
    def _pushed(self) -> dict[tuple[int, int], Protection]:
        return {(p.token.queue, p.token.push): p for p in self.tokens if p.token.push >= 0}

    def name(self, i: int) -> str:
        """`#7 LOAD WGT`."""
        return insn_name(self.program, i)

    @cached_property
    def overtaken(self) -> I32:
        """Per instruction and other module how many of its earlier listed instructions need not come first.

        Shape (instructions, 3); 0 for instructions that are never executed.
        """
        listed = np.arange(len(self.program), dtype=np.int32)
        before = np.stack([np.searchsorted(tasks, listed) for tasks in self.flow.lists], axis=1)
        out: I32 = np.maximum(0, before - self.graph.known).astype(np.int32)
        out[self.graph.flow.position < 0] = 0
        return out

    def overtakes(self, i: int) -> str:
        """`#11 GEMM`, the first listed before `i` that need not come first, and how many more; empty if none."""
        counts = self.overtaken[i]
        first = [int(self.flow.lists[m][self.graph.known[i, m]]) for m in Module if counts[m]]
        if not first:
            return ""
        total = int(counts.sum())
        return self.name(min(first)) + (f" and {total - 1} more" if total > 1 else "")

    def meaning(self, i: int) -> str:
        """What the flags of an instruction say, in plain words."""
        if not (self.flow.pops[i].any() or self.flow.pushes[i].any()):
            return "done" if self.program.insn["op"][i] == Op.FINISH else ""
        pops = [self._pop(self._popped[q, i]) for q in range(4) if (q, i) in self._popped]
        pushes = [self._push(self._pushed[q, i]) for q in range(4) if (q, i) in self._pushed]
        return "; ".join(pops + pushes)

    def _pop(self, p: Protection) -> str:
        push = self.name(p.token.push) if p.token.push >= 0 else ""
        queue = QUEUES[p.token.queue]
        match p.role:
            case roles.DATA:
                return f"waits for {push}: {guarded_text(p.guarded)} {_HAPPENED[queue]}"
            case roles.COMPLETION:
                return f"waits for {push}, so that FINISH comes after {self.name(p.last)}"
            case roles.CREDIT:
                return f"takes the credit of {push}: {guarded_text(p.guarded) or 'the buffer'} is free"
            case roles.DRAIN:
                return f"empties {queue}: takes the token of {push}"
            case roles.INITIAL_TOKEN:
                return f"takes a token that was in {queue} before"
            case roles.UNMATCHED:
                return f"waits for a token of {queue} that " + (
                    "comes behind this fragment" if self.fragment else "never comes"
                )
            case _:
                return f"waits for {push}, which protects no data"

    def _push(self, p: Protection) -> str:
        queue = QUEUES[p.token.queue]
        if p.token.pop < 0:
            done = f": {guarded_text(p.guarded)} {_HAPPENED[queue]}" if p.guarded else ""
            return f"{_GIVES[queue]}{done} ({'popped behind this fragment' if self.fragment else 'nobody pops it'})"
        if p.role == roles.CREDIT:
            return f"credit for {self.name(p.token.pop)}: {MODULES[POPPER[p.token.queue]]} may begin"
        return f"{_GIVES[queue]}: {self.name(p.token.pop)}"

    def without(self, p: Protection) -> str:
        """What would happen without this token."""
        if p.role == roles.DATA:
            g = p.guarded[0]
            after, before = self.name(g.after[0]), self.name(g.before[-1])
            what = f"{g.memory.name} {ranges_text(g.elements, 1)}"
            if p.hazard == "RAW":
                return f"{after} may read {what} before {before} has written it"
            return f"{after} may overwrite {what} while {before} still reads it"
        if p.role == roles.COMPLETION:
            return f"FINISH may come before {self.name(p.last)} has ended"
        if p.role == roles.LEFT:
            return "the next launch would not find it" if not self.fragment else "not known: it is popped later"
        if p.role in (roles.UNMATCHED, roles.INITIAL_TOKEN):
            return f"{self.name(p.token.pop)} waits for ever"
        if p.role == roles.DRAM:
            return "not known: it may be part of the way from a STORE to a LOAD of the same DRAM"
        loop = " (the loop they come from pops in every round)" if p.role == roles.CREDIT else ""
        return f"nothing: this push and this pop could both go{loop}"

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The queue table, runs of instructions of one kind and without flags in one row."""
        return tuple(self._rows())

    def _rows(self) -> Iterator[Row]:
        counts = self.program.queue_counts.tolist()
        threads = self.threads.of.tolist()
        n, first = len(self.program), 0
        kinds = [kind_of(self.program, i) for i in range(n)]
        moves = (self.flow.pops.sum(axis=1) + self.flow.pushes.sum(axis=1)).tolist()
        alike = [(kinds[i], threads[i], moves[i] == 0) for i in range(n)]
        for i in range(n):
            if i + 1 < n and moves[i] == 0 and alike[i] == alike[i + 1]:
                continue
            flags, meaning = flags_of(self.program, i), self.meaning(i)
            yield Row(first, i, kinds[i], flags, tuple(counts[i]), threads[i], meaning, self.overtakes(first))
            first = i + 1


def explain(program: VtaProgram, *, fragment: bool = False) -> Explanation:
    """Explain `program`; a `fragment` is a piece of one, which says nothing about its end."""
    program = with_kernels(program)
    return Explanation(program, Flow.of(program), tuple(find_accesses(program)), fragment)


def guarded_text(guarded: Sequence[Guarded]) -> str:
    """`INP [0, 144), WGT [0, 72)`."""
    return ", ".join(f"{g.memory.name} {ranges_text(g.elements, 2)}" for g in guarded)
