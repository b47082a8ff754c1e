"""How the pipelines grow: CPU seconds per pass for 10,000, 30,000 and 100,000 tasks of a CNN and of a decoder.

Everything works on arrays, without IR. Exponents are the slopes from one size to the next (1 = linear). Before anything
is measured each pipeline has run once, so that compiling loops is not counted. Exit 1 if a pipeline grows with more
than 1.2, over all sizes or over the last two.

    python benchmarks/pipeline_scale.py [--json FILE] [--networks cnn,decoder] [--modes full] [--tasks 10000,100000]
"""

import gc
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import networks
from command_line import Arguments, at_least, to_counts, to_machine, to_modes, tool, write_json

from wlm_dialect import api
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Program

TASKS = (10_000, 30_000, 100_000)
WARM = 30_000  # tasks; from here on every loop is compiled that ever is
MOST = 1.2  # exponent

Figures = dict[str, float]  # seconds per pass, "all", then counts

NETWORKS: dict[str, tuple[int, Callable[[MachineModel, int], Program]]] = {  # tasks per layer, and who makes so many
    "cnn": (98, lambda machine, layers: networks.cnn(machine, layers, 6, 6, 4)),
    "decoder": (656, networks.decoder),
}


@lru_cache(maxsize=1)
def load(network: str, machine: str, tasks: int) -> Program:
    """A network of about `tasks` tasks."""
    per_layer, make = NETWORKS[network]
    return make(networks.fitting(api.machine(machine)), max(1, round(tasks / per_layer)))


def measure(graph: Program, mode: str, runs: int = 1) -> Figures:
    """Least CPU seconds of each pass (passes that run twice are summed), and of all; tasks before and after."""
    best: dict[str, float] = {}
    program = graph
    for _ in range(runs):
        compiled = api.compile_program(graph, mode)
        program = compiled.program
        seconds: Counter[str] = Counter()
        for stage in compiled.stages:
            seconds[stage.name.partition("{")[0].removeprefix("wlm-")] += stage.seconds
        best = {name: min(best.get(name, value), value) for name, value in seconds.items()}
    return {**best, "all": sum(best.values()), "tasks": len(graph), "barriers": len(program.barriers)}


def exponents(columns: Sequence[Figures], name: str) -> list[float]:
    """Slopes of a figure on logarithmic axes, from each size to the next; none where nothing was measured."""
    sizes, values = ([c[key] for c in columns] for key in ("tasks", name))
    if min(values) <= 0:
        return []
    slopes: list[float] = (np.diff(np.log(values)) / np.diff(np.log(sizes))).tolist()
    return slopes


def growth(columns: Sequence[Figures]) -> float:
    """The exponent of a pipeline: over all sizes, or over the last two if that is more; 0 for a single size."""
    ends = [columns[0], columns[-1]]
    return max([*exponents(ends, "all"), *exponents(columns[-2:], "all")]) if len(columns) > 1 else 0.0


def table(columns: Sequence[Figures]) -> str:
    """A line per pass, a column per size, and the exponent; passes below 1 % at every size are left out."""
    lines = [f"{'tasks':<24}" + "".join(f"{c['tasks']:>10,}" for c in columns)]
    for name in columns[0]:
        values = [c[name] for c in columns]
        if name == "barriers":
            lines.append(f"{name:<24}" + "".join(f"{value:>10,}" for value in values))
        elif name != "tasks" and any(v >= 0.01 * c["all"] for v, c in zip(values, columns, strict=True)):
            text = "".join(f"{slope:>7.2f}" for slope in exponents(columns, name))
            lines.append(f"{name:<24}" + "".join(f"{value:>10.2f}" for value in values) + text)
    return "\n".join(lines)


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """The tool; the exit code."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_networks(NETWORKS, NETWORKS, files=())
    parser.add_argument("--modes", metavar="MODES", type=to_modes, default=api.MODES, help="by comma")
    parser.add_argument("--tasks", metavar="N", type=to_counts(), default=TASKS, help="by comma, in ascending order")
    parser.add_argument("--machine", metavar="NAME", type=to_machine, default="npu40xx:6")
    parser.add_argument("--runs", metavar="N", type=at_least(1), default=1, help="of each, the fastest counts")
    args = parser.parse_args(argv)
    gc.set_threshold(100_000, 10, 10)  # as wlm does
    found: dict[str, dict[str, list[Figures]]] = {n: {mode: [] for mode in args.modes} for n in args.networks}
    for network in args.networks:
        for mode in args.modes:
            measure(load(network, args.machine, min(WARM, max(args.tasks))), mode)
        for tasks in args.tasks:
            for mode in args.modes:
                found[network][mode].append(measure(load(network, args.machine, tasks), mode, args.runs))
    held = True
    for network, modes in found.items():
        for mode, columns in modes.items():
            slope = growth(columns)
            held = held and slope <= MOST
            verdict = "" if slope <= MOST else ", MISSED"
            print(f"\n{network} on {args.machine}, {mode}: exponent {slope:.2f} (at most {MOST}{verdict})")
            print(table(columns), flush=True)
    if args.json is not None:
        out: dict[str, Any] = {"machine": args.machine, "seconds": found}
        write_json(args.json, out)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
