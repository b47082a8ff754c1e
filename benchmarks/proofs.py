"""What a proof costs: nine networks, three modes, presets; a million tasks; Coq.

For each program: verdict, CPU seconds of the checker on flat arrays, what xDSL needs to parse the same module, their
ratio (target: below 0.5), CPU seconds to make a certificate, and `wlm-check`: text, certificate, verdict. Least of
several runs, all in one process. `--scale` measures generated programs of up to a million tasks, `--coq` the formal
proof of 1,000 tasks, with `coqc`. The exit code is 1 if a program is not proved or a certificate is refused.
"""

import argparse
import gc
import math
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import generate
from command_line import Arguments, at_least, to_counts, tool, write_json
from xdsl.context import Context
from xdsl.parser import Parser
from xdsl.printer import Printer

from wlm_dialect import api
from wlm_dialect.check import check as check_certificate
from wlm_dialect.check import read
from wlm_dialect.errors import UsageError
from wlm_dialect.passes.checker.certificate import certify
from wlm_dialect.passes.checker.coq import coq_text
from wlm_dialect.passes.verify_schedule import PROVED, Verdict, check
from wlm_dialect.program import Program, encode_module
from wlm_dialect.universe import WLM_UNIVERSE

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ("npu37xx", "npu40xx:1", "npu40xx:4", "npu40xx:6")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROW = "{:14} {:10} {:9} {:>8} {:>10} {:>9} {:>9} {:>6} {:>9} {:>9}"


def timed(work: Callable[[], Any], runs: int = 1) -> tuple[float, Any]:
    """Least CPU seconds, and the last result."""
    best, result = math.inf, None
    for _ in range(runs):
        gc.collect()
        begin = time.process_time()
        result = work()
        best = min(best, time.process_time() - begin)
    return best, result


def printed(program: Program) -> str:
    """The module as the tools write it."""
    stream = StringIO()
    Printer(stream=stream).print_op(encode_module(program))
    return stream.getvalue()


def check_fresh(program: Program) -> Verdict:
    """The verdict from the arrays alone, without what was computed from them before."""
    return check(program.with_())


def parse(text: str) -> Any:
    """xDSL's own time: one parse of the module."""
    context = Context()
    for name, factory in WLM_UNIVERSE.all_dialects.items():
        context.register_dialect(name, factory)
    from xdsl.dialects.builtin import Builtin

    context.load_dialect(Builtin)
    return Parser(context, text).parse_module()


def network_row(name: str, preset: str, mode: str, runs: int, certificates: bool) -> dict[str, Any]:
    """All figures of one program."""
    program = api.compile_program(api.load(name, preset), mode).program
    text = printed(program)
    parsed, _ = timed(lambda: parse(text), runs)
    checked, verdict = timed(partial(check_fresh, program), runs)
    row = {"network": name, "machine": preset, "mode": mode, "tasks": len(program), "verdict": verdict.status}
    row |= {"check": checked, "parse": parsed, "ratio": checked / parsed}
    if certificates and verdict.status == PROVED:
        made, certificate = timed(lambda: certify(read(text)[0]))
        judged, _ = timed(lambda: check_certificate(read(text)[0], certificate))
        row |= {"certify": made, "wlm-check": judged}
    return row


def networks(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A line per network, preset and mode."""
    print(
        ROW.format(
            "network", "machine", "mode", "tasks", "verdict", "check s", "parse s", "ratio", "certify s", "wlm-check"
        )
    )
    rows = []
    for name in args.networks:
        for preset in args.machines:
            for mode in api.MODES:
                row = network_row(name, preset, mode, args.runs, not args.no_certificates)
                rows.append(row)
                times = [f"{row[key]:.3f}" if key in row else "" for key in ("certify", "wlm-check")]
                numbers = [f"{row['tasks']:,}", row["verdict"], f"{row['check']:.3f}", f"{row['parse']:.3f}"]
                print(ROW.format(name, preset, mode, *numbers, f"{row['ratio']:.2f}", *times), flush=True)
    ratios = sorted(row["ratio"] for row in rows)
    proved = sum(row["verdict"] == PROVED for row in rows)
    accepted = sum("wlm-check" in row for row in rows)
    print(
        f"{proved} of {len(rows)} proved; {accepted} certificates accepted; check / parse: median "
        f"{ratios[len(ratios) // 2]:.2f}, worst {ratios[-1]:.2f}, all together "
        f"{sum(row['check'] for row in rows) / sum(row['parse'] for row in rows):.2f}"
    )
    return rows


def scale(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """The checker on arrays, compiled where numba is there."""
    rows: list[dict[str, Any]] = []
    check(generate.generate(2_000, 0))  # compiles
    for size in sizes:
        program = generate.generate(size, 1)
        seconds, verdict = timed(partial(check_fresh, program), 2)
        rows.append({"tasks": len(program), "seconds": seconds, "verdict": verdict.status})
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{len(program):>9,} tasks: {verdict.status}, {seconds:.2f} s, resident {peak:,.0f} MiB so far", flush=True
        )
    if len(rows) > 1:
        a, b = rows[-2:]
        exponent = math.log(b["seconds"] / a["seconds"]) / math.log(b["tasks"] / a["tasks"])
        print(f"exponent between the last two: {exponent:.2f} (1 is linear)")
    return rows


def coq(tasks: int) -> dict[str, Any]:
    """Wall seconds from the program to the theorem: verdict, certificate, file, coqc."""
    with tempfile.TemporaryDirectory() as folder:
        program = generate.generate(tasks, 1)
        source, proof = Path(folder) / "p.mlir", Path(folder) / "p.v"
        source.write_text(printed(program), encoding="utf-8")
        begin = time.monotonic()
        (schedule,) = read(source.read_text(encoding="utf-8"))
        verdict = check(program)
        proof.write_text(coq_text(schedule, certify(schedule)), encoding="utf-8")
        written = time.monotonic() - begin
        done = subprocess.run(
            ["coqc", "-q", "-Q", str(ROOT / "proof"), "wlm", str(proof)], capture_output=True, text=True, check=False
        )
        whole = time.monotonic() - begin
    found = re.search(r"Finished transaction in ([\d.]+) secs", done.stdout)
    kernel = float(found[1]) if found else math.nan
    accepted = done.returncode == 0 and "Closed under the global context" in done.stdout
    said = "accepts" if accepted else f"refuses: {done.stderr[:300]}"
    print(
        f"{len(program):,} managed tasks: {verdict.status}, coqc {said}; "
        f"{whole:.1f} s in all, of which {written:.1f} s to write the file; kernel check {kernel:.2f} s"
    )
    return {"tasks": len(program), "accepted": accepted, "all": whole, "write": written, "kernel": kernel}


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_networks(api.network_names(), api.network_names())
    parser.add_machines(PRESETS)
    parser.add_argument("--no-certificates", action="store_true", help="the verdict alone")
    parser.add_argument("--runs", type=at_least(1), default=3, metavar="N", help="of check and parse, the least counts")
    parser.add_argument(
        "--scale",
        type=to_counts(),
        nargs="?",
        const=SIZES,
        metavar="TASKS",
        help="generated programs instead; by comma",
    )
    parser.add_argument("--coq", type=at_least(1), metavar="TASKS", help="a formal proof instead; needs `make proof`")
    args = parser.parse_args(argv)
    if args.coq:
        if shutil.which("coqc") is None:
            raise UsageError("--coq needs Coq: apt install coq, then make proof")
        if not (ROOT / "proof" / "Safe.vo").exists():
            raise UsageError("--coq needs the theorem compiled: make proof")
        rows = [coq(args.coq)]
        bad = not rows[0]["accepted"]
    elif args.scale is not None:
        rows = scale(args.scale)
        bad = any(row["verdict"] != PROVED for row in rows)
    else:
        rows = networks(args)
        bad = any(row["verdict"] != PROVED or not (args.no_certificates or "wlm-check" in row) for row in rows)
    if args.json:
        write_json(args.json, rows)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
