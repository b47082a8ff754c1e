"""`wlm vta convert`: one form of a program into another: folder, dump text, IR, task graph, binary stream."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from wlm_dialect.errors import ProgramError, UsageError
from wlm_dialect.files import write_bytes
from wlm_dialect.program.vta import VtaProgram
from wlm_dialect.tools.commands.vta_source import MLIR, read_dump_file, read_folder_or_ir
from wlm_dialect.tools.output import STDOUT, open_output

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

FORMS = ("dump", "mlir", "task", "folder", "insn")


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
        "--dependences",
        choices=("tokens", "data"),
        help="of --to task: what the tokens order (default), or only what the data need",
    )
    parser.add_argument("--machine", help="of --to task: one with engines load, compute and store (default: vta)")
    parser.add_argument(
        "--cost", metavar="NAME=TICKS", action="append", default=[], help="of --to task: as in wlm vta time"
    )
    parser.add_argument(
        "-o", "--output", default=STDOUT, metavar="PATH", help="a file, or the folder to write (default: stdout)"
    )


def run(args: argparse.Namespace) -> int:
    """The exit code."""
    form = args.to or ("mlir" if args.output.endswith(MLIR) else "insn" if args.output.endswith(".bin") else "dump")
    if args.output == STDOUT and form in ("folder", "insn"):
        raise UsageError(f"--to {form} needs --output: it is no text")
    if form != "task" and (args.dependences or args.machine or args.cost):
        raise UsageError(f"--dependences, --machine and --cost are for --to task, not for --to {form}")
    if form == "dump":
        with open_output(args.output) as stream:
            stream.write(dump_text(args.source, uops=not args.no_uops))
        return 0
    program = read_program(args.source)
    if form in ("mlir", "task"):
        _print(_task_module(program, args) if form == "task" else _module(program), args.output)
        return 0
    _write(program, form, args.output)
    return 0


def _module(program: VtaProgram) -> "ModuleOp":
    from wlm_dialect.program.vta.ir import encode_ir

    return encode_ir(program)


def _task_module(program: VtaProgram, args: argparse.Namespace) -> "ModuleOp":
    """The program and, beside it, its task graph, which refers to it."""
    from wlm_dialect.machine import load_machine
    from wlm_dialect.passes.vta.graph import graph_of
    from wlm_dialect.program import encode_module
    from wlm_dialect.runtime.vta.costs import Costs

    machine = load_machine(args.machine or "vta")
    durations = Costs.parse(args.cost).durations(program)
    module = encode_module(graph_of(program, durations, machine, args.dependences or "tokens"))
    whole = _module(program)
    for op in [*module.body.block.ops]:
        whole.body.block.add_op(module.body.block.detach_op(op))
    whole.attributes.update(module.attributes)
    return whole


def _print(module: "ModuleOp", path: str) -> None:
    from xdsl.printer import Printer

    module.verify()
    with open_output(path) as stream:
        Printer(stream=stream).print_op(module)
        stream.write("\n")


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

    if form == "insn":
        write_bytes(path, encode_insns(program.insn, program.config))
        return
    try:
        write_folder(program, path)
    except OSError as error:
        raise ProgramError(f"cannot write '{path}': {str(error.strerror).lower()}") from None
