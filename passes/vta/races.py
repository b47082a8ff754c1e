"""Conflicting accesses that nothing orders: scratchpad elements by micro-op, and DRAM between stores and loads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32, I64
from wlm_dialect.passes.vta.events import EventGraph
from wlm_dialect.program.vta import Access, Accesses, Memory, Module, Op, VtaProgram

SHARED = (
    (Memory.INP, Module.LOAD, Module.COMPUTE),
    (Memory.WGT, Module.LOAD, Module.COMPUTE),
    (Memory.ACC, Module.COMPUTE, Module.STORE),
)
"""The scratchpads that two modules use: who writes (compute reads ACC, too) and who only reads."""


@dataclass(frozen=True, eq=False)
class Race:
    """Two instructions that touch the same elements, one writing, and no order between them."""

    memory: Memory | None  # None: DRAM
    writer: int
    reader: int  # of DRAM it may be a writer, too
    elements: I32 | I64  # sorted; of DRAM: first byte and the byte behind


@dataclass(frozen=True)
class Unknown:
    """An instruction whose micro-ops are not in the program may race with one that nothing orders with it."""

    memory: Memory
    instruction: int
    other: int


def elements_of(accesses: Sequence[Access], memory: Memory) -> I32 | None:
    """The elements of `memory` among `accesses`; None if there are none."""
    for access in accesses:
        if access.memory == memory and len(access.elements):
            return access.elements
    return None


def find_races(
    graph: EventGraph, insn: NDArray[np.void], accesses: Sequence[Accesses]
) -> tuple[list[Race], list[Unknown]]:
    """Races on scratchpads: per reader the first writer it races with on each memory. Precondition: no cycle."""
    races: list[Race] = []
    unknown: list[Unknown] = []
    for memory, writer, reader in SHARED:
        sweep = _Sweep(graph, insn, accesses, memory, writer, reader)
        for found in sweep.run():
            (races if isinstance(found, Race) else unknown).append(found)  # type: ignore[arg-type]
    return races, unknown


class _Sweep:
    """One memory: along the readers a window of writers moves; per element, how many writers in the window."""

    def __init__(
        self,
        graph: EventGraph,
        insn: NDArray[np.void],
        accesses: Sequence[Accesses],
        memory: Memory,
        writer: Module,
        reader: Module,
    ) -> None:
        self.insn, self.accesses, self.memory = insn, accesses, memory
        self.writers, self.readers = graph.flow.lists[writer].tolist(), graph.flow.lists[reader].tolist()
        self.low, self.high = (bound.tolist() for bound in graph.window(reader, writer))
        self.writes = [elements_of(accesses[i].writes, memory) for i in self.writers]
        size = max((int(e[-1]) + 1 for e in self.writes if e is not None), default=0)
        self.count = np.zeros(size, np.int32)
        self.unknown = 0  # writers in the window whose elements are not known

    def run(self) -> Iterator[Race | Unknown]:
        first = last = 0
        for n, reader in enumerate(self.readers):
            low, high = self.low[n], self.high[n]
            for p in range(last, high):
                self._add(p, 1)
            for p in range(first, min(low, high)):
                self._add(p, -1)
            first, last = max(first, min(low, high)), max(last, high)
            if low < high:
                yield from self._check(reader, low, high)

    def _add(self, position: int, change: int) -> None:
        elements = self.writes[position]
        if elements is not None:
            self.count[index_of(elements)] += change
        elif may_touch(self.insn[self.writers[position]], self.accesses[self.writers[position]], self.memory):
            self.unknown += change

    def _check(self, reader: int, low: int, high: int) -> Iterator[Race | Unknown]:
        elements = elements_of(self.accesses[reader].reads, self.memory)
        if elements is None:
            if may_touch(self.insn[reader], self.accesses[reader], self.memory):
                other = next((p for p in range(low, high) if self.writes[p] is not None), -1)
                if other >= 0:
                    yield Unknown(self.memory, reader, self.writers[other])
            return
        inside = elements[: int(np.searchsorted(elements, len(self.count)))]
        if len(inside) and self.count[index_of(inside)].any():
            for p in range(low, high):
                written = self.writes[p]
                both = None if written is None else np.intersect1d(written, elements, assume_unique=True)
                if both is not None and len(both):
                    yield Race(self.memory, self.writers[p], reader, both)
                    return
        if self.unknown:
            hidden = (p for p in range(low, high) if self.writes[p] is None)
            other = next(
                p for p in hidden if may_touch(self.insn[self.writers[p]], self.accesses[self.writers[p]], self.memory)
            )
            yield Unknown(self.memory, self.writers[other], reader)


def index_of(elements: I32) -> slice | I32:
    """The index of `elements`, as a slice where they are consecutive: much faster."""
    first, last = int(elements[0]), int(elements[-1])
    return slice(first, last + 1) if last - first + 1 == len(elements) else elements


def may_touch(row: np.void, access: Accesses, memory: Memory) -> bool:
    """Whether an instruction without its micro-ops may use `memory`: a reset and an ALU leave INP and WGT alone."""
    if access.known or not row["iter_out"] or not row["iter_in"] or row["uop_end"] <= row["uop_begin"]:
        return False
    return memory == Memory.ACC or (row["op"] == Op.GEMM and not row["reset"])


def dram_rows(program: VtaProgram, i: int) -> list[tuple[int, int]]:
    """The [first, behind) byte ranges of DRAM that a LOAD or STORE touches, one per row; none for others."""
    row = program.insn[i]
    if row["op"] not in (Op.LOAD, Op.STORE) or row["x"] == 0:
        return []
    size = _dram_element(program, row)
    x, stride, base = int(row["x"]), int(row["stride"]), int(row["dram"])
    return [((base + y * stride) * size, (base + y * stride + x) * size) for y in range(int(row["y"]))]


def _dram_element(program: VtaProgram, row: np.void) -> int:
    if row["op"] == Op.STORE:
        return program.config.element_bytes(Memory.OUT)
    memory = int(row["memory"])
    return program.config.element_bytes(Memory(memory)) if memory <= Memory.ACC_8BIT else 1


def find_dram_races(program: VtaProgram, graph: EventGraph) -> list[Race]:
    """Loads of what a STORE writes, without an order between them: per load the first such STORE."""
    stores = [i for i in graph.flow.lists[Module.STORE].tolist()]
    rows = {i: dram_rows(program, i) for i in stores}
    merged = merge_rows([r for i in stores for r in rows[i]])
    if not len(merged):
        return []
    out: list[Race] = []
    for module in (Module.LOAD, Module.COMPUTE):
        low, high = (bound.tolist() for bound in graph.window(module, Module.STORE))
        for n, i in enumerate(graph.flow.lists[module].tolist()):
            if low[n] >= high[n] or program.insn["op"][i] != Op.LOAD:
                continue
            mine = [r for r in dram_rows(program, i) if r[0] < merged[-1, 1] and _meets(merged, r)]
            if mine:
                out += _first_race(i, mine, [(s, rows[s]) for s in stores[low[n] : high[n]]])
    return out


def load_of_stored(program: VtaProgram, memory: Memory | None = None) -> int:
    """The first LOAD (of `memory`) from bytes that a STORE of the program writes; -1 if there is none."""
    merged = merge_rows([r for i in program.lists[Module.STORE].tolist() for r in dram_rows(program, i)])
    if not len(merged):
        return -1
    insn = program.insn
    loads = (insn["op"] == Op.LOAD) & (insn["x"] > 0)
    if memory is not None:
        loads &= insn["memory"] == memory
    for i in np.flatnonzero(loads).tolist():
        if any(r[0] < merged[-1, 1] and _meets(merged, r) for r in dram_rows(program, i)):
            return int(i)
    return -1


def _first_race(
    load: int, mine: Sequence[tuple[int, int]], stores: Sequence[tuple[int, list[tuple[int, int]]]]
) -> list[Race]:
    for store, theirs in stores:
        for a, b in theirs:
            for c, d in mine:
                if a < d and c < b:
                    return [Race(None, store, load, np.array([max(a, c), min(b, d)], np.int64))]
    return []


def merge_rows(ranges: list[tuple[int, int]]) -> I64:
    """Disjoint ascending ranges that cover the same bytes. Shape (ranges, 2)."""
    out: list[list[int]] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1]:
            out[-1][1] = max(out[-1][1], high)
        else:
            out.append([low, high])
    return np.array(out, np.int64).reshape(-1, 2)


def _meets(merged: I64, ranges: tuple[int, int]) -> bool:
    at = int(np.searchsorted(merged[:, 1], ranges[0], side="right"))
    return at < len(merged) and int(merged[at, 0]) < ranges[1]


def runs(elements: NDArray[np.integer]) -> list[tuple[int, int]]:
    """Sorted elements as [first, behind) ranges."""
    if not len(elements):
        return []
    cuts = np.flatnonzero(np.diff(elements) != 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(elements, cuts)]


def ranges_text(elements: NDArray[np.integer], limit: int = 3) -> str:
    """`[0, 144)` or `[0, 16) [32, 48) ... (8 ranges, 128 elements)`: exact, in hexadecimal nowhere."""
    found = runs(elements)
    shown = " ".join(f"[{a}, {b})" if b - a > 1 else f"[{a}]" for a, b in found[:limit])
    return shown if len(found) <= limit else f"{shown} ... ({len(found)} ranges, {len(elements)} elements)"
