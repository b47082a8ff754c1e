"""Where the fields of instructions and micro-ops are, for any configuration: C bit-fields over 64-bit words.

Fields follow one another from bit 0; one that would straddle two words begins the next word instead. Which word a
field is in therefore depends on the configuration.
"""

from dataclasses import dataclass
from functools import lru_cache

from wlm_dialect.errors import ProgramError
from wlm_dialect.program.vta.config import Config, Memory
from wlm_dialect.program.vta.model import Op

WORD = 64
INSN_BITS = 128
UOP_BITS = 32
_HEAD = (("op", 3), ("pop_prev", 1), ("pop_next", 1), ("push_prev", 1), ("push_next", 1))
_MEMORY = (
    ("memory", 3),
    ("sram", 16),
    ("dram", 32),
    ("y", 16),
    ("x", 16),
    ("stride", 16),
    ("pad_top", 4),
    ("pad_bottom", 4),
    ("pad_left", 4),
    ("pad_right", 4),
)
SIGNED = frozenset({"imm"})


@dataclass(frozen=True)
class Field:
    """Bits [low, low + width) of an instruction or micro-op."""

    name: str
    low: int
    width: int

    @property
    def limit(self) -> tuple[int, int]:
        """Smallest and largest value that fits."""
        if self.name in SIGNED:
            return -(1 << (self.width - 1)), (1 << (self.width - 1)) - 1
        return 0, (1 << self.width) - 1


@dataclass(frozen=True)
class Layout:
    """Fields of each instruction by opcode, and of a micro-op."""

    memory: tuple[Field, ...]  # LOAD and STORE
    gemm: tuple[Field, ...]
    alu: tuple[Field, ...]
    finish: tuple[Field, ...]
    uop: tuple[Field, ...]

    def of(self, op: int) -> tuple[Field, ...]:
        """Fields of an instruction with opcode `op`."""
        if op in (Op.LOAD, Op.STORE):
            return self.memory
        return self.gemm if op == Op.GEMM else self.alu if op == Op.ALU else self.finish


def _place(widths: tuple[tuple[str, int], ...], word: int, total: int, what: str) -> tuple[Field, ...]:
    at, out = 0, []
    for name, width in widths:
        if width and at // word != (at + width - 1) // word:
            at = (at // word + 1) * word
        out.append(Field(name, at, width))
        at += width
    if at > total:
        raise ProgramError(f"{what} needs {at} bits in this configuration but has {total}; make scratchpads smaller")
    return tuple(out)


@lru_cache(maxsize=64)
def layout(config: Config) -> Layout:
    """The layout of a configuration; ProgramError if an instruction or micro-op does not fit its word."""
    uop, wgt, inp, acc = (config.log_depth(m) for m in (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC))
    loops = (("reset", 1), ("uop_begin", uop), ("uop_end", uop + 1), ("iter_out", 14), ("iter_in", 14))
    dst = (("dst_out", acc), ("dst_in", acc))
    gemm = (*loops, *dst, ("src_out", inp), ("src_in", inp), ("wgt_out", wgt), ("wgt_in", wgt))
    alu = (*loops, *dst, ("src_out", acc), ("src_in", acc), ("alu", 3), ("use_imm", 1), ("imm", 16))
    return Layout(
        _place((*_HEAD, *_MEMORY), WORD, INSN_BITS, "LOAD"),
        _place((*_HEAD, *gemm), WORD, INSN_BITS, "GEMM"),
        _place((*_HEAD, *alu), WORD, INSN_BITS, "ALU"),
        _place(_HEAD, WORD, INSN_BITS, "FINISH"),
        _place((("dst", acc), ("src", max(acc, inp)), ("wgt", wgt)), UOP_BITS, UOP_BITS, "a micro-op"),
    )
