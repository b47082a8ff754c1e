"""`wlm vta convert`: one form of a program into another: folder, dump text, IR, binary stream."""

import argparse
import os
from dataclasses import replace

from wlm_dialect.errors import ProgramError, UsageError
from wlm_dialect.program.vta import VtaProgram
from wlm_dialect.tools.commands.vta_source import MLIR, read_dump_file, read_folder_or_ir
from wlm_dialect.tools.output import STDOUT, open_output

FORMS = ("dump", "mlir", "folder", "insn")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", help="a program folder, a dump (- for stdin) or an .mlir file")
    parser.add_argument(
        "--to", choices=FORMS, help="the form of the result (default: by the ending of --output, else dump)"
    )
    parser.add_argument(
        "--no-uops", action="store_true", help="leave micro-ops out of a dump, as debug flag 0x2 does (default: 0x6)"
    )
    parser.add_argument(
        "-o", "--output", default=STDOUT, metavar="PATH", help="a file, or the folder to write (default: stdout)"
    )


def run(args: argparse.Namespace) -> int:
    """The exit code."""
    form = args.to or ("mlir" if args.output.endswith(MLIR) else "insn" if args.output.endswith(".bin") else "dump")
    if args.output == STDOUT and form in ("folder", "insn"):
        raise UsageError(f"--to {form} needs --output: it is no text")
    if form == "dump":
        with open_output(args.output) as stream:
            stream.write(dump_text(args.source, uops=not args.no_uops))
        return 0
    program = read_program(args.source)
    if form == "mlir":
        from xdsl.printer import Printer

        from wlm_dialect.program.vta.ir import encode_ir

        module = encode_ir(program)
        module.verify()
        with open_output(args.output) as stream:
            Printer(stream=stream).print_op(module)
            stream.write("\n")
        return 0
    _write(program, form, args.output)
    return 0


def read_program(source: str) -> VtaProgram:
    """The one program that a path names."""
    program = read_folder_or_ir(source)
    if program is not None:
        return program
    dumps = read_dump_file(source)
    if len(dumps) != 1:
        raise UsageError(f"'{source}' holds {len(dumps)} launches, which only --to dump takes")
    return dumps[0].program


def dump_text(source: str, *, uops: bool = True) -> str:
    """A program as the runtime would dump it; of a dump, every launch."""
    from wlm_dialect.program.vta import Dump, find_kernels, print_dump

    program = read_folder_or_ir(source)
    if program is not None:
        whole = Dump(program.with_(kernels=program.kernels or find_kernels(program)), declared=True)
    dumps = read_dump_file(source) if program is None else (whole,)
    if not uops:
        dumps = tuple(replace(dump, program=dump.program.with_(kernels=())) for dump in dumps)
    return "".join(print_dump(dump) for dump in dumps)


def _write(program: VtaProgram, form: str, path: str) -> None:
    from wlm_dialect.program.vta import encode_insns, write_folder

    try:
        if form == "folder":
            write_folder(program, path)
            return
        data = encode_insns(program.insn, program.config)
        pending = f"{path}.tmp"
        with open(pending, "wb") as stream:
            stream.write(data)
        os.replace(pending, path)
    except OSError as error:
        raise ProgramError(f"cannot write '{path}': {str(error.strerror).lower()}") from None
