"""The text that the VTA runtime prints under debug flag 0x6, both ways.

Reading goes by the words and not by the lines: indentation and line breaks may be lost, text before the first
INSTRUCTION may be anything. What the text does not say (immediates, whether shr and mul take one, the memory of a NOP)
is zero in the instructions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ProgramError
from wlm_dialect.program.vta.config import Config, Memory
from wlm_dialect.program.vta.model import INSN, NO_TOKENS, QUEUES, UOP, Alu, Module, Op, Tokens, Uops, VtaProgram

_NOPS = {
    Module.LOAD: ("NOP-MEMORY-STAGE", Op.LOAD, Memory.INP),
    Module.COMPUTE: ("NOP-COMPUTE-STAGE", Op.LOAD, Memory.UOP),
    Module.STORE: ("NOP-STORE-STAGE", Op.STORE, Memory.UOP),
}
_LOADS = (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC)
_IMM_SHOWN = (Alu.MIN, Alu.MAX, Alu.ADD)
_HEADER = re.compile(r"INSTRUCTION\s+(\d+):\s*")
_KERNEL = re.compile(r"There are (\d+) uops\b")
_UOP = re.compile(r"\[\d+\]\s*acc=(\d+),\s*inp=(\d+),\s*wgt=(\d+)")
_COUNT = re.compile(r"There are (\d+) instructions\b")
_BIT = r"\s*:?\s*(\d+)"
_DEP = re.compile(rf"dep\s*-\s*pop prev{_BIT},\s*pop next{_BIT},\s*push prev{_BIT},\s*push next{_BIT}")
_NUMBER = r"\s*=\s*(-?\d+)"
_QUEUE = re.compile(
    rf"l2g_queue{_NUMBER},\s*g2l_queue{_NUMBER}\s*s2g_queue{_NUMBER},\s*g2s_queue{_NUMBER}",
)
_PAIR = r"pad=\[(\d+),\s*(\d+)\]"
_MEMORY = re.compile(
    r"DRAM:\s*0x([0-9a-fA-F]+),\s*SRAM:\s*0x([0-9a-fA-F]+)\s*"
    rf"y:\s*size=(\d+),\s*{_PAIR}\s*x:\s*size=(\d+),\s*stride=(\d+),\s*{_PAIR}"
)
_RANGE = r"reset_out:\s*(\d+)\s*range\s*\((\d+),\s*(\d+)\)\s*"
_GEMM_LOOP = r"loop\s*-\s*iter:\s*(\d+),\s*wgt:\s*(\d+),\s*inp:\s*(\d+),\s*acc:\s*(\d+)"
_ALU_LOOP = r"loop\s*-\s*iter:\s*(\d+),\s*dst:\s*(\d+),\s*src:\s*(\d+)"
_GEMM = re.compile(rf"{_RANGE}outer {_GEMM_LOOP}\s*inner {_GEMM_LOOP}")
_ALU = re.compile(rf"{_RANGE}outer {_ALU_LOOP}\s*inner {_ALU_LOOP}")
_GEMM_KEYS = ("iter_out", "wgt_out", "src_out", "dst_out", "iter_in", "wgt_in", "src_in", "dst_in")
_ALU_KEYS = ("iter_out", "dst_out", "src_out", "iter_in", "dst_in", "src_in")
_ALU_NAME = re.compile(r"ALU\s*-\s*(unknown op|[a-z]+(?: imm)?)")


@dataclass(frozen=True, eq=False)
class Dump:
    """A dump, or a piece of one.

    `program.kernels` holds its micro-ops. `declared`: whether it says how many instructions there are. `first`: the
    number of its first instruction, `before`: the queues as they stood before that one. `notes` tell what does not fit
    together, such as queue counts that do not follow from the flags.
    """

    program: VtaProgram
    first: int = 0
    before: Tokens = NO_TOKENS
    declared: bool = False
    notes: tuple[str, ...] = ()


def read_dumps(text: str, name: str = "dump", config: Config | None = None) -> tuple[Dump, ...]:
    """Every launch in `text`; ProgramError names the instruction that cannot be understood."""
    found = list(_HEADER.finditer(text))
    if not found:
        raise ProgramError(f"{name}: no 'INSTRUCTION <n>:' in this text; it is no dump of debug flag 0x2")
    starts = [k for k, m in enumerate(found) if k == 0 or int(m[1]) != int(found[k - 1][1]) + 1]
    dumps, at = [], 0
    for k, low in enumerate(starts):
        high = starts[k + 1] if k + 1 < len(starts) else len(found)
        if int(found[low][1]) != 0 and k:
            raise ProgramError(f"{name}: INSTRUCTION {found[low][1]} follows INSTRUCTION {found[low - 1][1]}")
        # what stands between FINISH and the next launch is that launch's micro-ops
        end = _end_of_launch(text, found, high)
        chunks = [(found[i], text[found[i].end() : found[i + 1].start()]) for i in range(low, high - 1)]
        chunks.append((found[high - 1], text[found[high - 1].end() : end]))
        title = name if len(starts) == 1 else f"{name}.{k}"
        dumps.append(_read_launch(text[at : found[low].start()], chunks, title, config or Config()))
        at = end
    return tuple(dumps)


def read_dump(text: str, name: str = "dump", config: Config | None = None) -> Dump:
    """The one launch in `text`; ProgramError if there are several or an instruction cannot be understood."""
    dumps = read_dumps(text, name, config)
    if len(dumps) != 1:
        raise ProgramError(f"{name}: the text holds {len(dumps)} launches; give one of them")
    return dumps[0]


def print_dump(dump: Dump | VtaProgram) -> str:
    """The text as the runtime prints it, micro-op kernels first."""
    if isinstance(dump, VtaProgram):
        dump = Dump(dump, declared=True)
    program = dump.program
    out: list[str] = []
    for kernel in program.kernels:
        out.append(f"There are {len(kernel)} uops\n")
        out += [f"[{n:04d}]\t acc={u['dst']}, inp={u['src']}, wgt={u['wgt']}\n" for n, u in enumerate(kernel)]
        out.append("\n")
    if dump.declared:
        out.append(f"There are {len(program)} instructions\n")
    counts = (program.queue_counts + np.array(dump.before)).tolist()
    columns = {key: program.insn[key].tolist() for key in INSN.names or ()}
    modules, nops = program.module.tolist(), program.nop.tolist()
    for i, queues in enumerate(counts):
        row = {key: column[i] for key, column in columns.items()}
        out.append(f"INSTRUCTION {dump.first + i}: ")
        out += _print_insn(row, modules[i], nops[i])
        l2g, g2l, s2g, g2s = queues
        out.append(f"\tl2g_queue = {l2g}, g2l_queue = {g2l}\n\ts2g_queue = {s2g}, g2s_queue = {g2s}\n")
    return "".join(out)


def _print_insn(row: dict[str, int], module: int, nop: bool) -> Iterator[str]:
    op = row["op"]
    dep = (
        f"\tdep - pop prev: {row['pop_prev']}, pop next: {row['pop_next']}, "
        f"push prev: {row['push_prev']}, push next: {row['push_next']}\n"
    )
    if nop:
        yield f"{_NOPS[Module(module)][0]}\n{dep}"
    elif op in (Op.LOAD, Op.STORE):
        memory = row["memory"]
        # the runtime has no name for the others, and forgets the line break
        load = f"LOAD {Memory(memory).name}\n" if memory in _LOADS else "LOAD "
        yield ("STORE:\n" if op == Op.STORE else load) + dep
        yield f"\tDRAM: 0x{row['dram']:08x}, SRAM:0x{row['sram']:04x}\n"
        yield f"\ty: size={row['y']}, pad=[{row['pad_top']}, {row['pad_bottom']}]\n"
        yield f"\tx: size={row['x']}, stride={row['stride']}, pad=[{row['pad_left']}, {row['pad_right']}]\n"
    elif op in (Op.GEMM, Op.ALU):
        yield f"{'GEMM' if op == Op.GEMM else f'ALU - {_alu_name(row)}'}\n{dep}"
        yield f"\treset_out: {row['reset']}\n\trange ({row['uop_begin']}, {row['uop_end']})\n"
        for side, key in (("outer", "out"), ("inner", "in")):
            if op == Op.GEMM:
                steps = f"wgt: {row[f'wgt_{key}']}, inp: {row[f'src_{key}']}, acc: {row[f'dst_{key}']}"
            else:
                steps = f"dst: {row[f'dst_{key}']}, src: {row[f'src_{key}']}"
            yield f"\t{side} loop - iter: {row[f'iter_{key}']}, {steps}\n"
    elif op == Op.FINISH:
        yield "FINISH\n"


def _alu_name(row: dict[str, int]) -> str:
    if row["alu"] not in Alu.__members__.values():
        return "unknown op"
    alu = Alu(row["alu"])
    if alu == Alu.MUL:
        return "mul"
    return alu.name.lower() + (" imm" if row["use_imm"] and alu in _IMM_SHOWN else "")


def _end_of_launch(text: str, found: list[re.Match[str]], high: int) -> int:
    if high == len(found):
        return len(text)
    queues = _QUEUE.search(text, found[high - 1].end(), found[high].start())
    return found[high].start() if queues is None else queues.end()


def _read_launch(head: str, chunks: list[tuple[re.Match[str], str]], name: str, config: Config) -> Dump:
    notes: list[str] = []
    insn = np.zeros(len(chunks), INSN)
    printed: list[tuple[int, ...] | None] = []
    for row, (header, body) in zip(insn, chunks, strict=True):
        place = f"{name}: INSTRUCTION {header[1]}"
        last = header is chunks[-1][0]
        if last and body.strip()[:6] != "FINISH" and _QUEUE.search(body) is None:
            notes.append(f"{place} is cut off and left out")
            insn = insn[:-1]
            break
        _read_insn(body, row, place)
        queues = _QUEUE.search(body)
        printed.append(None if queues is None else tuple(int(q) for q in queues.groups()))
    if not len(insn):
        raise ProgramError(f"{name}: the only instruction is cut off")
    program = VtaProgram(name, config, insn, kernels=_read_kernels(head), executable=False)
    first = int(chunks[0][0][1])
    counted = program.queue_counts
    before = NO_TOKENS
    if printed[0] is not None and first:
        before = Tokens(*(p - c for p, c in zip(printed[0], counted[0].tolist(), strict=True)))
    for i, seen in enumerate(printed):
        follows = tuple((counted[i] + np.array(before)).tolist())
        if seen is not None and seen != follows:
            shown = ", ".join(f"{q} {p} (flags: {c})" for q, p, c in zip(QUEUES, seen, follows, strict=True) if p != c)
            notes.append(f"{name}: INSTRUCTION {first + i}: queue counts do not follow from the flags: {shown}")
            break
    declared = _COUNT.search(head)
    if declared is not None and int(declared[1]) != len(insn):
        notes.append(f"{name}: the text announces {declared[1]} instructions but holds {len(insn)}")
    return Dump(program, first, before, declared is not None, tuple(notes))


def _read_kernels(head: str) -> tuple[Uops, ...]:
    marks = list(_KERNEL.finditer(head))
    kernels = []
    for k, mark in enumerate(marks):
        end = marks[k + 1].start() if k + 1 < len(marks) else len(head)
        rows = [tuple(int(g) for g in m.groups()) for m in _UOP.finditer(head, mark.end(), end)]
        kernels.append(np.array(rows, UOP))
    return tuple(kernels)


def _read_insn(body: str, row: np.void, place: str) -> None:
    """Fill `row` from the text after `INSTRUCTION n:`."""
    if body.startswith("FINISH"):
        row["op"] = Op.FINISH
        return
    flags = _DEP.search(body)
    if flags is None:
        raise ProgramError(f"{place}: no line 'dep - pop prev: ..., pop next: ..., push prev: ..., push next: ...'")
    for key, value in zip(("pop_prev", "pop_next", "push_prev", "push_next"), flags.groups(), strict=True):
        if value not in ("0", "1"):
            raise ProgramError(f"{place}: {key.replace('_', ' ')} is {value} but a flag is 0 or 1")
        row[key] = int(value)
    for title, op, memory in _NOPS.values():
        if body.startswith(title):
            row["op"], row["memory"] = op, memory
            return
    if body.startswith("STORE"):
        row["op"], row["memory"] = Op.STORE, Memory.OUT
        _read_memory(body, row, place)
    elif body.startswith("LOAD"):
        named = re.match(r"LOAD\s+(UOP|WGT|INP|ACC)\b", body)
        row["op"], row["memory"] = Op.LOAD, Memory.ACC_8BIT if named is None else Memory[named[1]]
        _read_memory(body, row, place)
    elif body.startswith("GEMM"):
        row["op"] = Op.GEMM
        _read_loops(_GEMM.search(body), _GEMM_KEYS, row, place)
    elif (named := _ALU_NAME.match(body)) is not None:
        row["op"] = Op.ALU
        name, imm, _ = named[1].partition(" imm")
        row["alu"] = Alu[name.upper()] if name.upper() in Alu.__members__ else 7
        row["use_imm"] = int(bool(imm))
        _read_loops(_ALU.search(body), _ALU_KEYS, row, place)
    else:
        raise ProgramError(f"{place}: unknown instruction '{body.strip().splitlines()[0] if body.strip() else ''}'")


def _read_memory(body: str, row: np.void, place: str) -> None:
    found = _MEMORY.search(body)
    if found is None:
        raise ProgramError(f"{place}: no lines 'DRAM: ..., SRAM: ...', 'y: size=...' and 'x: size=...'")
    values = [int(found[1], 16), int(found[2], 16), *(int(g) for g in found.groups()[2:])]
    keys = ("dram", "sram", "y", "pad_top", "pad_bottom", "x", "stride", "pad_left", "pad_right")
    _fill(row, keys, values, place)


def _read_loops(found: re.Match[str] | None, keys: tuple[str, ...], row: np.void, place: str) -> None:
    if found is None:
        raise ProgramError(f"{place}: no lines 'reset_out: ...', 'range (..)', 'outer loop - ...', 'inner loop - ...'")
    _fill(row, ("reset", "uop_begin", "uop_end", *keys), [int(g) for g in found.groups()], place)


def _fill(row: np.void, keys: tuple[str, ...], values: list[int], place: str) -> None:
    for key, value in zip(keys, values, strict=True):
        if value >= 1 << 32 or (key != "dram" and value >= 1 << 31):
            raise ProgramError(f"{place}: {key} is {value}, which no field holds")
        row[key] = value
