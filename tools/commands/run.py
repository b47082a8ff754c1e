"""`wlm run`: execute a program on the model of the machine and report what it cost and why."""

import argparse
import json
from typing import Any

from wlm_dialect.errors import UsageError
from wlm_dialect.program import Program
from wlm_dialect.runtime.dot import make_dot
from wlm_dialect.runtime.html import make_html
from wlm_dialect.runtime.perfetto import make_trace
from wlm_dialect.runtime.report import Report
from wlm_dialect.runtime.report_data import report_dict
from wlm_dialect.runtime.result import FINISHED, RunResult
from wlm_dialect.runtime.svg import make_svg
from wlm_dialect.runtime.timing import Timing, read_timing
from wlm_dialect.runtime.witness import KINDS, Stress, make_timing
from wlm_dialect.tools.commands import run_numbers
from wlm_dialect.tools.commands.common import (
    IDEAL,
    add_json,
    add_source,
    load_program,
    need_phase,
    parse_modes,
    write_json,
)
from wlm_dialect.tools.options import add_output, at_least, check_outputs
from wlm_dialect.tools.output import STDOUT, write_output
from wlm_dialect.tools.report_view import print_report

_FILES = ("trace", "html", "dot", "svg", "json")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument(
        "--mode",
        default=None,
        metavar="MODE[,MODE...]",
        help="firmware, partial, full, with choices as in 'full{policy=pages}', ideal (no management) or all; not for a"
        " managed program, which has its own (default: full)",
    )
    parser.add_argument("--timing", metavar="FILE", help="durations and delays that replace the nominal ones")
    parser.add_argument(
        "--jitter",
        choices=KINDS,
        help="draw durations and delays at random: within 25%%, with a heavy tail, extreme, or with lazy DMAs",
    )
    parser.add_argument("--seed", type=at_least(0), metavar="N", help="of --jitter (default: 0)")
    parser.add_argument(
        "--stress",
        type=int,
        metavar="N",
        help="N runs more under timings of every --jitter, each twice without a reset, with races by happens-before",
    )
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="run N times in a row without a reset")
    parser.add_argument("--limit", type=int, metavar="TICKS", help="stop at this tick")
    parser.add_argument(
        "--what-if", action="store_true", help="what each class of management would save if it took one tick a piece"
    )
    add_output(parser, "--trace", "write a trace for ui.perfetto.dev (- for stdout)")
    add_output(parser, "--html", "write a page with the timeline and all figures")
    add_output(parser, "--dot", "write the program as a Graphviz graph")
    add_output(parser, "--svg", "write the timeline as a picture")
    add_json(parser, "the report")
    run_numbers.add(parser)


def run(args: argparse.Namespace) -> int:
    """The exit code: 0 if every run finished, 2 after a hazard, a deadlock, a time limit or wrong numbers."""
    _check(args)
    checked = None if args.check is None else run_numbers.Checked(args)
    source = load_program(args, args.source) if checked is None else checked.program
    programs = _programs(source, args.mode)
    if len(programs) > 1 and (args.trace or args.dot or args.svg):
        raise UsageError("--trace, --dot and --svg show one program; give a single --mode")
    ideal = _ideal(source, args)
    reports = [_execute(program, args, ideal) for program in programs]
    finished = all(report.result.outcome == FINISHED for report in reports)
    numbers = [checked.compare(report.result) for report in reports] if checked is not None and finished else []
    quiet = STDOUT in (getattr(args, name) for name in _FILES)
    for n, report in enumerate(reports):
        if not quiet:
            if n:
                print()
            print_report(report)
            if numbers:
                run_numbers.print_numbers(numbers[n])
    _write(args, ideal, reports, numbers)
    calm = args.stress is None or _stress(programs, args, quiet)
    return 0 if calm and finished and all(run_numbers.agrees(data) for data in numbers) else 2


def _stress(programs: list[Program], args: argparse.Namespace, quiet: bool) -> bool:
    """Whether all runs under random latencies finished without a race; says so."""
    from wlm_dialect import api

    calm = True
    for program in programs:
        found = api.stress(program, args.stress, seed=args.seed or 0)
        calm &= found.failed is None
        if not quiet:
            print(f"\n{_told(program, found)}")
    return calm


def _told(program: Program, found: Stress) -> str:
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(found.finished.items()))
    if found.failed is None:
        return f"@{program.name}, {program.mode}: {counts}: all finished, twice each; no race by happens-before"
    what = found.failed.outcome if found.hazard is None else f"{found.hazard.rule}: {found.hazard.text}"
    return f"@{program.name}, {program.mode}: {what}\nrepeat it with --jitter {found.kind} --seed {found.seed}" + (
        " --repeat 2" if found.failed.notes else ""
    )


def _check(args: argparse.Namespace) -> None:
    if args.timing is not None and args.jitter is not None:
        raise UsageError("give either --timing or --jitter: both set the durations")
    if args.what_if and (args.timing is not None or args.jitter is not None):
        raise UsageError("--what-if compares nominal runs; leave out --timing and --jitter")
    run_numbers.check_arguments(args)
    if args.seed is not None and args.jitter is None and args.stress is None:
        raise UsageError("--seed draws nothing without --jitter or --stress")
    if args.stress is not None and args.stress < 1:
        raise UsageError(f"--stress {args.stress}: it takes 1 run at least")
    check_outputs(args, *_FILES)


def _programs(source: Program, mode: str | None) -> list[Program]:
    """What to run: a managed program as it is, a graph lowered to every mode asked for."""
    from wlm_dialect import api

    if source.phase == "managed":
        if mode is not None and mode != source.mode:
            raise UsageError(f"@{source.name} is a managed program of mode {source.mode}; it has no mode {mode}")
        return [source]
    need_phase(source, ("graph", "managed"), "run")
    modes = parse_modes("full" if mode is None else mode, ideal=True)
    return [source if m == IDEAL else api.compile_program(source, m).program for m in modes]


def _ideal(source: Program, args: argparse.Namespace) -> RunResult | None:
    """The run of a graph, with which the others are compared; not under other times than the nominal ones."""
    from wlm_dialect import api

    nominal = args.timing is None and args.jitter is None
    return api.run(source) if source.phase == "graph" and nominal else None


def _execute(program: Program, args: argparse.Namespace, ideal: RunResult | None) -> Report:
    from wlm_dialect import api

    result = api.run(program, timing=_timing(program, args), repeat=args.repeat, limit=args.limit)
    return api.report(result, ideal, what_if=args.what_if)


def _timing(program: Program, args: argparse.Namespace) -> Timing | None:
    if args.jitter is not None:
        return make_timing(program, args.jitter, args.seed or 0)
    return None if args.timing is None else read_timing(args.timing)


def _write(
    args: argparse.Namespace, ideal: RunResult | None, reports: list[Report], numbers: list[dict[str, Any]]
) -> None:
    if args.trace:
        write_output(args.trace, json.dumps(make_trace(reports[0].result), separators=(",", ":")) + "\n")
    if args.dot:
        write_output(args.dot, make_dot(reports[0].result.program))
    if args.svg:
        write_output(args.svg, make_svg(reports[0]))
    if args.json:
        values = [report_dict(report) for report in reports]
        for value, data in zip(values, numbers, strict=False):
            value["numbers"] = data
        write_json(args.json, values[0] if len(values) == 1 else values)
    if args.html:
        write_output(args.html, make_html(reports, ideal=None if ideal is None else ideal.makespan))
