"""Virtual threads: tiles that follow each other at one place of a scratchpad take turns at several.

While compute works on one, load fills the other and store empties a third. What moves is told from data alone, so
programs need not have been written for it; tokens are placed anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.kernels.csr import I64
from wlm_dialect.machine import preset
from wlm_dialect.passes.vta.graph import graph_of
from wlm_dialect.passes.vta.lower import Lowered, lower
from wlm_dialect.passes.vta.uop_copies import UopCopies
from wlm_dialect.passes.vta.webs import Webs, find_webs
from wlm_dialect.program.vta import Memory, Op, VtaProgram, find_accesses, resolve_uops
from wlm_dialect.program.vta.hardware import Hardware
from wlm_dialect.program.vta.model import Insns
from wlm_dialect.program.vta.names import insn_name

MEMORIES = ("INP", "WGT", "ACC")
"""The scratchpads that two modules share, by name."""


@dataclass(frozen=True, eq=False)
class Split:
    """`lowered.program` is the program in its contexts. `contexts`: per memory how many it got; 1 = nothing moved."""

    lowered: Lowered
    contexts: dict[Memory, int]

    @property
    def program(self) -> VtaProgram:
        """The program."""
        return self.lowered.program


def split(
    program: VtaProgram,
    contexts: int = 2,
    *,
    memories: Sequence[str] = MEMORIES,
    hardware: Hardware | None = None,
    order: str = "exact",
) -> Split:
    """`program` with its tiles spread over `contexts` parts of each of `memories`, and tokens placed anew.

    Each part is as large as what the program uses; tiles at the same place take turns. A scratchpad in which nothing
    follows what another module uses stays as it is. GEMM and ALU get copies of their micro-ops, loaded before the first
    use. Outputs do not change by a byte. ScheduleError if a scratchpad is too small for the parts, if nothing can move,
    or if micro-ops are not known.
    """
    if contexts < 2:
        raise ScheduleError(f"contexts is {contexts} but has to be at least 2")
    wrong = [name for name in memories if name not in MEMORIES]
    if wrong:
        raise ScheduleError(f"memory '{wrong[0]}'{did_you_mean(wrong[0], MEMORIES)}")
    accesses = list(find_accesses(program))
    unknown = next((i for i, a in enumerate(accesses) if not a.known), None)
    if unknown is not None:
        raise ScheduleError(f"{program.name}: the micro-ops of {insn_name(program, unknown)} are not in the program")
    used: dict[Memory, int] = {}
    shifts = np.zeros((len(program), max(Memory) + 1), np.int64)
    for memory in (Memory[name] for name in memories):
        webs = find_webs(memory, accesses, program.config.depth(memory))
        turns = _turns(program, webs, contexts)
        used[memory] = 1 + max(turns, default=0)
        for web, turn in enumerate(turns):
            shifts[list(webs.members[web]), memory] = turn * webs.extent
    if not shifts.any():
        raise ScheduleError(
            f"{program.name}: no tile of {', '.join(memories)} takes the place of one that another module uses, so "
            "there is nothing to split"
        )
    moved = _move(program, shifts, hardware)
    graph = graph_of(moved, np.ones(len(moved), np.int64), preset("vta"), "data")
    return Split(lower(graph, moved, hardware=hardware, order=order), used)


def _turns(program: VtaProgram, webs: Webs, contexts: int) -> list[int]:
    """Per web the context it goes to: the one after that of the web whose place it takes, if that one is shared."""
    turns: list[int] = []
    for web, previous in enumerate(webs.previous):
        follows = 0 <= previous < web and not webs.fixed[web]
        # what only compute uses is in its order anyway
        waits = follows and len(set(program.module[list(webs.members[previous])].tolist())) > 1
        turns.append((turns[previous] + waits) % contexts if follows else 0)
    if not any(turns):
        return turns
    depth, needed = program.config.depth(webs.memory), contexts * webs.extent
    if needed > depth:
        raise ScheduleError(
            f"{program.name}: {contexts} contexts of {webs.extent} elements need {needed} of {webs.memory.name}, which "
            f"has {depth}; make the tiles smaller, or split other memories only"
        )
    if program.launches > 1 and any(webs.fixed):
        web = webs.fixed.index(True)
        raise ScheduleError(
            f"{program.name}: {insn_name(program, webs.members[web][0])} uses {webs.memory.name} as an earlier launch "
            "left it, so its tiles cannot move"
        )
    return turns


def _move(program: VtaProgram, shifts: I64, hardware: Hardware | None) -> VtaProgram:
    """The program with every address shifted, and micro-ops copied where GEMM and ALU need others."""
    insn = program.insn.copy()
    boxes = (insn["op"] <= Op.STORE) & (insn["x"] > 0)
    insn["sram"][boxes] += shifts[boxes].sum(axis=1).astype(np.int32)  # one memory each
    copies = UopCopies(program, None if hardware is None else hardware.uops)
    uops = resolve_uops(program)
    rows: list[Insns] = []
    for i in range(len(program)):
        row = insn[i : i + 1]
        if not boxes[i] and shifts[i].any():
            found = uops[i]
            assert found is not None
            used = found.copy()
            used["dst"] += shifts[i, Memory.ACC]
            if row["op"][0] == Op.GEMM:
                used["src"] += shifts[i, Memory.INP]
                used["wgt"] += shifts[i, Memory.WGT]
            elif not row["use_imm"][0]:
                used["src"] += shifts[i, Memory.ACC]
            begin, load = copies.place(used)
            rows += [] if load is None else [load]
            row["uop_begin"], row["uop_end"] = begin, begin + len(used)
        rows.append(row)
    return program.with_(insn=np.concatenate(rows), segments=(*program.segments, copies.segment()))
