"""`wlm run`: execute a program on the model of the machine and report what it cost and why."""

import argparse
import json

from wlm_dialect.errors import UsageError
from wlm_dialect.program import Program
from wlm_dialect.runtime.dot import make_dot
from wlm_dialect.runtime.html import make_html
from wlm_dialect.runtime.perfetto import make_trace
from wlm_dialect.runtime.report import Report
from wlm_dialect.runtime.report_data import report_dict
from wlm_dialect.runtime.result import FINISHED
from wlm_dialect.runtime.timing import Timing, read_timing
from wlm_dialect.tools.commands.common import (
    IDEAL,
    add_source,
    load_program,
    need_phase,
    parse_modes,
    write_json,
)
from wlm_dialect.tools.output import STDOUT, write_output
from wlm_dialect.tools.report_view import print_report

JITTERS = ("uniform", "heavy", "adversarial")
UNIFORM_PERCENT = 25  # of --jitter uniform
_FILES = ("trace", "html", "dot", "json")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument(
        "--mode",
        default=None,
        metavar="MODE[,MODE...]",
        help="firmware, partial, full, ideal (no management) or all; not for a managed program, which has its own"
        " (default: full)",
    )
    parser.add_argument("--timing", metavar="FILE", help="durations and delays that replace the nominal ones")
    parser.add_argument(
        "--jitter",
        choices=JITTERS,
        help="draw durations and delays at random: within 25%%, with a heavy tail, or extreme",
    )
    parser.add_argument("--seed", type=int, help="of --jitter (default: 0)")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="run N times in a row without a reset")
    parser.add_argument("--limit", type=int, metavar="TICKS", help="stop at this tick")
    parser.add_argument("--trace", metavar="FILE", help="write a trace for ui.perfetto.dev (- for stdout)")
    parser.add_argument("--html", metavar="FILE", help="write a page with the timeline and all figures")
    parser.add_argument("--dot", metavar="FILE", help="write the program as a Graphviz graph")
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON")


def run(args: argparse.Namespace) -> int:
    """The exit code: 0 if every run finished, 2 after a hazard, a deadlock or a time limit."""
    _check(args)
    source = load_program(args, args.source)
    programs = _programs(source, args.mode)
    if len(programs) > 1 and (args.trace or args.dot):
        raise UsageError("--trace and --dot show one program; give a single --mode")
    reports = [_execute(program, args) for program in programs]
    quiet = STDOUT in (getattr(args, name) for name in _FILES)
    for n, report in enumerate(reports):
        if not quiet:
            if n:
                print()
            print_report(report)
    _write(args, source, reports)
    return 0 if all(report.result.outcome == FINISHED for report in reports) else 2


def _check(args: argparse.Namespace) -> None:
    if args.timing is not None and args.jitter is not None:
        raise UsageError("give either --timing or --jitter: both set the durations")
    if args.seed is not None and args.jitter is None:
        raise UsageError("--seed draws nothing without --jitter")
    if sum(getattr(args, name) == STDOUT for name in _FILES) > 1:
        raise UsageError("only one of --trace, --html, --dot and --json can go to standard output")


def _programs(source: Program, mode: str | None) -> list[Program]:
    """What to run: a managed program as it is, a graph lowered to every mode asked for."""
    from wlm_dialect import api

    if source.phase == "managed":
        if mode is not None and mode != source.mode:
            raise UsageError(f"@{source.name} is a managed program of mode {source.mode}; it has no mode {mode}")
        return [source]
    need_phase(source, ("graph", "managed"), "run")
    modes = parse_modes(mode or "full", ideal=True)
    return [source if m == IDEAL else api.compile_program(source, m).program for m in modes]


def _execute(program: Program, args: argparse.Namespace) -> Report:
    from wlm_dialect import api

    return api.report(api.run(program, timing=_timing(program, args), repeat=args.repeat, limit=args.limit))


def _timing(program: Program, args: argparse.Namespace) -> Timing | None:
    seed = args.seed or 0
    match args.jitter:
        case "uniform":
            return Timing.uniform(program, UNIFORM_PERCENT, seed)
        case "heavy":
            return Timing.heavy_tail(program, seed)
        case "adversarial":
            return Timing.adversarial(program, seed)
        case _:
            return None if args.timing is None else read_timing(args.timing)


def _write(args: argparse.Namespace, source: Program, reports: list[Report]) -> None:
    if args.trace:
        write_output(args.trace, json.dumps(make_trace(reports[0].result), separators=(",", ":")) + "\n")
    if args.dot:
        write_output(args.dot, make_dot(reports[0].result.program))
    if args.json:
        values = [report_dict(report) for report in reports]
        write_json(args.json, values[0] if len(values) == 1 else values)
    if args.html:
        ideal = None
        if source.phase == "graph" and args.timing is None and args.jitter is None:
            from wlm_dialect import api

            ideal = api.run(source).makespan
        write_output(args.html, make_html(reports, ideal=ideal))
