"""`wlm stats`: what a source consists of: tasks and load per engine, dependences, barriers, memory."""

import argparse
from typing import Any

import numpy as np

from wlm_dialect.errors import UsageError
from wlm_dialect.program import Kind, Program
from wlm_dialect.tools.commands.barrier_tables import run_barriers
from wlm_dialect.tools.commands.common import add_json, add_source, load_program, write_json
from wlm_dialect.tools.tables import print_table


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    add_json(parser, "the figures")
    parser.add_argument("--barriers", action="store_true", help="how many barriers it needs, and what too few cost")
    parser.add_argument(
        "--mode",
        metavar="MODE",
        help="with --barriers: lower a graph as for firmware, partial, full, or none (default: no management)",
    )
    parser.add_argument("--policy", metavar="NAME", help="with --barriers: how barriers are bound (default: chains)")


def run(args: argparse.Namespace) -> int:
    """The exit code."""
    if not args.barriers and (args.mode or args.policy):
        raise UsageError(f"--{'mode' if args.mode else 'policy'} says how barriers are bound: give --barriers, too")
    program = load_program(args, args.source)
    figures = program_stats(program)
    if args.barriers:
        return run_barriers(args, program, figures)
    if args.json is not None:
        write_json(args.json, figures)
        if args.json == "-":
            return 0
    print(
        f"@{program.name} on {program.machine.name}, phase {program.phase}{program.mode and ', mode ' + program.mode}"
    )
    print()
    print_table(["of", "count"], [(key.replace("_", " "), value) for key, value in figures["counts"].items()])
    print()
    rows = [[r["engine"], r["tasks"], r["management"], r["cycles"], r["bytes"]] for r in figures["engines"]]
    print_table(["engine", "tasks", "management", "cycles", "bytes"], rows)
    return 0


def program_stats(program: Program) -> dict[str, Any]:
    """Counts of a program and the load of its engines, as plain values."""
    table, buffers = program.barriers, program.buffers
    kinds = {k.name.lower(): int(np.count_nonzero(program.kind == k)) for k in Kind if k != Kind.RUN}
    own = [n for n in range(len(buffers)) if int(buffers.root[n]) == n]
    counts: dict[str, int] = {
        "tasks": len(program) - program.management,
        **{f"management_{name}": count for name, count in kinds.items() if count},
        "dependences": len(program.after.index),
        "waits": len(program.waits.index),
        "updates": len(program.updates.index),
        "barriers": len(table),
        "physical_barriers": len({p for p in table.pid.tolist() if p >= 0}),
        "work_items": len(program.items),
        "buffers": len(own),
        "buffer_bytes": sum(int(buffers.size[n]) for n in own),
    }
    engines = [
        {
            "engine": model.name,
            "tasks": int(np.count_nonzero(program.kind[tasks] == Kind.RUN)),
            "management": int(np.count_nonzero(program.kind[tasks] != Kind.RUN)),
            "cycles": int(program.cycles[tasks].sum()),
            "bytes": int(program.bytes[tasks].sum()),
        }
        for model, tasks in zip(program.machine.engines, program.lists, strict=True)
        if len(tasks)
    ]
    name, machine = program.name, program.machine.name
    shown = {key: value for key, value in counts.items() if value or key == "tasks"}
    return {
        "program": name,
        "machine": machine,
        "phase": program.phase,
        "mode": program.mode,
        "counts": shown,
        "engines": engines,
    }
