"""`VtaProgram`: an instruction stream with its data, decoded. Index of an instruction = its place in the stream.

`VtaProgram.insn` is a structured array of dtype `INSN`, one record per instruction; `insn["op"]` is a column. Fields
that an instruction does not have are zero. Flags are 0 or 1. All addresses, sizes and strides count elements of the
memory named (see `Config`), never bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta.config import Config, Memory


class Op(IntEnum):
    """Opcodes."""

    LOAD = 0
    STORE = 1
    GEMM = 2
    FINISH = 3
    ALU = 4


class Alu(IntEnum):
    """ALU opcodes."""

    MIN = 0
    MAX = 1
    ADD = 2
    SHR = 3
    MUL = 4


class Module(IntEnum):
    """Who executes an instruction, each in its own order."""

    LOAD = 0
    COMPUTE = 1
    STORE = 2


QUEUES = ("l2g", "g2l", "s2g", "g2s")
"""The dependence queues in the order in which dumps print them: load to compute (gemm), and so on."""

_FLAGS = ("pop_prev", "pop_next", "push_prev", "push_next")
_MEMORY = ("sram", "dram", "y", "x", "stride", "pad_top", "pad_bottom", "pad_left", "pad_right")
_COMPUTE = ("reset", "uop_begin", "uop_end", "iter_out", "iter_in", "dst_out", "dst_in", "src_out", "src_in")

INSN = np.dtype(
    [
        ("op", np.int32),  # of `Op`; 5..7 = no opcode of VTA
        *((name, np.int32) for name in _FLAGS),
        ("memory", np.int32),  # LOAD, STORE: of `Memory`; 6 and 7 = none of VTA
        *((name, np.int64 if name == "dram" else np.int32) for name in _MEMORY),
        *((name, np.int32) for name in _COMPUTE),  # GEMM, ALU; uop_end is exclusive
        *((name, np.int32) for name in ("wgt_out", "wgt_in")),  # GEMM
        *((name, np.int32) for name in ("alu", "use_imm", "imm")),  # ALU; alu of `Alu`, 5..7 = none; imm is signed
        ("unused_low", np.uint64),  # bits of the two words that no field covers, as they were
        ("unused_high", np.uint64),
    ]
)
"""One instruction. FINISH has only its opcode and flags."""

UOP = np.dtype([("dst", np.int32), ("src", np.int32), ("wgt", np.int32)])
"""One micro-op: scratchpad elements of ACC, of INP (GEMM) or ACC (ALU), and of WGT."""

Insns = NDArray[np.void]
Uops = NDArray[np.void]


class Tokens(NamedTuple):
    """A count per dependence queue, in the order of `QUEUES`."""

    l2g: int = 0
    g2l: int = 0
    s2g: int = 0
    g2s: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in zip(QUEUES, self, strict=True) if count) or "none"


NO_TOKENS = Tokens()


@dataclass(frozen=True, eq=False)
class Segment:
    """Bytes in DRAM before the first launch. `data` has shape (bytes,)."""

    name: str  # UOP, WGT, INP, ACC, ACC8, OUT_INIT, ... as program.json calls it; not used to interpret anything
    address: int  # physical byte address
    data: NDArray[np.uint8]
    element_bytes: int = 1  # as program.json says; for messages
    file: str = ""


@dataclass(frozen=True, eq=False)
class Output:
    """A region of DRAM that the program produces. `expected` (bytes,) after the last launch, or None: not known."""

    address: int
    size: int  # bytes
    expected: NDArray[np.uint8] | None = None
    element_bytes: int = 1
    file: str = ""


@dataclass(frozen=True, eq=False)
class VtaProgram:
    """One instruction stream and what it needs to run.

    A launch executes the whole stream; scratchpads, DRAM and left-over tokens persist from one to the next. Before the
    first launch the queues hold `initial_tokens`. `carry_out` are tokens that are meant to be left after a launch.
    What came from a dump has no data (`segments` is empty), no immediates and no micro-ops unless the text shows them:
    `executable` is False then. A stream without FINISH is a fragment (`has_finish`).
    """

    name: str
    config: Config
    insn: Insns  # dtype INSN, shape (instructions,)
    segments: tuple[Segment, ...] = ()
    outputs: tuple[Output, ...] = ()
    launches: int = 1
    initial_tokens: Tokens = NO_TOKENS
    carry_out: Tokens = NO_TOKENS
    kernels: tuple[Uops, ...] = ()  # micro-op kernels a dump shows, dtype UOP, in order
    executable: bool = True  # immediates, micro-ops and data are known
    meta: Mapping[str, Any] = field(default_factory=dict)  # program.json as it was read
    notes: tuple[str, ...] = ()  # what a reader found odd, for people

    def __len__(self) -> int:
        return len(self.insn)

    @cached_property
    def module(self) -> NDArray[np.int32]:
        """Per instruction who executes it: of `Module`."""
        return find_modules(self.insn)

    @cached_property
    def nop(self) -> NDArray[np.bool_]:
        """Per instruction whether it only moves tokens."""
        return find_nops(self.insn)

    @cached_property
    def lists(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Per module its instructions, in order."""
        load, compute, store = (np.flatnonzero(self.module == m).astype(np.int32) for m in Module)
        return load, compute, store

    @cached_property
    def columns(self) -> dict[str, NDArray[np.int64]]:
        """Fields of `insn` by name as arrays of their own, which are quicker to compute with."""
        names = [name for name in INSN.names or () if not name.startswith("unused")]
        return {name: self.insn[name].astype(np.int64) for name in names}

    @cached_property
    def moves(self) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Pops and pushes of tokens, as `token_moves` gives them."""
        return token_moves(self.insn)

    @cached_property
    def has_finish(self) -> bool:
        """Whether a FINISH ends the stream; without it this is a fragment."""
        return bool(np.any(self.insn["op"] == Op.FINISH))

    @cached_property
    def queue_counts(self) -> NDArray[np.int64]:
        """Running sums of pushes minus pops in stream order, shape (instructions, 4), columns as `QUEUES`.

        What dumps print: no execution trace, may be negative. FINISH and `initial_tokens` are not counted.
        """
        pops, pushes = self.moves
        moves = (pushes - pops).astype(np.int64)
        moves[self.insn["op"] == Op.FINISH] = 0
        sums: NDArray[np.int64] = np.cumsum(moves, axis=0)
        return sums

    def with_(self, **changes: Any) -> "VtaProgram":
        """A copy with other fields."""
        return replace(self, **changes)


def find_modules(insn: Insns) -> NDArray[np.int32]:
    """Who executes each instruction. A LOAD of INP or WGT is the load module's, also as a NOP."""
    module = np.full(len(insn), int(Module.COMPUTE), np.int32)
    loads = (insn["op"] == Op.LOAD) & ((insn["memory"] == Memory.INP) | (insn["memory"] == Memory.WGT))
    module[loads] = Module.LOAD
    module[insn["op"] == Op.STORE] = Module.STORE
    return module


def find_nops(insn: Insns) -> NDArray[np.bool_]:
    """Which instructions move nothing but tokens: LOAD and STORE with x 0."""
    nops: NDArray[np.bool_] = ((insn["op"] == Op.LOAD) | (insn["op"] == Op.STORE)) & (insn["x"] == 0)
    return nops


def token_moves(insn: Insns) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Pops and pushes, each (instructions, 4) of 0 or 1, columns as `QUEUES`.

    Flags towards a neighbour that a module does not have (prev of load, next of store) move no token.
    """
    module = find_modules(insn)
    load, compute, store = (module == m for m in Module)
    pops = np.zeros((len(insn), 4), np.int8)
    pushes = np.zeros((len(insn), 4), np.int8)
    l2g, g2l, s2g, g2s = range(4)
    pops[:, l2g] = compute & (insn["pop_prev"] != 0)
    pops[:, s2g] = compute & (insn["pop_next"] != 0)
    pops[:, g2l] = load & (insn["pop_next"] != 0)
    pops[:, g2s] = store & (insn["pop_prev"] != 0)
    pushes[:, g2l] = compute & (insn["push_prev"] != 0)
    pushes[:, g2s] = compute & (insn["push_next"] != 0)
    pushes[:, l2g] = load & (insn["push_next"] != 0)
    pushes[:, s2g] = store & (insn["push_prev"] != 0)
    return pops, pushes
