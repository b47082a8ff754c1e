"""VTA programs: configuration, decoded instructions, data, and the only decoder of their binary and textual forms.

This package is what everything about VTA shares; nothing else reads bits, `program.json` or dump text.

    config.py    `Config`: all widths and sizes, from `vta_config.json`
    model.py     `VtaProgram`: instructions as one structured array, micro-ops and data as segments, launches, tokens
    layout.py    where each field of an instruction is, for any configuration
    codec.py     128-bit instructions and 32-bit micro-ops <-> arrays
    folder.py    program folders (program.json and its files)
    dump.py      the text of debug flag 0x6
    ir.py        IR of dialect `vta`
    accesses.py  which scratchpad elements each instruction reads and writes
    hardware.py  queue depths and what else differs between the implementations of VTA
    names.py     instructions and queues in words
"""

from wlm_dialect.program.vta.accesses import Access, Accesses, find_accesses, find_kernels, resolve_uops
from wlm_dialect.program.vta.codec import decode_insns, decode_uops, encode_insns, encode_uops
from wlm_dialect.program.vta.config import Config, Memory
from wlm_dialect.program.vta.dump import Dump, print_dump, read_dump
from wlm_dialect.program.vta.folder import read_folder, write_folder
from wlm_dialect.program.vta.model import (
    INSN,
    QUEUES,
    UOP,
    Alu,
    Module,
    Op,
    Output,
    Segment,
    Tokens,
    VtaProgram,
    find_modules,
    find_nops,
    token_moves,
)

__all__ = [
    "INSN",
    "QUEUES",
    "UOP",
    "Access",
    "Accesses",
    "Alu",
    "Config",
    "Dump",
    "Memory",
    "Module",
    "Op",
    "Output",
    "Segment",
    "Tokens",
    "VtaProgram",
    "decode_insns",
    "decode_uops",
    "encode_insns",
    "encode_uops",
    "find_accesses",
    "find_kernels",
    "find_modules",
    "find_nops",
    "print_dump",
    "read_dump",
    "read_folder",
    "resolve_uops",
    "token_moves",
    "write_folder",
]
