"""`wlm compile`: lower a source to a managed program in one mode, as MLIR or JSON."""

import argparse
import json
import sys

from xdsl.printer import Printer

from wlm_dialect.tools.commands.common import add_source, load_program, need_phase, parse_mode
from wlm_dialect.tools.commands.run_numbers import load_payload
from wlm_dialect.tools.options import output_file
from wlm_dialect.tools.output import open_output
from wlm_dialect.tools.program_json import program_json
from wlm_dialect.tools.tables import print_table

UNMANAGED = "none"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument(
        "--mode",
        default="full",
        metavar="MODE",
        help="who manages the work: firmware, partial or full (default), with choices as in 'full{policy=pages}'; none:"
        " only import, as IR for wlm-opt or as a JSON task graph",
    )
    parser.add_argument(
        "-o", "--output", default="-", metavar="FILE", type=output_file, help="where the result goes (default: stdout)"
    )
    parser.add_argument("--emit", choices=("mlir", "json"), default="mlir", help="the form of the result")
    parser.add_argument(
        "--payload",
        metavar="FILE.npz",
        help="let tasks say what they compute, with the constants in a file beside the result (docs/numbers.md)",
    )
    parser.add_argument("--stages", action="store_true", help="print what each pass did, on standard error")


def run(args: argparse.Namespace) -> int:
    """The exit code."""
    from wlm_dialect import api

    mode = parse_mode(args.mode, UNMANAGED)
    graph = load_program(args, args.source) if args.payload is None else load_payload(args)
    need_phase(graph, ("graph",), "compile")
    if mode == UNMANAGED:
        compiled = api.Compiled(graph, graph, ())
    else:
        compiled = api.compile_program(graph, mode)
    with open_output(args.output) as stream:
        if args.emit == "mlir":
            Printer(stream=stream).print_op(compiled.module)
            stream.write("\n")
        elif mode == UNMANAGED:
            stream.write(api.dump_graph(graph))
        else:
            json.dump(program_json(compiled.program), stream, indent=1)
            stream.write("\n")
    if args.stages:
        rows = [[s.name, s.tasks, s.barriers, s.joins, s.waits, f"{1000 * s.seconds:.1f}"] for s in compiled.stages]
        print_table(["pass", "tasks", "barriers", "joins", "waits", "ms"], rows, stream=sys.stderr)
    return 0
