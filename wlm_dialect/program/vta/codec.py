"""128-bit instructions and 32-bit micro-ops <-> structured arrays. Little endian, low word first."""

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import ProgramError
from wlm_dialect.program.vta.config import Config
from wlm_dialect.program.vta.layout import INSN_BITS, SIGNED, WORD, Field, layout
from wlm_dialect.program.vta.model import INSN, UOP, Insns, Uops

INSN_BYTES = INSN_BITS // 8
_ALL = (1 << WORD) - 1
Words = NDArray[np.uint64]


def decode_insns(data: bytes | NDArray[np.uint8], config: Config) -> Insns:
    """Instructions of a binary stream. Bits that no field covers are kept aside, so that encoding restores them.

    ProgramError if the stream is no whole number of instructions.
    """
    raw = np.frombuffer(data, np.uint8)
    if len(raw) % INSN_BYTES:
        raise ProgramError(f"an instruction stream of {len(raw)} bytes is not a multiple of {INSN_BYTES}")
    words: Words = raw.view("<u8").reshape(-1, 2).astype(np.uint64)
    out = np.zeros(len(words), INSN)
    places = layout(config)
    ops = (words[:, 0] & np.uint64(7)).astype(np.int32)
    for op in np.unique(ops).tolist():
        rows = np.flatnonzero(ops == op)
        fields = places.of(op)
        for f in fields:
            out[f.name][rows] = _extract(words[rows, f.low // WORD], f)
        unused = [_ALL ^ mask for mask in _masks(fields)]
        out["unused_low"][rows] = words[rows, 0] & np.uint64(unused[0])
        out["unused_high"][rows] = words[rows, 1] & np.uint64(unused[1])
    return out


def encode_insns(insn: Insns, config: Config) -> bytes:
    """The binary stream of `insn`; ProgramError names the first value that its field cannot hold."""
    words: Words = np.stack([insn["unused_low"], insn["unused_high"]], axis=1)
    places = layout(config)
    for op in np.unique(insn["op"]).tolist():
        rows = np.flatnonzero(insn["op"] == op)
        fields = places.of(op)
        for word, mask in enumerate(_masks(fields)):
            words[rows, word] &= np.uint64(_ALL ^ mask)
        for f in fields:
            values = insn[f.name][rows].astype(np.int64)
            _check_fits(values, rows, f)
            words[rows, f.low // WORD] |= _insert(values, f)
    return words.astype("<u8").tobytes()


def decode_uops(data: bytes | NDArray[np.uint8] | NDArray[np.uint32], config: Config) -> Uops:
    """Micro-ops of a binary buffer; ProgramError if it is no whole number of them."""
    raw = np.frombuffer(data, np.uint8)
    if len(raw) % 4:
        raise ProgramError(f"a micro-op buffer of {len(raw)} bytes is not a multiple of 4")
    words: Words = raw.view("<u4").astype(np.uint64)
    out = np.zeros(len(words), UOP)
    for f in layout(config).uop:
        out[f.name] = _extract(words, f)
    return out


def encode_uops(uops: Uops, config: Config) -> bytes:
    """The binary buffer of `uops`; ProgramError names the first value that its field cannot hold."""
    words: Words = np.zeros(len(uops), np.uint64)
    for f in layout(config).uop:
        values = uops[f.name].astype(np.int64)
        _check_fits(values, np.arange(len(uops)), f, "micro-op")
        words |= _insert(values, f)
    return words.astype("<u4").tobytes()


def _masks(fields: tuple[Field, ...]) -> tuple[int, int]:
    """The bits of both words that fields cover."""
    whole = sum(((1 << f.width) - 1) << f.low for f in fields)
    return whole & _ALL, whole >> WORD


def _extract(words: Words, f: Field) -> NDArray[np.int64]:
    if f.width == 0:
        return np.zeros(len(words), np.int64)
    bits = (words >> np.uint64(f.low % WORD)) & np.uint64((1 << f.width) - 1)
    values = bits.astype(np.int64)
    if f.name in SIGNED:
        values -= (values >> (f.width - 1)) << f.width
    return values


def _insert(values: NDArray[np.int64], f: Field) -> Words:
    bits = values.astype(np.uint64) & np.uint64((1 << f.width) - 1)
    return bits << np.uint64(f.low % WORD)


def _check_fits(values: NDArray[np.int64], rows: NDArray[np.int64], f: Field, what: str = "instruction") -> None:
    low, high = f.limit
    wrong = np.flatnonzero((values < low) | (values > high))
    if len(wrong):
        raise ProgramError(
            f"{what} {rows[wrong[0]]}: {f.name} is {values[wrong[0]]} but its field of {f.width} bits holds "
            f"{low} to {high} in this configuration"
        )
