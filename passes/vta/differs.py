"""Rules V10-V14: what an implementation in hardware does differently from the reference simulator.

All of it is from reading the sources (docs/vta.md); none of it was seen on a device.
"""

from collections.abc import Iterator

import numpy as np

from wlm_dialect.passes.vta.events import EventGraph
from wlm_dialect.passes.vta.findings import VtaFinding
from wlm_dialect.passes.vta.flow import Flow
from wlm_dialect.passes.vta.orders import listed_order
from wlm_dialect.passes.vta.races import elements_of, ranges_text
from wlm_dialect.passes.vta.rules import Case, moved_elements, visited_elements
from wlm_dialect.program.vta import Alu, Memory, Module, Op
from wlm_dialect.program.vta.hardware import POPPER, Hardware
from wlm_dialect.program.vta.names import MODULES, queue_name

_NEVER, _LOADED, _RESET, _COMPUTED = range(4)
_WHY = {
    _NEVER: "no GEMM or ALU ever wrote",
    _LOADED: "was loaded and not touched by a GEMM or ALU since (TVM inserts an ALU shr 0 for that)",
    _RESET: "a GEMM reset cleared, which does not write OUT here",
}


def stale_out(case: Case, hardware: Hardware) -> Iterator[VtaFinding]:
    """V10: STORE reads OUT, which GEMM and ALU write beside ACC; a LOAD does not, a reset not everywhere."""
    if not hardware.out_memory:
        return
    state = np.zeros(case.program.config.depth(Memory.ACC), np.int8)
    compute = case.flow.lists[Module.COMPUTE].tolist()
    done = 0
    for i in case.graph.flow.lists[Module.STORE].tolist():
        for c in compute[done : int(case.graph.known[i, Module.COMPUTE])]:
            _write(case, c, state, hardware)
        done = max(done, int(case.graph.known[i, Module.COMPUTE]))
        read = elements_of(case.accesses[i].reads, Memory.ACC)
        if read is None or int(read[-1]) >= len(state):
            continue
        for what, why in _WHY.items():
            stale = read[state[read] == what]
            if len(stale):
                yield VtaFinding("V10", f"{case.name(i)} stores OUT {ranges_text(stale)}, which {why}", i)


def _write(case: Case, i: int, state: np.ndarray[tuple[int], np.dtype[np.int8]], hardware: Hardware) -> None:
    access = case.accesses[i]
    written = elements_of(access.writes, Memory.ACC)
    if written is None and not access.known:
        state[:] = _COMPUTED  # its micro-ops are not in the program: assume the best
    elif written is not None and int(written[-1]) < len(state):
        row = case.program.insn[i]
        reset = row["op"] == Op.GEMM and row["reset"] and not hardware.reset_writes_out
        state[written] = _LOADED if row["op"] == Op.LOAD else _RESET if reset else _COMPUTED


def uop_memory(case: Case, hardware: Hardware) -> Iterator[VtaFinding]:
    """V11: micro-ops beyond what the hardware has."""
    if hardware.uops is None or hardware.uops >= case.program.config.depth(Memory.UOP):
        return
    for i, memory, last in (*moved_elements(case), *visited_elements(case)):
        if memory == Memory.UOP and last >= hardware.uops:
            text = f"{case.name(i)} uses micro-op {last}, but {hardware.name} has {hardware.uops}"
            yield VtaFinding("V11", text, i)


def token_overflow(case: Case, hardware: Hardware) -> Iterator[VtaFinding]:
    """V12: a push that may find its queue full, where a full queue loses it."""
    if hardware.tokens is None or not hardware.saturates:
        return
    if max(case.flow.token_count(q) for q in range(4)) <= hardware.tokens:
        return
    graph = EventGraph(case.graph.flow, Hardware("", commands=hardware.commands, held=hardware.held))
    if not graph.ends:
        return  # V13 says why
    flow = graph.flow
    for queue in range(4):
        pushers, poppers = flow.pushers[queue], flow.poppers[queue]
        pops = np.searchsorted(flow.position[poppers], graph.known[pushers, POPPER[queue]])
        waiting = np.arange(len(pushers)) + flow.initial[queue] - pops
        full = np.flatnonzero(waiting >= hardware.tokens)
        if len(full):
            i = int(pushers[full[0]])
            text = (
                f"{case.name(i)} may push into {queue_name(queue)} when {hardware.tokens} tokens are in it: it "
                f"is lost, and a pop of the {MODULES[POPPER[queue]]} module waits for ever"
            )
            yield VtaFinding("V12", text, i, order=case.early(i), queue=queue)


def command_queues(case: Case, hardware: Hardware) -> Iterator[VtaFinding]:
    """V13: with finite queues the program is stuck, without it is not."""
    if not hardware.bounded or not case.whole.ends or _fits(case.flow, hardware):
        return
    bounded = EventGraph(case.flow, hardware)
    if bounded.ends:
        return
    starting = bounded.starting
    heads = [int(tasks[n]) for tasks, n in zip(case.flow.lists, starting, strict=True) if n < len(tasks)]
    i = min(heads) if heads else len(case.flow) - 1
    text = (
        f"stuck from {case.name(i)} on with command queues of {hardware.commands} and dependence queues of "
        f"{hardware.tokens} entries"
    )
    yield VtaFinding("V13", text, i, story=tuple(_full(case, starting, hardware)), order=_executed(case.flow, starting))


def _fits(flow: Flow, hardware: Hardware) -> bool:
    """Whether no queue can be full, since the program is too short."""
    long = hardware.commands is not None and max(len(tasks) for tasks in flow.lists) > hardware.commands
    blocks = hardware.tokens is not None and not hardware.saturates
    return not long and not (blocks and max(flow.token_count(q) for q in range(4)) > (hardware.tokens or 0))


def _full(case: Case, starting: tuple[int, int, int], hardware: Hardware) -> Iterator[str]:
    for m, tasks in enumerate(case.flow.lists):
        behind = int(tasks[starting[m]]) if starting[m] < len(tasks) else -1
        if behind >= 0:
            yield f"{MODULES[m]}: {case.name(behind)} waits, {len(tasks) - starting[m]} instructions are not executed"
    yield f"fetch is in order: an instruction for a full command queue ({hardware.commands}) holds back all after it"


def _executed(flow: Flow, starting: tuple[int, int, int]) -> tuple[int, ...]:
    return listed_order(flow.cut(starting))


def arithmetic(case: Case, hardware: Hardware) -> Iterator[VtaFinding]:
    """V14: loop counts of zero, MUL, shift amounts, and an ALU that reads what it has just written."""
    insn = case.program.insn
    compute = (insn["op"] == Op.GEMM) | (insn["op"] == Op.ALU)
    if hardware.chisel:
        empty = compute & ((insn["iter_out"] == 0) | (insn["iter_in"] == 0) | (insn["uop_end"] <= insn["uop_begin"]))
        for i in np.flatnonzero(empty).tolist():
            yield VtaFinding("V14", f"{case.name(i)}: a loop of no rounds is one of 2^14 on {hardware.name}", i)
    alu = insn["op"] == Op.ALU
    if hardware.chisel or hardware.hls:
        for i in np.flatnonzero(alu & (insn["alu"] == Alu.MUL)).tolist():
            what = "is never dispatched" if hardware.chisel else "does nothing"
            yield VtaFinding("V14", f"{case.name(i)} {what} on {hardware.name}", i)
        yield from _shifts(case, hardware, alu & (insn["alu"] == Alu.SHR))
    if hardware.chisel:
        yield from _bypasses(case, hardware, np.flatnonzero(alu).tolist())


def _shifts(case: Case, hardware: Hardware, shifts: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterator[VtaFinding]:
    insn = case.program.insn
    imm = insn["imm"]
    wrong = (imm >= 16) | (imm < -16) if hardware.hls else (imm > 31) | (imm < -31)
    for i in np.flatnonzero(shifts & (insn["use_imm"] != 0) & wrong).tolist():
        text = f"{case.name(i)} by {int(imm[i])}: {hardware.name} takes 5 bits of the amount"
        yield VtaFinding("V14", text + (", signed" if hardware.hls else ""), i)


def _bypasses(case: Case, hardware: Hardware, alus: list[int]) -> Iterator[VtaFinding]:
    """Consecutive micro-ops of one ALU instruction where the second uses what the first writes."""
    for i in alus:
        found = case.uops[i]
        if found is None or len(found) < 2:
            continue
        imm = bool(case.program.insn["use_imm"][i])
        again = found["dst"][1:] == found["dst"][:-1]
        read = np.zeros_like(again) if imm else found["src"][1:] == found["dst"][:-1]
        if (imm and again.any()) or read.any():
            text = f"{case.name(i)}: consecutive micro-ops use the same element; {hardware.name} asks for a bypass"
            yield VtaFinding("V14", text, i)
