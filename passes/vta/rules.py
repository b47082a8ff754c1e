"""Rules V1-V9: tokens, FINISH, races and indices. Each function yields findings; the graph says what is ordered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.passes.vta.events import EventGraph
from wlm_dialect.passes.vta.findings import VtaFinding
from wlm_dialect.passes.vta.flow import NOBODY, Flow
from wlm_dialect.passes.vta.orders import early_order, listed_order
from wlm_dialect.passes.vta.races import Race, Unknown, find_dram_races, find_races, load_of_stored, ranges_text
from wlm_dialect.program.vta import (
    QUEUES,
    Accesses,
    Memory,
    Module,
    Op,
    VtaProgram,
    resolve_uops,
)
from wlm_dialect.program.vta.hardware import POPPER, PUSHER
from wlm_dialect.program.vta.names import MODULES, insn_name, queue_name


@dataclass(frozen=True, eq=False)
class Case:
    """A program under check: its flow, what can execute of it, and what each instruction touches.

    `fragment`: the stream goes on after its last instruction, so that nothing about its end counts.
    """

    program: VtaProgram
    flow: Flow
    accesses: Sequence[Accesses]
    fragment: bool = False

    @cached_property
    def whole(self) -> EventGraph:
        """The event graph of the whole stream, with unbounded queues; cyclic if it cannot be executed to the end."""
        return EventGraph(self.flow)

    @cached_property
    def graph(self) -> EventGraph:
        """The event graph of what can be executed."""
        return self.whole if self.whole.ends else EventGraph(self.flow.cut(self.whole.starting))

    @cached_property
    def listed(self) -> tuple[int, ...]:
        """All that can be executed, in the order of the stream where tokens allow it."""
        return listed_order(self.flow)

    @cached_property
    def rank(self) -> dict[int, int]:
        """Place of each instruction in `listed`."""
        return {i: n for n, i in enumerate(self.listed)}

    @cached_property
    def uops(self) -> Mapping[int, NDArray[np.void] | None]:
        """Per GEMM and ALU its micro-ops; None where they are not known."""
        return resolve_uops(self.program)

    def name(self, i: int) -> str:
        """`#7 LOAD WGT`."""
        return insn_name(self.program, i)

    def early(self, i: int) -> tuple[int, ...]:
        """An order with `i` as early as possible."""
        before = self.graph.known[i].tolist()
        return early_order(self.flow, (before[0], before[1], before[2]), i)


def bad_flags(case: Case) -> Iterator[VtaFinding]:
    """V1: flags towards a neighbour that the module does not have; opcodes and memories that do not exist."""
    insn, module = case.program.insn, case.program.module
    for m, names in ((Module.LOAD, ("pop_prev", "push_prev")), (Module.STORE, ("pop_next", "push_next"))):
        for name in names:
            for i in np.flatnonzero((module == m) & (insn[name] != 0)).tolist():
                text = f"{case.name(i)}: {name.replace('_', ' ')}, but the {MODULES[m]} module has no such neighbour"
                yield VtaFinding("V1", f"{text}: simulators crash, Chisel ignores it", i)
    for i in np.flatnonzero(~np.isin(insn["op"], list(Op))).tolist():
        yield VtaFinding("V1", f"{case.name(i)}: VTA has no such opcode", i)


def blocked(case: Case) -> Iterator[VtaFinding]:
    """V2, V3: who waits for ever, for whom, and the cycle if there is one."""
    if case.whole.ends:
        return
    flow, starting = case.flow, case.whole.starting
    heads = {m: int(flow.lists[m][starting[m]]) for m in Module if starting[m] < len(flow.lists[m])}
    waits = {m: list(_waits(flow, i, starting)) for m, i in heads.items()}
    for m, i in heads.items():
        for queue, push in waits[m]:
            if push == NOBODY and not case.fragment:
                yield _missing(case, i, queue, _story(case, heads, waits))
    cycle = _cycle(heads, waits)
    if cycle:
        steps = [
            _step(case, heads[a], *_toward(waits[a], b)) for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True)
        ]
        names = " -> ".join([case.name(heads[m]) for m in cycle] + [case.name(heads[cycle[0]])])
        text = f"deadlock, each waits for the next: {names}"
        yield VtaFinding("V3", text, heads[cycle[0]], other=heads[cycle[-1]], story=tuple(steps), order=case.listed)


def _waits(flow: Flow, i: int, starting: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(queue, the instruction that should push) for each token that instruction `i`, at the head, waits for."""
    for queue in range(4):
        at = np.flatnonzero(flow.poppers[queue] == i)
        if len(at):
            push = flow.token(queue, int(at[0])).push
            if push == NOBODY or (push >= 0 and flow.position[push] >= starting[PUSHER[queue]]):
                yield queue, push


def _missing(case: Case, i: int, queue: int, story: tuple[str, ...]) -> VtaFinding:
    flow = case.flow
    pops, pushes = len(flow.poppers[queue]), len(flow.pushers[queue]) + flow.initial[queue]
    number = int(np.flatnonzero(flow.poppers[queue] == i)[0]) + 1
    text = (
        f"{case.name(i)} waits for token {number} of {queue_name(queue)} for ever: {pushes} are pushed, {pops} "
        f"popped; a push {'next' if queue in (0, 3) else 'prev'} of the {MODULES[PUSHER[queue]]} module is missing, or "
        "this pop is one too many"
    )
    return VtaFinding("V2", text, i, story=story, order=case.listed, queue=queue)


def _step(case: Case, i: int, queue: int, push: int) -> str:
    who = "nobody pushes it" if push == NOBODY else f"{case.name(push)} would push it"
    return f"{MODULES[int(case.flow.module[i])]}: {case.name(i)} waits for a token of {QUEUES[queue]}; {who}"


def _story(case: Case, heads: dict[Module, int], waits: dict[Module, list[tuple[int, int]]]) -> tuple[str, ...]:
    lines = [_step(case, i, queue, push) for m, i in heads.items() for queue, push in waits[m]]
    done = case.whole.starting
    lines += [f"{MODULES[m]}: all {done[m]} instructions executed" for m in Module if m not in heads]
    return tuple(lines)


def _cycle(heads: dict[Module, int], waits: dict[Module, list[tuple[int, int]]]) -> list[Module]:
    """Modules whose heads wait for pushes that come later in the next one's list; empty if there is no such cycle."""
    after = {m: [PUSHER[q] for q, push in waits[m] if push != NOBODY] for m in heads}
    for start in heads:
        paths = [[start]]
        while paths:
            path = paths.pop()
            for m in after.get(path[-1], ()):
                if m == start:
                    return path
                if m not in path:
                    paths.append([*path, m])
    return []


def _toward(waits: list[tuple[int, int]], module: Module) -> tuple[int, int]:
    return next((q, push) for q, push in waits if PUSHER[q] == module and push != NOBODY)


def left_over(case: Case) -> Iterator[VtaFinding]:
    """V4: what is in the queues at the end against `carry_out`."""
    if case.fragment or not case.whole.ends:
        return
    for queue, (left, meant) in enumerate(zip(case.flow.left, case.program.carry_out, strict=True)):
        if left == meant:
            continue
        if left > meant:
            push = _last(case.flow.pushers[queue])
            who = "it was there before the launch" if push < 0 else f"the last push is that of {case.name(push)}"
            text = (
                f"{left} tokens are left in {queue_name(queue)}, {meant} declared by carry_out: the next launch finds "
                f"them there; {who}, the {MODULES[POPPER[queue]]} module pops {len(case.flow.poppers[queue])}; if they "
                f'are meant for the next launch, declare them (carry_out {{"{QUEUES[queue]}": {left}}})'
            )
            yield VtaFinding("V4", text, push, order=case.listed, queue=queue)
        else:
            text = f"carry_out declares {meant} tokens in {queue_name(queue)} but {left} are left"
            yield VtaFinding("V4", text, order=case.listed, queue=queue)


def _last(instructions: np.ndarray[tuple[int], np.dtype[np.int32]]) -> int:
    return int(instructions[-1]) if len(instructions) else -1


def finish(case: Case) -> Iterator[VtaFinding]:
    """V5, V6: one FINISH, at the end, and after everything else."""
    if case.fragment:
        return
    found = np.flatnonzero(case.program.insn["op"] == Op.FINISH).tolist()
    if not found:
        yield VtaFinding("V5", "stream without FINISH: the host waits for ever", order=case.listed)
        return
    first = found[0]
    for i in range(first + 1, len(case.program)):
        text = f"{case.name(i)} comes after {case.name(first)}: FINISH has to be the last instruction of the stream"
        yield VtaFinding("V5", text, i, other=first, order=case.listed)
        return
    if case.graph.flow.position[first] < 0:
        return  # never executed: V2 or V3 says why
    for module in (Module.LOAD, Module.STORE):
        late = _pending(case, first, module)
        if late < 0:
            continue
        queue = QUEUES[0 if module == Module.LOAD else 2]
        text = (
            f"early FINISH: {case.name(first)} does not wait for {case.name(late)} of the {MODULES[module]} module; a "
            f"token of {queue} pushed there or later has to be popped before FINISH"
        )
        story = ("the host sees the program done and goes on while the module still works",)
        yield VtaFinding("V6", text, first, other=late, story=story, order=case.early(first))


def _pending(case: Case, finish: int, module: Module) -> int:
    """The last instruction of a module that FINISH does not wait for; -1 if there is none that matters.

    A NOP whose only work is to push a token that stays in its queue (TVM does that for the next launch) does not.
    """
    tasks = case.flow.lists[module]
    for i in tasks[case.graph.known[finish, module] :][::-1].tolist():
        stays = [q for q in range(4) if case.flow.pushes[i, q] and case.flow.left[q] > 0]
        if not (case.program.nop[i] and stays and not case.flow.pops[i].any()):
            return int(i)
    return -1


def races(case: Case) -> Iterator[VtaFinding]:
    """V7, V8, and V7 undecided where micro-ops are not known."""
    found, unknown = find_races(case.graph, case.program.insn, case.accesses)
    for race in found:
        yield _race(case, race)
    for race in find_dram_races(case.program, case.graph):
        yield _race(case, race)
    if unknown:
        yield _unknown(case, unknown)
    written = load_of_stored(case.program, Memory.UOP)
    if written >= 0:
        text = f"{case.name(written)} loads micro-ops from where the program stores: what they say is not known"
        yield VtaFinding("V7", text, written, undecided="micro-ops are taken as they are in DRAM before the launch")


def _race(case: Case, race: Race) -> VtaFinding:
    early, late = sorted((race.writer, race.reader), key=case.rank.__getitem__)
    if race.memory is None:
        what, rule = f"DRAM bytes [{race.elements[0]:#x}, {race.elements[1]:#x})", "V8"
    else:
        what, rule = f"{race.memory.name} {ranges_text(race.elements)}", "V7"
    verbs = {race.writer: "writes", race.reader: "reads"}
    kind = "WAR" if early == race.reader else "RAW"
    text = (
        f"{kind} race: {case.name(late)} {verbs[late]} {what}, which {case.name(early)} {verbs[early]}, and no token "
        f"orders them"
    )
    story = (f"{case.name(late)} executes first; it should wait{_advice(case, early, late)}",)
    return VtaFinding(rule, text, late, other=early, story=story, order=case.early(late))


def _advice(case: Case, early: int, late: int) -> str:
    """Which queue would order them, if one leads from the module of one to that of the other."""
    a, b = int(case.flow.module[early]), int(case.flow.module[late])
    direct = [QUEUES[q] for q in range(4) if (PUSHER[q], POPPER[q]) == (a, b)]
    return f" for a token of {direct[0]} pushed at or after {case.name(early)}" if direct else " through a compute NOP"


def _unknown(case: Case, unknown: Sequence[Unknown]) -> VtaFinding:
    one = unknown[0]
    text = (
        f"{case.name(one.instruction)} and {case.name(one.other)} are not ordered and may use the same elements of "
        f"{one.memory.name}; {len(unknown)} such pairs"
    )
    reason = (
        "micro-ops were never loaded or are not in the text; a dump of debug flag 0x6 or the program folder has them"
    )
    return VtaFinding("V7", text, one.instruction, other=one.other, undecided=reason)


def indices(case: Case) -> Iterator[VtaFinding]:
    """V9: what a scratchpad has no room for, and fields that the reference refuses."""
    insn = case.program.insn
    for i, memory, last in (*moved_elements(case), *visited_elements(case)):
        depth = case.program.config.depth(memory)
        if last >= depth:
            yield VtaFinding("V9", f"{case.name(i)}: element {last} of {memory.name}, which has {depth}", i)
    for i in np.flatnonzero((insn["op"] == Op.LOAD) & (insn["x"] > 0) & (insn["memory"] >= 6)).tolist():
        yield VtaFinding("V9", f"{case.name(i)}: VTA has no such memory", i)
    loads = (insn["op"] == Op.LOAD) & (insn["x"] > 0) & (insn["memory"] == Memory.OUT)
    stores = (insn["op"] == Op.STORE) & (insn["x"] > 0)
    for i in np.flatnonzero(loads | (stores & (insn["memory"] != Memory.OUT))).tolist():
        yield VtaFinding(
            "V9", f"{case.name(i)}: memory id {int(insn['memory'][i])}; only STORE has 4 (OUT), and no other", i
        )
    padded = stores & ((insn["pad_top"] | insn["pad_bottom"] | insn["pad_left"] | insn["pad_right"]) != 0)
    for i in np.flatnonzero(padded).tolist():
        yield VtaFinding("V9", f"{case.name(i)}: a STORE has no padding", i)


def moved_elements(case: Case) -> Iterator[tuple[int, Memory, int]]:
    """(instruction, memory, its last element) of every LOAD and STORE that moves something."""
    insn = case.program.insn
    x, y = insn["x"].astype(np.int64), insn["y"].astype(np.int64)
    width, height = insn["pad_left"] + x + insn["pad_right"], insn["pad_top"] + y + insn["pad_bottom"]
    size = np.where(insn["op"] == Op.LOAD, width * height, x * y)
    moving = ((insn["op"] == Op.LOAD) | (insn["op"] == Op.STORE)) & (x > 0) & (insn["memory"] <= Memory.ACC_8BIT)
    for i in np.flatnonzero(moving).tolist():
        memory = Memory(int(insn["memory"][i])) if insn["op"][i] == Op.LOAD else Memory.ACC
        yield i, memory, int(insn["sram"][i]) + int(size[i]) - 1


def visited_elements(case: Case) -> Iterator[tuple[int, Memory, int]]:
    """(instruction, memory, the last element it uses) of every GEMM and ALU that executes a micro-op."""
    insn = case.program.insn
    rounds = (insn["iter_out"] > 0) & (insn["iter_in"] > 0) & (insn["uop_end"] > insn["uop_begin"])
    last: dict[int, dict[str, int]] = {}
    for i in np.flatnonzero(rounds & ((insn["op"] == Op.GEMM) | (insn["op"] == Op.ALU))).tolist():
        row, found = insn[i], case.uops[i]
        yield i, Memory.UOP, int(row["uop_end"]) - 1
        if found is None:
            continue
        top = last.setdefault(id(found), {name: int(found[name].max()) for name in ("dst", "src", "wgt")})
        gemm = row["op"] == Op.GEMM
        used = {"dst": Memory.ACC, "src": Memory.INP if gemm else Memory.ACC, "wgt": Memory.WGT}
        for name in ("dst",) if row["reset"] and gemm else ("dst", "src", "wgt") if gemm else ("dst", "src"):
            if name == "src" and not gemm and row["use_imm"]:
                continue
            steps = (int(row["iter_out"]) - 1) * int(row[f"{name}_out"]) + (int(row["iter_in"]) - 1) * int(
                row[f"{name}_in"]
            )
            yield i, used[name], top[name] + steps
