"""What several subcommands share: how a source is named, loaded and compiled, and where JSON goes."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from wlm_dialect.dialects.task import MODES
from wlm_dialect.errors import UsageError
from wlm_dialect.program import Program
from wlm_dialect.tools.options import STDIN, add_output, at_least
from wlm_dialect.tools.output import write_output

DEFAULT_MACHINE = "npu40xx:2"
IDEAL = "ideal"
SOURCE_HELP = "a network by name, an .onnx file, a .json task graph or an .mlir file (- for stdin)"
VERDICT_CODES = {"proved": 0, "refuted": 2, "undecided": 3}
"""Exit codes."""


def add_source(parser: argparse.ArgumentParser, name: str = "source", nargs: str | None = None) -> None:
    """The source and the options that belong to loading one."""
    parser.add_argument(name, nargs=nargs, help=SOURCE_HELP)
    add_load_options(parser)


def add_load_options(parser: argparse.ArgumentParser) -> None:
    """Options of loading a source."""
    parser.add_argument(
        "-m",
        "--machine",
        metavar="NAME|FILE.toml",
        help=f"the machine model (wlm machines lists them; default: what an .mlir file says, else {DEFAULT_MACHINE})",
    )
    parser.add_argument(
        "--shape",
        metavar="INPUT=1x3x224x224",
        action="append",
        default=[],
        help="the shape of an input whose dimensions are not all known; may be repeated",
    )
    parser.add_argument(
        "--unknown-ops",
        choices=("error", "shave"),
        default="error",
        help="what to do with an operator that has no rule: stop, or run it element by element on the SHAVEs",
    )
    parser.add_argument("--durations", metavar="FILE", help="measured durations of tasks, replacing the estimates")


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Where `what` goes as JSON."""
    add_output(parser, "--json", f"write {what} as JSON (- for stdout)")


def add_findings(parser: argparse.ArgumentParser) -> None:
    """How many findings a verdict lists."""
    text = "list at most N findings (default: 20)"
    parser.add_argument("--findings", type=at_least(0), default=20, metavar="N", help=text)


def parse_shapes(values: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """`["x=1x3x8x8"]` -> {"x": (1, 3, 8, 8)}; UsageError on anything else."""
    shapes: dict[str, tuple[int, ...]] = {}
    for value in values:
        name, equals, text = value.rpartition("=")
        sizes = text.split("x")
        if not equals or not name or not all(s.isdigit() and int(s) > 0 for s in sizes):
            raise UsageError(f"--shape {value}: expected INPUT=1x3x224x224, a name and positive sizes")
        shapes[name] = tuple(int(s) for s in sizes)
    return shapes


def load_program(args: argparse.Namespace, source: str, machine: str | None = None) -> Program:
    """The program that `source` and the options name."""
    from wlm_dialect import api

    chosen = machine or args.machine
    if source == STDIN or (source.endswith(".mlir") and args.durations is None):
        if args.shape:
            raise UsageError(f"'{source}': --shape is for networks; task graphs and IR have no shapes")
        if args.durations is not None:
            raise UsageError("--durations is for sources in files: write standard input into one")
        from wlm_dialect.tools.reader import read_program

        return read_program(source, None if chosen is None else api.machine(chosen), api.machine(DEFAULT_MACHINE))
    options: dict[str, Any] = {"unknown_ops": args.unknown_ops}
    if args.shape:
        options["shapes"] = parse_shapes(args.shape)
    if args.durations is not None:
        options["durations"] = args.durations
    return api.load(source, chosen or DEFAULT_MACHINE, **options)


def parse_modes(text: str, *, ideal: bool = False) -> tuple[str, ...]:
    """`full`, `partial,full{policy=pages}` or `all` -> modes in the given order; with `ideal`, that name too."""
    from wlm_dialect import api

    known = (*MODES, IDEAL) if ideal else MODES
    modes = list(MODES) if text == "all" else api.split_modes(text, (*known, "all"))
    if "all" in modes:
        raise UsageError(f"mode 'all' stands alone: it is {', '.join(MODES)}")
    if not modes:
        raise UsageError("no mode given; known: all, " + ", ".join(known))
    return tuple(dict.fromkeys(modes))


def parse_mode(text: str, *others: str) -> str:
    """One mode, with its choices if it has any, or one of `others`."""
    from wlm_dialect import api

    known = (*MODES, *others)
    modes = api.split_modes(text, known)
    if len(modes) != 1:
        raise UsageError(f"--mode '{text}': give one mode; known: {', '.join(known)}")
    return modes[0]


def need_phase(program: Program, wanted: Sequence[str], doing: str) -> None:
    """UsageError if the program is in none of the phases that `doing` can start from."""
    if program.phase not in wanted:
        raise UsageError(
            f"@{program.name} is in phase {program.phase}, but {doing} starts from phase {' or '.join(wanted)}; "
            "wlm-opt lowers it step by step"
        )


def write_json(path: str, value: object) -> None:
    """`value` as JSON in a file, or on standard output for ``-``; equal input gives equal bytes."""
    write_output(path, json.dumps(value, indent=2) + "\n")
