"""What management costs where it is hard to hide: `python benchmarks/management.py --json FILE`; `--quick` for a part.

Twelve networks on npu40xx:1, :4 and :6 with barrier FIFOs of depth 1 and 4 and durations of 1, 1/4 and 1/16, in
firmware, partial and full mode and in full mode on pages; *ideal* is the same order and durations without management.
Each program is proved by its pipeline and runs without a hazard. Rows are written as they are made, and a second run
into the same file measures only what is missing or was measured with other code. Exit 1 if a target is missed.
"""

import argparse
import gc
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import networks
from command_line import Arguments, at_least, to_counts, tool, write_json

from wlm_dialect import api
from wlm_dialect.errors import ScheduleError, UsageError
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.ideal import ideal
from wlm_dialect.tools.output import STDOUT

MACHINES = ("npu40xx:1", "npu40xx:4", "npu40xx:6")
DEPTHS = (1, 4)  # of the FIFO of each barrier
SCALES = (1, 4, 16)  # durations are divided by this
MODES = {"firmware": "firmware", "partial": "partial", "full": "full", "pages": "full{policy=pages}"}
QUICK = {"networks": ("squeezenet", "shufflenet", "alexnet", "cnn6"), "machines": ("npu40xx:1", "npu40xx:6")}
SOURCES = ("wlm_dialect", "passes", "runtime", "benchmarks/networks.py", "benchmarks/management.py")

MEAN, WORST = 1.01, 1.05  # full over ideal at scale 1
ALLOWED = 1.002  # full over pages, on every row
GAIN = 1.05  # pages over full, geometric mean where tasks are shortest and tiles are most
GAIN_AT = ("npu40xx:6", 1 / 16)

Row = dict[str, Any]
Key = tuple[str, str, int, int]
"""Network, machine, depth of the barrier FIFOs, divisor of the durations."""


@lru_cache(maxsize=1)
def load(network: str, machine: str) -> Program:
    """The graph of a network."""
    return networks.load(network, api.machine(machine))


def scaled(graph: Program, divisor: int) -> Program:
    """The graph with the durations of its tasks divided; management, which has none yet, keeps its own."""
    return graph.with_(cycles=np.maximum(1, np.round(graph.cycles / divisor)).astype(np.int64))


def with_depth(graph: Program, depth: int) -> Program:
    """The graph on a machine whose barriers have FIFOs of this depth."""
    machine = graph.machine
    return graph.with_(machine=replace(machine, barriers=replace(machine.barriers, fifo_depth=depth)))


@lru_cache(maxsize=1)
def ideal_ticks(network: str, machine: str, divisor: int) -> int:
    """Makespan without management; the FIFOs of barriers do not matter."""
    return ideal(scaled(load(network, machine), divisor)).makespan


def measure(key: Key, code: str = "") -> Row:
    """All modes at one place."""
    network, machine, depth, divisor = key
    began = time.process_time()
    graph = with_depth(scaled(load(network, machine), divisor), depth)
    row: Row = {
        "network": network,
        "machine": machine,
        "fifo_depth": depth,
        "duration_scale": 1 / divisor,
        "tasks": len(graph),
        "ideal": ideal_ticks(network, machine, divisor),
    }
    figures = {name: mode_figures(graph, spec) for name, spec in MODES.items()}
    row |= {name: f["makespan"] for name, f in figures.items()}
    for column in ("bootstrap", "refills", "dmas", "bytes", "compile_seconds", "error"):
        row |= {f"{name}_{column}": f[column] for name, f in figures.items()}
    row["refills"] = row.pop("full_refills")
    return {**row, "seconds": round(time.process_time() - began, 3), "code": code}


def mode_figures(graph: Program, mode: str) -> Row:
    """One mode; `error` says why there are no figures, or that a run did not end as it should.

    DMAs and bytes of management are those per task of the network.
    """
    began = time.process_time()
    try:
        program = api.compile_program(graph, mode).program
    except ScheduleError as error:
        verdict = {2: "refuted: ", 3: "undecided: "}.get(error.exit_code, "")
        nothing = dict.fromkeys(("makespan", "bootstrap", "refills", "dmas", "bytes"))
        return {**nothing, "compile_seconds": _seconds(began), "error": f"{verdict}{error}"}
    seconds = _seconds(began)
    result = api.run(program)
    management = program.kind != Kind.RUN
    hazard = None if result.hazard is None else f"hazard: {result.hazard.text}"
    return {
        "makespan": result.makespan,
        "bootstrap": result.bootstrap,
        "refills": len(program.barriers) - len(program.bootstrap),
        "dmas": int(management.sum()) / len(graph),
        "bytes": int(program.bytes[management].sum()) / len(graph),
        "compile_seconds": seconds,
        "error": hazard or (None if result.outcome == "finished" else f"outcome: {result.outcome}"),
    }


def _seconds(began: float) -> float:
    return round(time.process_time() - began, 3)


# --- targets


def targets(rows: Sequence[Row]) -> Iterator[tuple[str, bool]]:
    """What is promised, with what was measured, and whether it holds."""
    bad = [f"{place(row)}, {text}" for row in rows for text in broken(row)]
    yield f"programs proved and run without hazard: {proved(rows)}; not: {len(bad)} (0 wanted){_first(bad)}", not bad
    refilled = sum(bool(row["refills"]) for row in rows)
    yield f"rows with refills: {refilled} of {len(rows)} (at least half wanted)", 2 * refilled >= len(rows)
    yield from _against_ideal([row for row in rows if row["duration_scale"] == 1 and row["full"] is not None])
    yield from _against_pages(rows)


def _against_ideal(rows: Sequence[Row]) -> Iterator[tuple[str, bool]]:
    if not rows:
        yield "full / ideal at scale 1: no such rows", True
        return
    mean = statistics.mean(ratio(row, "full", "ideal") for row in rows)
    yield f"full / ideal at scale 1, mean: {mean:.4f} (at most {MEAN} wanted)", mean <= MEAN
    worst = max(rows, key=lambda row: ratio(row, "full", "ideal"))
    value = ratio(worst, "full", "ideal")
    yield f"full / ideal at scale 1, worst: {value:.4f}, {place(worst)} (at most {WORST} wanted)", value <= WORST


def _against_pages(rows: Sequence[Row]) -> Iterator[tuple[str, bool]]:
    both = [row for row in rows if row["full"] is not None and row["pages"] is not None]
    if not both:
        yield f"full against pages: pages placed none of {len(rows)} rows", not rows
        return
    worst = max(both, key=lambda row: ratio(row, "full", "pages"))
    value = ratio(worst, "full", "pages")
    over = sum(ratio(row, "full", "pages") > ALLOWED for row in both)
    text = f"full / pages, worst of {len(both)} rows: {value:.4f}, {place(worst)}; {over} over {ALLOWED} (0 wanted)"
    yield text, not over
    there = [row for row in both if (row["machine"], row["duration_scale"]) == GAIN_AT]
    if there:
        mean = statistics.geometric_mean(ratio(row, "pages", "full") for row in there)
        at = f"{GAIN_AT[0]}, scale 1/{round(1 / GAIN_AT[1])}"
        yield f"pages / full, geometric mean of {len(there)} rows on {at}: {mean:.4f} (at least {GAIN})", mean >= GAIN
    full, pages = (round(sum(row[f"{way}_dmas"] * row["tasks"] for row in both)) for way in ("full", "pages"))
    yield f"management DMAs of all rows: {full:,} in full, {pages:,} in pages (fewer wanted)", full < pages
    most = max(both, key=lambda row: row["full_dmas"] / row["pages_dmas"])
    share = most["full_dmas"] / most["pages_dmas"]
    not_fewer = sum(row["full_dmas"] >= row["pages_dmas"] for row in both)
    text = f"management DMAs, full / pages, most: {share:.4f}, {place(most)}; {not_fewer} rows not fewer (0 wanted)"
    yield text, not not_fewer


def ratio(row: Row, over: str, under: str) -> float:
    """One makespan over another."""
    return float(row[over] / row[under])


def place(row: Row) -> str:
    """Where a row was measured, in words."""
    scale = round(1 / row["duration_scale"])
    return f"{row['network']} on {row['machine']}, B = {row['fifo_depth']}, scale {'1' if scale == 1 else f'1/{scale}'}"


def proved(rows: Sequence[Row]) -> int:
    """Programs that were compiled, hence proved, and ran to their end."""
    return sum(row[name] is not None and row[f"{name}_error"] is None for row in rows for name in MODES)


def broken(row: Row) -> list[str]:
    """Modes that failed here. Pages may find no place, but what it places must be safe."""
    out = []
    for name in MODES:
        error = row[f"{name}_error"]
        if error is not None and (name != "pages" or row[name] is not None or error.startswith(("refuted", "undec"))):
            out.append(f"{name}: {error}")
        if row[name] is not None and row[name] < row["ideal"]:
            out.append(f"{name}: {row[name]:,} ticks, but ideal takes {row['ideal']:,}")
    return out


def _first(texts: Sequence[str]) -> str:
    return "".join(f"\n    {text.splitlines()[0]}" for text in texts[:10])


# --- the tool


def keys_of(args: argparse.Namespace) -> list[Key]:
    """The rows to measure, those of one graph together."""
    chosen = args.networks or (QUICK["networks"] if args.quick else networks.network_names())
    machines = args.machines or (QUICK["machines"] if args.quick else MACHINES)
    return [(n, m, d, s) for n in chosen for m in machines for s in args.scales for d in args.depths]


def key_of(row: Row) -> Key:
    """Of a row that was measured."""
    return row["network"], row["machine"], row["fifo_depth"], round(1 / row["duration_scale"])


def code_hash() -> str:
    """Of all that the figures depend on, so that rows of other code are measured again."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for source in SOURCES:
        path = root / source
        for file in sorted(path.resolve().rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def measured(keys: Sequence[Key], jobs: int, code: str) -> Iterator[Row]:
    """A row per key, as they become ready."""
    one: Callable[[Key], Row] = partial(measure, code=code)
    if jobs == 1:
        yield from map(one, keys)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _collect_rarely) as pool:
        yield from pool.map(one, keys)


def _collect_rarely() -> None:
    gc.set_threshold(100_000, 10, 10)  # as wlm does


def rows_of(path: Path) -> dict[Key, Row]:
    """The rows of an earlier run, if there was one."""
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {key_of(row): row | {"code": str(row["code"])} for row in rows}
    except (ValueError, TypeError, KeyError, ZeroDivisionError):
        raise UsageError(f"'{path}' does not hold rows of this benchmark; name another file") from None


def print_head() -> None:
    """What the columns of `line` are: makespan over ideal, refills of full, DMAs per task, seconds of CPU."""
    names = "".join(f"{name:>10}" for name in MODES)
    print(f"{'':<31}{'makespan / ideal':>40}{'DMAs per task':>25}{'seconds to compile':>28}")
    print(f"{'network':<13}{'machine':<10}{'B':>2}{'scale':>6}{names}{'refills':>9}{'full':>8}{'pages':>8}", end="")
    print("".join(f"{name[:5]:>7}" for name in MODES) + f"{'all':>8}", flush=True)


def line(row: Row) -> str:
    """A row as it is printed."""
    ratios = "".join(_cell(None if row[m] is None else ratio(row, m, "ideal"), "10.4f") for m in MODES)
    dmas = "".join(_cell(row[f"{m}_dmas"], "8.3f") for m in ("full", "pages"))
    seconds = "".join(_cell(row[f"{m}_compile_seconds"], "7.1f") for m in MODES)
    where = f"{row['network']:<13}{row['machine']:<10}{row['fifo_depth']:>2}{'1/' + str(key_of(row)[3]):>6}"
    return f"{where}{ratios}{_cell(row['refills'], '9,d')}{dmas}{seconds}{row['seconds']:>8.1f}"


def _cell(value: float | None, form: str) -> str:
    """A number, or '-' in as much room."""
    return f"{'-':>{int(form.split('.')[0].rstrip(',d'))}}" if value is None else f"{value:{form}}"


def print_means(rows: Sequence[Row]) -> None:
    """Mean makespan over ideal per machine, depth and scale."""
    print("\nmakespan / ideal: mean (worst)")
    print(f"{'machine':<12}{'B':>2}{'scale':>7}" + "".join(f"{name:>20}" for name in MODES))
    for machine, depth, divisor in sorted({key_of(row)[1:] for row in rows}):
        here = [row for row in rows if key_of(row)[1:] == (machine, depth, divisor)]
        text = f"{machine:<12}{depth:>2}{'1/' + str(divisor):>7}"
        for name in MODES:
            values = [ratio(row, name, "ideal") for row in here if row[name] is not None]
            text += f"{f'{statistics.mean(values):.4f} ({max(values):.3f})' if values else '-':>20}"
        print(text)


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per row, means, then the targets."""
    parser = Arguments(__file__, __doc__)
    parser.add_json("write all rows; go on where an earlier run stopped")
    parser.add_argument("--quick", action="store_true", help="four networks on two machines")
    parser.add_networks(networks.network_names())
    parser.add_machines()
    parser.add_argument("--depths", metavar="N", type=to_counts(0), default=DEPTHS, help="of barrier FIFOs, by comma")
    parser.add_argument("--scales", metavar="N", type=to_counts(), default=SCALES, help="divisors of durations: 1,4,16")
    parser.add_argument("--jobs", metavar="N", type=at_least(1), default=1, help="processes")
    parser.add_argument("--any-code", action="store_true", help="keep rows that were measured with other code")
    args = parser.parse_args(argv)
    if args.json == STDOUT:
        parser.error("--json -: rows are written as they are made; name a file")
    _collect_rarely()
    keys, code = keys_of(args), code_hash()
    old = {} if args.json is None else rows_of(Path(args.json))
    rows = {key: row for key, row in old.items() if args.any_code or row["code"] == code}
    if any(key in rows for key in keys):
        print(f"{sum(key in rows for key in keys)} rows are there already", flush=True)
    print_head()
    for row in measured([key for key in keys if key not in rows], args.jobs, code):
        rows[key_of(row)] = row
        print(line(row), flush=True)
        if args.json:
            write_json(args.json, list(rows.values()))
    chosen = [rows[key] for key in keys]
    print_means(chosen)
    print(f"\n{sum(row['seconds'] for row in chosen):,.0f} s of CPU")
    held = True
    for text, good in targets(chosen):
        print(f"{'held  ' if good else 'MISSED'} {text}")
        held = held and good
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
