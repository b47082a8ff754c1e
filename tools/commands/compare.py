"""`wlm compare`: run networks in several modes on several machines and set the costs side by side."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from wlm_dialect.errors import UsageError, did_you_mean
from wlm_dialect.tools.commands.common import DEFAULT_MACHINE, add_json, parse_modes, write_json
from wlm_dialect.tools.progress import progress
from wlm_dialect.tools.tables import print_table
from wlm_dialect.tools.why_view import print_why, to_law, why_line

_COLUMNS = (
    ("network", "network"),
    ("machine", "machine"),
    ("mode", "mode"),
    ("tasks", "tasks"),
    ("makespan", "makespan"),
    ("bootstrap", "bootstrap"),
    ("ideal", "ideal"),
    ("interrupts", "irqs"),
    ("management_dmas", "DMAs"),
    ("refills", "refills"),
    ("verdict", "verdict"),
)

_DROP = ("why", "tasks", "ideal", "bootstrap", "refills", "DMAs", "to law", "machine", "irqs", "outcome")
"""What a narrow terminal does without, first to last; --json has it all."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--networks", default="all", metavar="A,B,FILE", help="names, files, or all (default)")
    parser.add_argument("-m", "--machine", default=DEFAULT_MACHINE, metavar="A,B", help="machine models, by comma")
    parser.add_argument(
        "--modes",
        default="all",
        metavar="A,B",
        help="firmware, partial, full or all (default); choices in braces: 'full{policy=pages}'",
    )
    parser.add_argument("--why", action="store_true", help="a table per row: where the ticks went, by cause")
    parser.add_argument(
        "--what-if",
        action="store_true",
        help="--why, and what each class of management would save if it took one tick a piece (runs it again)",
    )
    add_json(parser, "all figures")


def run(args: argparse.Namespace) -> int:
    """The exit code: 2 if any program is refuted or met a hazard or deadlock, else 3 if any is undecided."""
    from wlm_dialect import api

    networks, machines, modes = _networks(args.networks), _names(args.machine, "--machine"), parse_modes(args.modes)
    for name in machines:
        api.machine(name)  # a typing error is told before hours of work
    with progress(len(networks) * len(machines) * len(modes), "comparing") as advance:
        rows = api.compare(networks, machines, modes, progress=advance, what_if=args.what_if)
    if args.json is not None:
        write_json(args.json, rows)
    if args.json != "-":
        _print(rows, args.why or args.what_if)
    for row in rows:
        if row["error"]:
            place = f"{row['network']} on {row['machine']}, {row['mode']}"
            print(f"wlm: error: {place}: {row['error'].splitlines()[0]}", file=sys.stderr)
    if any(_failed(row) for row in rows):
        return 2
    if any(row["verdict"] == "failed" for row in rows):
        return 1
    return 3 if any(row["verdict"] == "undecided" for row in rows) else 0


def _print(rows: Sequence[Mapping[str, Any]], full: bool) -> None:
    """The table, and below it where the ticks of each row went."""
    table = []
    for row in rows:
        why = row["why"]
        end = [_to_ideal(row), to_law(why), _outcome(row), why and why_line(why)]
        table.append([*(row[key] for key, _ in _COLUMNS), *end])
    print_table([*(title for _, title in _COLUMNS), "to ideal", "to law", "outcome", "why"], table, drop=_DROP)
    for row in rows:
        if full and row["why"]:
            print()
            print_why(row["why"], f"{row['network']} on {row['machine']}, {row['mode']}: where the ticks went")


def _names(text: str, option: str) -> list[str]:
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise UsageError(f"{option} is empty")
    return names


def _networks(text: str) -> list[str]:
    from wlm_dialect import api

    known = api.network_names()
    if text == "all":
        return list(known)
    names = _names(text, "--networks")
    for name in names:
        if name not in known and "." not in name:
            raise UsageError(f"unknown network '{name}'{did_you_mean(name, known)} (or give a file)")
    return names


def _failed(row: Mapping[str, Any]) -> bool:
    return bool(row["hazards"]) or bool(row["deadlock"]) or row["verdict"] == "refuted"


def _outcome(row: Mapping[str, Any]) -> str:
    if row["error"]:
        return "failed"
    return "deadlock" if row["deadlock"] else "hazard" if row["hazards"] else "ok"


def _to_ideal(row: Mapping[str, Any]) -> str | None:
    return f"{row['makespan'] / row['ideal']:.2f}x" if row["ideal"] and row["makespan"] is not None else None
