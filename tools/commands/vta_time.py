"""`wlm vta time`: execute a VTA program in time, with queues of finite depth, and show what overlaps."""

import argparse
import json
from typing import TYPE_CHECKING

from wlm_dialect.errors import UsageError
from wlm_dialect.program.vta import QUEUES
from wlm_dialect.program.vta.hardware import HARDWARE, SIM
from wlm_dialect.program.vta.names import MODULES, insn_name
from wlm_dialect.tools.commands.vta_source import Source, add_source, load_source
from wlm_dialect.tools.options import add_output, at_least, check_outputs
from wlm_dialect.tools.output import STDOUT, write_output
from wlm_dialect.tools.tables import number, print_table

if TYPE_CHECKING:
    from wlm_dialect.runtime.vta.timing import VtaTimes

JITTERS = ("uniform", "extreme")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    add_costs(parser)
    add_output(parser, "--write-order", "write the order of starts, for wlm vta replay")


def add_costs(parser: argparse.ArgumentParser) -> None:
    """Options of a run in time."""
    parser.add_argument(
        "--cost",
        metavar="NAME=TICKS",
        action="append",
        default=[],
        help="change an assumption: latency, bus_bytes, dispatch, gemm, alu, pipeline, clock_mhz; may be repeated",
    )
    parser.add_argument("--jitter", choices=JITTERS, help="draw durations at random: within 25%%, or extreme")
    parser.add_argument("--seed", type=at_least(0), metavar="N", help="of --jitter (default: 0)")
    add_output(parser, "--trace", "write a trace for ui.perfetto.dev (- for stdout)")
    add_output(parser, "--html", "write a page with the timeline of the modules and queues")


def run(args: argparse.Namespace) -> int:
    """The exit code: 0 if the program ended, 2 if it got stuck or lost a token."""
    check_outputs(args, "trace", "html", "write_order")
    times = timed(args, load_source(args))
    if STDOUT not in (args.trace, args.html, args.write_order):
        print_times(times)
    write_timeline(args, [times])
    if args.write_order is not None:
        from wlm_dialect.runtime.vta.order_file import print_order

        write_output(args.write_order, print_order(times.program, times.order.tolist(), "by start"))
    return 0 if times.outcome == "finished" else 2


def timed(args: argparse.Namespace, source: Source) -> "VtaTimes":
    """A run in time as the options ask for it; on the hardware the configuration names unless one is given."""
    from wlm_dialect.program.vta.hardware import TARGETS
    from wlm_dialect.runtime.vta.costs import Costs, jittered
    from wlm_dialect.runtime.vta.timing import run_timing

    if args.seed is not None and args.jitter is None:
        raise UsageError("--seed draws nothing without --jitter")
    costs = Costs.parse(args.cost)
    durations = costs.durations(source.program)
    if args.jitter is not None:
        durations = jittered(durations, args.seed or 0, args.jitter)
    hardware = source.hardware or HARDWARE.get(TARGETS.get(source.program.config.target, ""), SIM)
    return run_timing(source.program, hardware, costs, durations=durations)


def write_timeline(args: argparse.Namespace, times: "list[VtaTimes]") -> None:
    """The files that --trace (of the first run) and --html ask for."""
    from wlm_dialect.runtime.vta.timeline import times_html, times_trace

    if args.trace is not None:
        write_output(args.trace, json.dumps(times_trace(times[0]), separators=(",", ":")) + "\n")
    if args.html is not None:
        write_output(args.html, times_html(times))


def print_times(times: "VtaTimes") -> None:
    """Outcome, modules, queues and what overlapped, as tables."""
    p = times.program
    print(f"@{p.name} on {times.hardware.name}: {times.outcome} at tick {number(times.makespan)}")
    if times.hazard:
        print(f"V12: {times.hazard}")
    for w in times.waiting:
        print(f"  {MODULES[w.module]}: {insn_name(p, w.instruction)}: {w.reason}")
    print()
    rows: list[list[object]] = [
        [name, len(p.lists[m]), times.busy(m), _percent(times.busy(m), times.makespan)]
        for m, name in enumerate(MODULES)
    ]
    print_table(["module", "instructions", "busy, ticks", "of the run"], rows)
    print()
    rows = [[key, ticks, _percent(ticks, times.makespan)] for key, ticks in sorted(times.overlap().items())]
    print_table(["working at the same time", "ticks", "of the run"], rows)
    print()
    rows = []
    for q, name in enumerate(QUEUES):
        _, fill = times.occupancy(q)
        rows.append([name, len(times.pushed[q]), int(fill.max()), int(fill[-1]), times.hardware.tokens])
    print_table(["queue", "pushes", "most tokens", "left", "depth"], rows)


def overlap_text(times: "VtaTimes") -> str:
    """How much ran at the same time, in a sentence."""
    together = {key: ticks for key, ticks in times.overlap().items() if "+" in key}
    shared = sum(together.values())
    name = times.program.name
    if times.outcome != "finished":
        return f"{name} does not run to its end: {times.outcome} at tick {number(times.makespan)}."
    busy = ", ".join(f"{m} {_percent(times.busy(n), times.makespan)}" for n, m in enumerate(MODULES))
    parts = ", ".join(f"{key} {_percent(t, times.makespan)}" for key, t in sorted(together.items())) or "none"
    return (
        f"In time (a model with assumed costs, see wlm vta time): {name} takes {number(times.makespan)} ticks, modules "
        f"busy: {busy}. Two or more work at the same time for {_percent(shared, times.makespan)} of the run ({parts})."
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "0.0%"
