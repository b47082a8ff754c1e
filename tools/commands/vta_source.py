"""What the subcommands of `wlm vta` share: a program folder, a dump or IR as a program, and on what it runs."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wlm_dialect.errors import UsageError, did_you_mean
from wlm_dialect.program.vta import QUEUES, Tokens, VtaProgram
from wlm_dialect.program.vta.hardware import Hardware, find_hardware

if TYPE_CHECKING:
    from wlm_dialect.kernels.csr import I32
    from wlm_dialect.program.vta import Dump

MLIR = ".mlir"


@dataclass(frozen=True)
class Source:
    """A program as the command line names it; `fragment`: a dump that does not go on to its FINISH."""

    program: VtaProgram
    hardware: Hardware | None  # None: what the configuration says
    fragment: bool


def add_source(parser: argparse.ArgumentParser, name: str = "source") -> None:
    """The source and how to read it."""
    parser.add_argument(name, help="a program folder, a dump (- for stdin) or an .mlir file")
    parser.add_argument(
        "--hardware",
        metavar="NAME",
        help="sim, chisel, hls, hls-sim, opencl, or a TARGET of vta_config.json (default: the program's TARGET)",
    )
    parser.add_argument(
        "--carry-out", metavar="QUEUE=N", action="append", default=[], help="tokens meant for the next launch"
    )
    parser.add_argument(
        "--launch", type=int, default=0, metavar="N", help="of a dump that holds several launches: which (default: 0)"
    )
    parser.add_argument(
        "--initial", metavar="QUEUE=N", action="append", default=[], help="tokens in the queues before the launch"
    )


def load_source(args: argparse.Namespace, name: str | None = None) -> Source:
    """What the arguments name."""
    hardware = None if args.hardware is None else find_hardware(args.hardware)
    program, fragment = read_any(args.source if name is None else name, args.launch if name is None else 0)
    if args.carry_out:
        program = program.with_(carry_out=parse_tokens("--carry-out", args.carry_out))
    if args.initial:
        program = program.with_(initial_tokens=parse_tokens("--initial", args.initial))
    return Source(program, hardware, fragment)


def read_any(path: str, launch: int = 0) -> tuple[VtaProgram, bool]:
    """(the program in a folder, a dump or an .mlir file, whether it is a fragment). Of a dump, the launch asked for."""
    program = read_folder_or_ir(path)
    if program is not None:
        if launch:
            raise UsageError(f"--launch {launch}: '{path}' is no dump, which alone holds several")
        return program, not program.executable and not program.has_finish
    dumps = read_dump_file(path)
    if not 0 <= launch < len(dumps):
        raise UsageError(f"--launch {launch}: '{path}' holds {len(dumps)} launches, counted from 0")
    if len(dumps) > 1:
        print(f"wlm: note: '{path}' holds {len(dumps)} launches; this is launch {launch} (--launch)", file=sys.stderr)
    dump = dumps[launch]
    return dump.program.with_(initial_tokens=dump.before), not dump.program.has_finish


def read_folder_or_ir(path: str) -> VtaProgram | None:
    """The program in a folder or .mlir file; None if the path is neither."""
    from wlm_dialect.program.vta import read_folder

    if os.path.isdir(path):
        return read_folder(path)
    return read_ir(path) if path.endswith(MLIR) else None


def read_dump_file(path: str) -> "tuple[Dump, ...]":
    """Every launch in a dump."""
    from wlm_dialect.program.vta.dump import read_dumps

    return read_dumps(_text(path), "stdin" if path == "-" else os.path.splitext(os.path.basename(path))[0])


def _text(path: str) -> str:
    try:
        if path == "-":
            return sys.stdin.read()
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except UnicodeDecodeError:
        raise UsageError(f"'{path}' is neither a folder nor text: a VTA program is a folder, a dump or .mlir") from None


def read_ir(path: str) -> VtaProgram:
    """The one VTA program in an .mlir file."""
    from wlm_dialect.program.vta.ir import decode_ir, find_programs
    from wlm_dialect.tools.reader import read_module

    programs = find_programs(read_module(path))
    if len(programs) != 1:
        names = ", ".join(f"@{program.sym_name.data}" for program in programs)
        raise UsageError(f"'{path}' holds {len(programs)} VTA programs ({names or 'none'}), but one is needed")
    return decode_ir(programs[0])


def chosen_order(args: argparse.Namespace, program: VtaProgram) -> "I32 | None":
    """The order that an order file or --seed asks for; None: the tool's own."""
    from wlm_dialect.runtime.vta.order_file import random_order, read_order

    if args.order is not None and args.seed is not None:
        raise UsageError("give either an order file or --seed")
    if args.seed is not None:
        return random_order(program, args.seed)
    return None if args.order is None else read_order(args.order, program)


def parse_tokens(option: str, values: Sequence[str]) -> Tokens:
    """`["s2g=1"]` -> Tokens(s2g=1); UsageError on anything else."""
    counts: dict[str, int] = {}
    for value in values:
        queue, _, count = value.partition("=")
        if queue not in QUEUES:
            raise UsageError(f"{option} {value}: unknown queue '{queue}'{did_you_mean(queue, QUEUES)}")
        if not count.isdigit():
            raise UsageError(f"{option} {value}: expected {queue}=N, a whole number")
        counts[queue] = int(count)
    return Tokens(**counts)
