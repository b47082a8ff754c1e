"""How the barrier passes grow: CPU seconds per step from 1,000 to 1,000,000 tasks, and against xDSL with IR in and out.

Graphs are random and layered: 16 engines, about 2.5 dependences per task, 5 % of the tasks with one that reaches back
anywhere. Each size runs in a process of its own, so that its peak memory is its own. `exponent` is the slope of a step
between this size and the one before it (1 = linear; small sizes run without numba).

    python benchmarks/barrier_scale.py [--json FILE] [--quick] [--mode partial] [--policy chains] [--no-ir]
"""

import argparse
import gc
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Arguments, tool, write_json
from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.printer import Printer

from wlm_dialect.kernels.added_orders import AddedOrders
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.kernels.happens_before import happens_before, needed_edges
from wlm_dialect.machine import preset
from wlm_dialect.passes.analysis.order import order_graph
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_tail import InsertTailPass
from wlm_dialect.passes.merge_barriers import MergeBarriersPass
from wlm_dialect.passes.merge_waits import MergeWaitsPass
from wlm_dialect.passes.order_barriers import OrderBarriersPass
from wlm_dialect.passes.policies import policy_names
from wlm_dialect.passes.reduce_barriers import ReduceBarriersPass
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.passes.split_barriers import SplitBarriersPass
from wlm_dialect.program import Program, encode_module
from wlm_dialect.tools.pass_runner import PassRunner
from wlm_dialect.universe import WLM_UNIVERSE

MACHINE = "npu40xx:4"  # 4 DMA channels, 4 DPUs, 8 SHAVEs
WIDTH, SPAN, FAR = 32, 3, 0.05  # tasks per layer, layers a dependence reaches back, share of tasks with a far one


def layered(tasks: int, seed: int = 1) -> Program:
    """A random layered graph in phase graph; equal seeds give equal graphs."""
    machine = preset(MACHINE)
    engines = [e for e, model in enumerate(machine.engines) if not model.firmware]
    rng = np.random.default_rng(seed)
    engine = np.asarray(engines, np.int32)[rng.integers(0, len(engines), tasks)]
    layer = np.arange(tasks) // WIDTH * WIDTH  # first task of the layer
    low = np.maximum(0, layer - SPAN * WIDTH)
    rows = np.repeat(np.arange(tasks), np.where(layer > 0, rng.integers(1, 5, tasks), 0))
    values = low[rows] + (rng.random(len(rows)) * (layer - low)[rows]).astype(np.int64)
    far = np.nonzero((rng.random(tasks) < FAR) & (layer > 0))[0]
    rows, values = np.concatenate([rows, far]), np.concatenate([values, (rng.random(len(far)) * layer[far])])
    none, zero, one = Csr.empty(tasks), np.zeros(tasks, np.int32), np.ones(tasks, np.int32)
    return Program(
        "layered",
        machine,
        "graph",
        "",
        zero,
        engine,
        rng.integers(200, 5000, tasks),
        one,
        zero.astype(np.int64),
        tuple(f"t{n}" for n in range(tasks)),
        Csr.of_set(rows.astype(np.int32), values.astype(np.int32), tasks),
        none,
        none,
        none,
        none,
        zero - 1,
        zero,
        zero,
        zero,
        none,
    )


def pipeline(mode: Any, policy: str) -> tuple[ProgramPass, ...]:
    """The barrier passes, each once."""
    return (
        ReduceDependencesPass(),
        InsertBarriersPass(),
        MergeBarriersPass(),
        ReduceBarriersPass(),
        MergeWaitsPass(),
        InsertTailPass(),
        SplitBarriersPass(),
        OrderBarriersPass(),
        AssignBarriersPass(mode, policy),
    )


def timed(work: Callable[[], Any], runs: int = 1) -> tuple[float, Any]:
    """Least CPU seconds, and the result."""
    best, out = math.inf, None
    for _ in range(runs):
        begin = time.process_time()
        out = work()
        best = min(best, time.process_time() - begin)
    return best, out


def measure(tasks: int, mode: str, policy: str) -> dict[str, Any]:
    """One size at array level, in this process. Compiling is not counted: each loop has run once before."""
    warm = layered(40_000)
    added(warm)
    for step in pipeline(mode, policy)[:-1]:
        warm = step.run(warm)
    program = layered(tasks)
    row: dict[str, Any] = {"tasks": tasks, "edges": len(program.after.index)}
    graph = order_graph(program)
    row["clocks"], _ = timed(lambda: happens_before(graph, 0), 3)
    row["clocks + reduction"], (_, needed) = timed(lambda: needed_edges(graph), 3)
    row["kept"] = int(needed.sum())
    row["add one edge"] = added(program)
    total = 0.0
    for step in pipeline(mode, policy):
        seconds, program = timed(partial(step.run, program))
        row[step.name.removeprefix("wlm-")] = seconds
        total += seconds
    row |= {"all passes": total, "barriers": len(program.barriers)}
    row["MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return row


def added(program: Program, edges: int = 200) -> float:
    """CPU seconds to add an order between tasks less than 100 apart to clocks that exist, on average."""
    orders = AddedOrders(order_graph(program), 0)
    rng = np.random.default_rng(2)
    then = rng.integers(100, len(program), edges + 1)
    pairs = list(zip((then - rng.integers(1, 100, edges + 1)).tolist(), then.tolist(), strict=True))
    orders.add(*pairs.pop())
    return timed(lambda: [orders.add(a, b) for a, b in pairs])[0] / edges


def against_xdsl(tasks: int, mode: str, policy: str) -> dict[str, Any]:
    """xDSL's parse and print of a module, and our passes on it with IR in and out, in one process."""
    gc.set_threshold(100_000, 10, 10)  # as wlm-opt does
    context = Context()
    for name, factory in (get_all_dialects() | WLM_UNIVERSE.all_dialects).items():
        context.register_dialect(name, factory)
    text = printed(encode_module(layered(tasks)))
    parse, module = timed(lambda: Parser(context, text).parse_module())
    show, _ = timed(lambda: printed(module))
    passes: tuple[ModulePass, ...] = pipeline(mode, policy)
    ours, _ = timed(lambda: PassRunner(verify=False).run(context, module, passes))
    verify, _ = timed(module.verify)
    out = {"tasks": tasks, "xDSL parse": parse, "xDSL print": show, "our passes": ours, "one verification": verify}
    return {**out, "passes / (parse + print)": ours / (parse + show)}


def printed(module: ModuleOp) -> str:
    """The module as text."""
    stream = StringIO()
    Printer(stream=stream).print_op(module)
    return stream.getvalue()


def apart(argv: list[str]) -> dict[str, Any]:
    """The result of this script run with `argv`, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *argv], check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """One line per step, one column per size, the exponent of the last two sizes."""
    width = max(len(name) for name in rows[0])
    lines = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        text = [f"{v:>12,}" if isinstance(v, int) else f"{v:>12.5f}" for v in values]
        if isinstance(values[-1], float) and len(rows) > 1 and min(values) > 0:
            slopes = np.diff(np.log(values)) / np.diff(np.log([row["tasks"] for row in rows]))
            text.append("   exponent " + " ".join(f"{s:5.2f}" for s in slopes))
        lines.append(f"{name:<{width}}{''.join(text)}")
    return "\n".join(lines)


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """The tool; the exit code."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_argument("--quick", action="store_true", help="up to 100,000 tasks, and 10,000 with IR")
    parser.add_argument("--mode", default="partial", choices=("firmware", "partial"), help="of the assignment")
    parser.add_argument("--policy", default="chains", choices=policy_names(), help="of the assignment")
    parser.add_argument("--no-ir", action="store_true", help="array level only")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--one-ir", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one or args.one_ir:
        row = (
            measure(args.one, args.mode, args.policy) if args.one else against_xdsl(args.one_ir, args.mode, args.policy)
        )
        print(json.dumps(row))
        return 0
    options = ["--mode", args.mode, "--policy", args.policy]
    sizes = [1_000, 10_000, 100_000] + ([] if args.quick else [1_000_000])
    rows = [apart(["--one", str(n), *options]) for n in sizes]
    print(table(rows))
    out: dict[str, Any] = {"machine": MACHINE, "mode": args.mode, "policy": args.policy, "arrays": rows}
    if not args.no_ir:
        out["ir"] = apart(["--one-ir", str(10_000 if args.quick else 100_000), *options])
        print(
            "\n"
            + "\n".join(
                f"{k:<26}{v:>12.2f}" if isinstance(v, float) else f"{k:<26}{v:>12,}" for k, v in out["ir"].items()
            )
        )
    if args.json is not None:
        write_json(args.json, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
