"""Which scratchpad elements each instruction reads and writes: what tokens have to protect."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta.codec import decode_uops
from wlm_dialect.program.vta.config import Config, Memory
from wlm_dialect.program.vta.model import Op, Uops, VtaProgram


class Access(NamedTuple):
    """Elements of one scratchpad: `memory` is UOP, WGT, INP or ACC (stores read ACC, as the reference does)."""

    memory: Memory
    elements: NDArray[np.int32]  # sorted, each once


@dataclass(frozen=True, eq=False)
class Accesses:
    """What one instruction reads and writes; what it both reads and writes is in both. `known` False: the micro-ops
    it needs are not in the program, so ACC, INP and WGT are missing here."""

    reads: tuple[Access, ...] = ()
    writes: tuple[Access, ...] = ()
    known: bool = True


def resolve_uops(program: VtaProgram) -> dict[int, Uops | None]:
    """Per GEMM and ALU the micro-ops of its range (dtype UOP), as loaded in the compute module's order.

    None: some were never loaded, or are not in a segment of the program. A STORE that overwrites micro-ops in DRAM is
    not seen.
    """
    config, insn = program.config, program.insn
    depth = config.depth(Memory.UOP)
    words, valid = np.zeros(depth, "<u4"), np.zeros(depth, np.bool_)
    out: dict[int, Uops | None] = {}
    ranges: dict[tuple[int, int], Uops | None] = {}  # since the last LOAD
    loads = (insn["op"] == Op.LOAD) & (insn["memory"] == Memory.UOP) & (insn["x"] > 0)
    users = (insn["op"] == Op.GEMM) | (insn["op"] == Op.ALU)
    begins, ends = insn["uop_begin"], insn["uop_end"]
    for i in np.flatnonzero(loads | users).tolist():
        if loads[i]:
            _load_uops(program, i, words, valid)
            ranges = {}
            continue
        begin, end = int(begins[i]), int(ends[i])
        if (begin, end) not in ranges:
            whole = end <= depth and bool(valid[begin:end].all())
            ranges[begin, end] = decode_uops(words[begin:end], config) if whole else None
        out[i] = ranges[begin, end]
    return out


def _load_uops(program: VtaProgram, i: int, words: NDArray[np.uint32], valid: NDArray[np.bool_]) -> None:
    """Do what instruction `i`, a LOAD UOP, does to the micro-op memory; what is not known becomes invalid."""
    row = program.insn[i]
    left, right, x = int(row["pad_left"]), int(row["pad_right"]), int(row["x"])
    width = left + x + right
    height = int(row["pad_top"]) + int(row["y"]) + int(row["pad_bottom"])
    at = int(row["sram"])
    words[at : at + width * height] = 0
    valid[at : at + width * height] = True
    for y in range(int(row["y"])):
        first = at + (int(row["pad_top"]) + y) * width + left
        data = read_dram(program, 4 * (int(row["dram"]) + y * int(row["stride"])), 4 * x)
        count = max(0, min(x, len(words) - first))
        valid[first : first + count] = data is not None
        if data is not None:
            words[first : first + count] = data.view("<u4")[:count]


def find_kernels(program: VtaProgram) -> tuple[Uops, ...]:
    """The micro-op kernels of a program as the runtime records and dumps them: what LOAD UOP fetches, by address.

    Empty for what came from a dump; kernels outside every segment are left out.
    """
    columns = program.columns
    loads = (columns["op"] == Op.LOAD) & (columns["memory"] == Memory.UOP) & (columns["x"] > 0)
    lengths: dict[int, int] = {}
    for dram, x in zip(columns["dram"][loads].tolist(), columns["x"][loads].tolist(), strict=True):
        lengths.setdefault(dram, x)
    found = [read_dram(program, 4 * dram, 4 * lengths[dram]) for dram in sorted(lengths)]
    return tuple(decode_uops(data, program.config) for data in found if data is not None)


def read_dram(program: VtaProgram, address: int, size: int) -> NDArray[np.uint8] | None:
    """`size` bytes of DRAM as they are before the first launch, or None if no segment holds them all."""
    for segment in program.segments:
        start = address - segment.address
        if 0 <= start and start + size <= len(segment.data):
            return np.ascontiguousarray(segment.data[start : start + size])
    return None


def find_accesses(program: VtaProgram) -> Iterator[Accesses]:
    """Per instruction, in stream order, what it reads and writes. Equal loop nests share their arrays."""
    uops = resolve_uops(program)
    seen: dict[tuple[bytes, bytes], Accesses] = {}
    for i, row in enumerate(program.insn):
        op = int(row["op"])
        if op in (Op.LOAD, Op.STORE):
            yield _memory_access(row, program.config)
        elif op in (Op.GEMM, Op.ALU):
            found = uops[i]
            if found is None:
                yield Accesses(reads=(_range(Memory.UOP, int(row["uop_begin"]), int(row["uop_end"])),), known=False)
                continue
            key = (_loop_key(row), found.tobytes())
            if key not in seen:
                seen[key] = _compute_access(row, found, program.config)
            yield seen[key]
        else:
            yield Accesses()


def _range(memory: Memory, begin: int, end: int) -> Access:
    return Access(memory, np.arange(begin, max(begin, end), dtype=np.int32))


def _memory_access(row: np.void, config: Config) -> Accesses:
    """Elements below the depth of the memory: what is beyond does not exist."""
    x, y, at = int(row["x"]), int(row["y"]), int(row["sram"])
    if x == 0:
        return Accesses()
    if row["op"] == Op.STORE:
        return Accesses(reads=(_range(Memory.ACC, at, min(at + x * y, config.depth(Memory.ACC))),))
    size = (int(row["pad_left"]) + x + int(row["pad_right"])) * (int(row["pad_top"]) + y + int(row["pad_bottom"]))
    memory = int(row["memory"])
    known = Memory(memory) if memory in (Memory.UOP, Memory.WGT, Memory.INP) else Memory.ACC
    return Accesses(writes=(_range(known, at, min(at + size, config.depth(known))),))


_LOOP = ("op", "reset", "uop_begin", "uop_end", "iter_out", "iter_in", "dst_out", "dst_in", "src_out", "src_in")


def _loop_key(row: np.void) -> bytes:
    names: Sequence[str] = (*_LOOP, "wgt_out", "wgt_in", "use_imm")
    return np.array([int(row[name]) for name in names], np.int64).tobytes()


def _compute_access(row: np.void, uops: Uops, config: Config) -> Accesses:
    fetched = _range(Memory.UOP, int(row["uop_begin"]), int(row["uop_end"]))
    if not len(uops) or not row["iter_out"] or not row["iter_in"]:
        return Accesses(reads=(fetched,))
    acc, inp, wgt = (config.depth(memory) for memory in (Memory.ACC, Memory.INP, Memory.WGT))
    dst = Access(Memory.ACC, _visited(row, uops, "dst", acc))
    if row["op"] == Op.GEMM:
        if row["reset"]:
            return Accesses(reads=(fetched,), writes=(dst,))
        src = Access(Memory.INP, _visited(row, uops, "src", inp))
        return Accesses(reads=(fetched, src, Access(Memory.WGT, _visited(row, uops, "wgt", wgt)), dst), writes=(dst,))
    read = dst.elements if row["use_imm"] else np.union1d(dst.elements, _visited(row, uops, "src", acc))
    return Accesses(reads=(fetched, Access(Memory.ACC, read)), writes=(dst,))


def _visited(row: np.void, uops: Uops, name: str, depth: int) -> NDArray[np.int32]:
    """Elements below `depth` that index `name` takes over the loop nest, sorted."""
    outer = np.arange(int(row["iter_out"]), dtype=np.int64) * int(row[f"{name}_out"])
    inner = np.arange(int(row["iter_in"]), dtype=np.int64) * int(row[f"{name}_in"])
    starts = _sums(np.unique(outer), np.unique(inner), depth)
    return _sums(starts, np.unique(uops[name].astype(np.int64)), depth).astype(np.int32)


def _sums(a: NDArray[np.int64], b: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """All a + b below `limit`, sorted, each once. Never more than `limit` values at a time."""
    few, many = sorted((a[a < limit], b[b < limit]), key=len)
    if len(few) * len(many) <= limit:
        found = np.unique(few[:, None] + many[None, :])
        return found[found < limit]
    mask = np.zeros(limit, np.bool_)
    mask[many] = True
    out = np.zeros(limit, np.bool_)
    for shift in few.tolist():
        out[shift:] |= mask[: limit - shift]
    return np.flatnonzero(out).astype(np.int64)
