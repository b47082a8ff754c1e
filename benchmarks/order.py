"""How good an order of tasks is: list scheduling, `wlm-order-tasks{policy=barriers}` and CP-SAT on small graphs.

`pip install -e '.[bench]'` for CP-SAT (ortools). Up to 150 tasks. First table: makespan over the best lower bound,
barriers without limit. Second: makespan with N barriers over the best known without limit; every order is lowered by
the same passes and run by `replay.py`. "CP-SAT order" is the order that is best without limits; "CP-SAT with N" counts
barriers itself, does not merge any, and so is neither a bound nor always beaten.
"""

import dataclasses
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import networks
from barriers import MODE, lowered, with_barriers
from command_line import Arguments, at_least, need, to_names, to_seconds, tool, write_json
from replay import replay, violations

from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import int32
from wlm_dialect.machine import MachineModel
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.merge_barriers import MergeBarriersPass
from wlm_dialect.passes.order_tasks import OrderTasksPass
from wlm_dialect.passes.pipelines import barriers
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.passes.reordering import reordered
from wlm_dialect.program import Program
from wlm_dialect.runtime.ideal import bound

FAMILIES: dict[str, Callable[[MachineModel, int], Program]] = {
    "layered 60": lambda m, seed: networks.layered(m, 60, seed, in_order=True),
    "layered 120": lambda m, seed: networks.layered(m, 120, seed, in_order=True),
    "CNN 2 tiles 72": lambda m, seed: networks.cnn(m, 4, 2, seed=seed, in_order=True),
    "CNN 4 tiles 72": lambda m, seed: networks.cnn(m, 2, 4, seed=seed, in_order=True),
    "CNN 4 tiles 144": lambda m, seed: networks.cnn(m, 4, 4, seed=seed, in_order=True),
}
COUNTS = (4, 6, 8, 12)


@dataclasses.dataclass(frozen=True)
class Solved:
    """What CP-SAT found: the makespan and the starts of the best schedule (None: none), and a lower bound."""

    makespan: int | None
    starts: list[int] | None
    bound: int


def solve(
    graph: Program, seconds: float, hint: Program | None, barriers: Program | None = None, count: int = 0
) -> Solved:
    """Starts of the tasks on their engines; with `barriers` (the graph in phase virtual) at most `count` open at once.

    A barrier is open from the start of its first producer to the start of its last consumer.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    cycles = graph.cycles.tolist()
    horizon = sum(cycles) if barriers is not None else max(replay(graph).end)
    start = [model.new_int_var(0, horizon, "") for _ in cycles]
    for tasks in graph.lists:
        model.add_no_overlap(model.new_fixed_size_interval_var(start[t], cycles[t], "") for t in tasks.tolist())
    end = model.new_int_var(0, horizon, "")
    for t, row in enumerate(graph.after.lists()):
        model.add(end >= start[t] + cycles[t])
        for a in row:
            model.add(start[t] >= start[a] + cycles[a])
    if barriers is not None:
        lives = []
        for producers, consumers in zip(barriers.producers.lists(), barriers.consumers.lists(), strict=True):
            opened, closed, size = (model.new_int_var(0, horizon, "") for _ in range(3))
            for p in producers:
                model.add(opened <= start[p])
            for c in consumers:
                model.add(closed >= start[c])
            lives.append(model.new_interval_var(opened, size, closed, ""))
        model.add_cumulative(lives, [1] * len(lives), count)
    elif hint is not None:
        for t, at in _starts_of(graph, hint).items():
            model.add_hint(start[t], at)
    model.minimize(end)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 2
    solver.parameters.random_seed = 1
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solved(None, None, round(solver.best_objective_bound))
    return Solved(round(solver.objective_value), [solver.value(s) for s in start], round(solver.best_objective_bound))


def _starts_of(graph: Program, other: Program) -> dict[int, int]:
    """Task of the graph -> its start in another order of it; names are unique."""
    start = dict(zip(other.names, replay(other).start, strict=True))
    return {t: start[name] for t, name in enumerate(graph.names)}


def in_order_of(graph: Program, starts: Sequence[int]) -> Program:
    """The graph listed by these starts."""
    return reordered(graph, int32(sorted(range(len(graph)), key=lambda t: (starts[t], t))))


def merged(graph: Program) -> Program:
    """The graph with its barriers after reduction and merge."""
    return lowered(graph, (ReduceDependencesPass(), InsertBarriersPass(), MergeBarriersPass()))


def with_limit(graph: Program, count: int) -> int | None:
    """Makespan with `count` barriers in the order of the graph, policy chains; None where that cannot be placed."""
    limited = with_barriers(graph, count)
    try:
        program = AssignBarriersPass(MODE).run(lowered(limited, barriers()))
    except ScheduleError:
        return None
    times = replay(program)
    wrong = violations(limited, program, times)
    assert not wrong, wrong[:3]
    return times.makespan


@dataclasses.dataclass(frozen=True)
class Case:
    """One graph: as generated, by list schedule, with 64 restarts; and what CP-SAT makes of it."""

    graph: Program
    listed: Program
    best: Program
    solved: Solved

    @property
    def bound(self) -> int:
        """No schedule ends earlier."""
        return max(bound(self.graph), self.solved.bound)

    @property
    def known(self) -> int:
        """The best makespan known without limits."""
        return min(replay(self.best).makespan, self.solved.makespan or 1 << 62)


def make_case(family: str, machine: MachineModel, seed: int, seconds: float) -> Case:
    """Orders of one graph, barriers without limit."""
    graph = FAMILIES[family](machine, seed)
    listed = OrderTasksPass("list").run(graph)
    best = OrderTasksPass("barriers").run(graph)  # the machine has barriers enough: the best of the restarts
    return Case(graph, listed, best, solve(graph, seconds, best))


def unlimited_row(family: str, cases: Sequence[Case]) -> dict[str, Any]:
    """Mean and worst makespan over the bound, per order."""
    row: dict[str, Any] = {"family": family, "graphs": len(cases)}
    for name, makespan in (
        ("given", lambda c: replay(c.graph).makespan),
        ("list", lambda c: replay(c.listed).makespan),
        ("restarts", lambda c: replay(c.best).makespan),
        ("cp_sat", lambda c: c.known),
    ):
        ratios = [makespan(c) / c.bound for c in cases]
        row[name], row[f"{name}_worst"] = statistics.mean(ratios), max(ratios)
    row["proved"] = sum(c.known == c.bound for c in cases)
    return row


def limited_row(family: str, cases: Sequence[Case], count: int, seconds: float) -> dict[str, Any]:
    """Mean makespan with `count` barriers over the best known without limits; only graphs all orders of which placed.

    `closed`: the share of what lies between the list schedule and the best of all orders that policy barriers makes up.
    """
    rows: list[dict[str, float]] = []
    solved = []
    for case in cases:
        searched = OrderTasksPass("barriers").run(with_barriers(case.graph, count))
        orders = {
            "given": case.graph,
            "list": case.listed,
            "barriers": searched,
            "cp_order": in_order_of(case.graph, case.solved.starts) if case.solved.starts else case.best,
        }
        made = {name: with_limit(order, count) for name, order in orders.items()}
        rows.append({name: ticks / case.known if ticks else float("inf") for name, ticks in made.items()})
        exact = solve(case.graph, seconds, None, merged(case.listed), count)
        if exact.makespan is not None:
            solved.append((exact.makespan / case.known, rows[-1]["barriers"]))
    placed = [r for r in rows if max(r.values()) < float("inf")]
    row: dict[str, Any] = {"family": family, "limit": count, "graphs": len(cases), "placed": len(placed)}
    for name in ("given", "list", "barriers", "cp_order"):
        row[f"{name}_placed"] = sum(r[name] < float("inf") for r in rows)
        row[name] = statistics.mean(r[name] for r in placed) if placed else None
    best = [min(r.values()) for r in placed]
    gap = sum(r["list"] - b for r, b in zip(placed, best, strict=True))
    row["closed"] = sum(r["list"] - r["barriers"] for r in placed) / gap if gap > 0 else None
    row["cp_with_n"] = statistics.mean(a for a, _ in solved) if solved else None
    row["barriers_where_solved"] = statistics.mean(b for _, b in solved) if solved else None
    row["cp_solved"] = len(solved)
    return row


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_argument("--seeds", metavar="N", type=at_least(1), default=4, help="graphs per family")
    parser.add_argument("--seconds", metavar="S", type=to_seconds, default=10, help="for CP-SAT, per graph and N")
    parser.add_argument(
        "--families", metavar="NAMES", type=to_names("family", FAMILIES), default=list(FAMILIES), help="by comma"
    )
    args = parser.parse_args(argv)
    need("ortools", "bench")
    machine = api.machine("npu40xx:4")
    cases = {f: [make_case(f, machine, seed, args.seconds) for seed in range(1, args.seeds + 1)] for f in args.families}
    print("makespan / bound, barriers without limit: mean (worst)")
    print(f"{'family':<18}" + "".join(f"{n:>16}" for n in ("as given", "list", "64 restarts", "CP-SAT")) + "  proved")
    rows = []
    for family in cases:
        row = unlimited_row(family, cases[family])
        rows.append(row)
        cells = (f"{row[n]:.3f} ({row[n + '_worst']:.3f})" for n in ("given", "list", "restarts", "cp_sat"))
        print(f"{family:<18}" + "".join(f"{c:>16}" for c in cells) + f"  {row['proved']}/{row['graphs']}", flush=True)
    print("\nmakespan / best known without limit, N barriers; 'closed': of the gap between list and the best order")
    heads = ("placed", "as given", "list", "barriers", "CP-SAT order", "closed", "CP-SAT with N", "(barriers there)")
    print(f"{'family':<18}{'N':>4}" + "".join(f"{h:>{len(h) + 3}}" for h in heads))
    for family in cases:
        for count in COUNTS:
            row = limited_row(family, cases[family], count, args.seconds)
            rows.append(row)
            _print_limited(row, heads)
    if args.json:
        write_json(args.json, rows)
    return 0


def _print_limited(row: dict[str, Any], heads: Sequence[str]) -> None:
    def cell(value: float | None, form: str = ".3f") -> str:
        return "-" if value is None else format(value, form)

    with_n = cell(row["cp_with_n"]) + (f" [{row['cp_solved']}]" if row["cp_solved"] else "")
    cells = (
        f"{row['barriers_placed']}/{row['graphs']}",
        *(cell(row[name]) for name in ("given", "list", "barriers", "cp_order")),
        cell(row["closed"], ".0%"),
        with_n,
        cell(row["barriers_where_solved"]),
    )
    line = "".join(f"{c:>{len(h) + 3}}" for c, h in zip(cells, heads, strict=True))
    print(f"{row['family']:<18}{row['limit']:>4}{line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
