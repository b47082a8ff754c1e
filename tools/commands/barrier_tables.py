"""`wlm stats --barriers`: how many barriers a program needs, how long they are in use, what too few of them cost."""

import argparse
from typing import Any

from wlm_dialect.dialects.task import MODES
from wlm_dialect.errors import UsageError, did_you_mean
from wlm_dialect.program import Program
from wlm_dialect.tools.commands.common import write_json
from wlm_dialect.tools.plots import bars, curve
from wlm_dialect.tools.tables import number, print_table

_SHOWN = 8  # barriers of an antichain
_NAMED = 1  # tasks per barrier
_NONE = "none"


def run_barriers(args: argparse.Namespace, program: Program, figures: dict[str, Any]) -> int:
    """The exit code; `figures` is what `wlm stats` says without `--barriers`."""
    from wlm_dialect import api

    mode, policy = args.mode or _NONE, args.policy or "chains"
    if mode not in (_NONE, *MODES):
        raise UsageError(f"unknown mode '{mode}'{did_you_mean(mode, (_NONE, *MODES))}")
    if program.phase in ("physical", "managed") and (args.mode or args.policy):
        raise UsageError(
            f"@{program.name} is in phase {program.phase}: its barriers are bound already, so --mode and --policy say "
            "nothing"
        )
    stats = api.barrier_stats(program, mode, policy)
    if args.json is not None:
        write_json(args.json, {**figures, "barriers": stats})
        if args.json == "-":
            return 0
    made = f", bound by {policy}" + (f" for mode {mode}" if mode != _NONE else "") if len(stats["stages"]) > 1 else ""
    print(f"@{program.name} on {program.machine.name}, phase {program.phase}{made}")
    if made:
        print()
        rows = [[row["pass"] or f"({program.phase})", row["tasks"], row["barriers"]] for row in stats["stages"]]
        print_table(["after pass", "tasks", "barriers"], rows)
    print()
    print_table(["of", "count"], _counts(stats))
    _print_width(stats["width"], stats["available"])
    _print_times(stats)
    return 0


def _counts(stats: dict[str, Any]) -> list[tuple[str, object]]:
    added, occupancy, lifetimes = stats["added"], stats["occupancy"], stats["lifetimes"]
    rows: list[tuple[str, object]] = [
        ("barriers", stats["barriers"]),
        ("physical barriers used", f"{number(stats['physical_used'])} of {number(stats['available'])}"),
        ("most in use at once", occupancy["most"]),
        ("in use on average", f"{occupancy['mean']:.1f}"),
        ("lifetime, median", f"{number(lifetimes['median'])} ticks"),
        ("lifetime, longest", f"{number(lifetimes['longest'])} ticks"),
        ("makespan", f"{number(stats['makespan'])} ticks"),
    ]
    if added is not None:
        rows += [
            ("makespan without limits", f"{number(added['unlimited'])} ticks"),
            ("tasks inserted", added["tasks"]),
            ("orders added by waits", added["waits"]),
            ("cost of waits", f"{number(added['waits_cost'])} ticks"),
            ("orders added by reuse", added["reuses"]),
            ("cost of reuse", f"{number(added['reuses_cost'])} ticks"),
        ]
    return rows


def _print_width(width: dict[str, Any], available: int) -> None:
    need, enough = width["at_least"], width["enough"]
    many = number(need) if need == enough else f"between {number(need)} and {number(enough)}"
    print(f"\nphysical barriers wanted, so that no order has to be added: {many}; the machine has {number(available)}")
    print("no two of these may share one:")
    for row in width["antichain"][:_SHOWN]:
        print(f"  {row['barrier']}: {_some(row['producers'])} -> {_some(row['consumers'])}")
    if len(width["antichain"]) > _SHOWN:
        print(f"  and {number(len(width['antichain']) - _SHOWN)} more (--json has all)")


def _some(tasks: list[str]) -> str:
    more = f" and {number(len(tasks) - _NAMED)} more" if len(tasks) > _NAMED else ""
    return ", ".join(f"'{t}'" for t in tasks[:_NAMED]) + more if tasks else "nobody"


def _print_times(stats: dict[str, Any]) -> None:
    rows = [
        (f"{number(r['from'])} to {number(r['below'] - 1)}", r["barriers"]) for r in stats["lifetimes"]["histogram"]
    ]
    print("\nlifetimes, in ticks, and barriers")
    print(bars(rows))
    print("\nbarriers in use over time, the most in each column")
    print(curve(stats["occupancy"]["columns"], "0", f"{number(stats['makespan'])} ticks"))
