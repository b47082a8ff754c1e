"""What `make demo` runs: real networks lowered in every mode, proved, executed, and what each mode costs.

Usage: python examples/demo.py [FOLDER]     (default: build/demo)
"""

import json
import sys
from io import StringIO
from pathlib import Path

from xdsl.printer import Printer

from wlm_dialect import api
from wlm_dialect.errors import UsageError
from wlm_dialect.program import Program, encode_module
from wlm_dialect.runtime.dot import make_dot
from wlm_dialect.runtime.html import make_html
from wlm_dialect.runtime.perfetto import make_trace
from wlm_dialect.runtime.report import Report
from wlm_dialect.tools.messages import guarded
from wlm_dialect.tools.output import write_output
from wlm_dialect.tools.tables import number, print_table

MACHINE = "npu40xx:4"
SHOWN = "resnet50"  # the network whose files are written
NETWORKS = (SHOWN, "squeezenet", "shufflenet")
COLUMNS = ("mode", "makespan", "to ideal", "bootstrap", "interrupts", "DMAs", "verdict")
FILES = {
    "resnet50_full.mlir": "the managed program of full mode, machine included; wlm run and wlm verify read it",
    "report.html": "timeline, stalls and critical path of all modes: open it in a browser",
    "trace.json": "full mode as a trace: drop it on ui.perfetto.dev",
    "graph.dot": "the five tasks of examples/five.mlir, managed: dot -Tsvg graph.dot",
}


def run_modes(name: str) -> tuple[int, list[tuple[Report, str]]]:
    """The ideal of a network in ticks, and the report and verdict of every mode; one line for each as it is done."""
    graph = api.load(name, MACHINE)
    ideal = api.run(graph).makespan
    print(f"{name}: {number(len(graph))} tasks, {number(ideal)} ticks without management", flush=True)
    done: list[tuple[Report, str]] = []
    for mode in api.MODES:
        program = api.compile_program(graph, mode).program
        verdict = api.verify(program).status
        report = api.report(api.run(program))
        done.append((report, verdict))
        result = report.result
        print(f"  {mode:<8}  {verdict}, {result.outcome} in {number(result.makespan)} ticks", flush=True)
    return ideal, done


def mode_row(report: Report, verdict: str, ideal: int) -> tuple[object, ...]:
    """One mode in the closing table."""
    result = report.result
    share = f"{result.makespan / ideal:.3f}x"
    counts = (result.interrupts, result.program.management)
    return (result.program.mode, result.makespan, share, result.bootstrap, *counts, verdict)


def as_text(program: Program) -> str:
    """The program as IR, machine included."""
    out = StringIO()
    Printer(out).print_op(encode_module(program))
    return out.getvalue() + "\n"


def write_files(folder: Path, reports: list[Report], ideal: int) -> None:
    """Write everything that `FILES` lists."""
    full = reports[-1].result
    five = api.load(str(Path(__file__).with_name("five.mlir")), "tiny")
    texts = {
        "resnet50_full.mlir": as_text(full.program),
        "report.html": make_html(reports, ideal=ideal),
        "trace.json": json.dumps(make_trace(full), separators=(",", ":")) + "\n",
        "graph.dot": make_dot(api.compile_program(five, "full").program),
    }
    for name in FILES:
        write_output(str(folder / name), texts[name])


def main() -> int:
    """The exit code: 2 if a program is not proved or does not finish, as for the other tools."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/demo")
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before the work, so that nobody waits for a refusal
    except OSError as error:
        raise UsageError(f"cannot make folder '{folder}': {(error.strerror or '').lower()}") from None
    print(f"lowering, proving and running networks on {MACHINE}\n")
    results = {name: run_modes(name) for name in NETWORKS}
    ideal, shown = results[SHOWN]
    write_files(folder, [report for report, _ in shown], ideal)
    print()
    print_table(
        COLUMNS,
        [("ideal", ideal, "1.000x", None, None, None, None), *(mode_row(*pair, ideal) for pair in shown)],
        f"{SHOWN} on {MACHINE}, ticks",
    )
    print("\nDMAs: management DMAs. Written:")
    for name, text in FILES.items():
        print(f"  {folder / name}\n    {text}")
    good = all(v == "proved" and r.result.outcome == "finished" for _, done in results.values() for r, v in done)
    return 0 if good else 2


if __name__ == "__main__":
    sys.exit(guarded("demo", main))
