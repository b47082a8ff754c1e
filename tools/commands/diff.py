"""`wlm diff`: what changed between two programs: tasks, barriers, and which tasks are ordered."""

import argparse
from collections import Counter

from wlm_dialect.errors import UsageError
from wlm_dialect.program import Program
from wlm_dialect.tools.commands.common import SOURCE_HELP, add_json, add_load_options, load_program, write_json
from wlm_dialect.tools.options import STDIN, at_least
from wlm_dialect.tools.ordering import Ordering, direct_orders, task_keys

Difference = dict[str, dict[str, list[str]]]


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("before", help=SOURCE_HELP)
    parser.add_argument("after", help=SOURCE_HELP)
    add_load_options(parser)
    parser.add_argument(
        "--limit", type=at_least(0), default=20, metavar="N", help="list at most N of each kind (default: 20)"
    )
    add_json(parser, "all differences")


def run(args: argparse.Namespace) -> int:
    """The exit code: 0, whether there are differences or not."""
    if args.before == args.after == STDIN:
        raise UsageError("only one of the two programs can come from standard input")
    before, after = load_program(args, args.before), load_program(args, args.after)
    difference = compare_programs(before, after)
    if args.json is not None:
        write_json(args.json, difference)
        if args.json == "-":
            return 0
    if not any(changed[side] for changed in difference.values() for side in ("added", "removed")):
        print(f"no differences between @{before.name} and @{after.name}")
        return 0
    for what, changed in difference.items():
        added, removed = changed["added"], changed["removed"]
        print(f"{what}: {len(added)} added, {len(removed)} removed")
        for sign, texts in (("+", added), ("-", removed)):
            for text in texts[: args.limit]:
                print(f"  {sign} {text}")
            if len(texts) > args.limit:
                print(f"  {sign} and {len(texts) - args.limit} more")
    return 0


def compare_programs(before: Program, after: Program) -> Difference:
    """Tasks by engine and name, barriers by the tasks that use them, orders that hold on one side only."""
    keys_before, keys_after = task_keys(before), task_keys(after)
    return {
        "tasks": _changes(Counter(keys_before), Counter(keys_after)),
        "barriers": _changes(_barriers(before, keys_before), _barriers(after, keys_after)),
        "orderings": {
            "added": _only_here(after, keys_after, before, keys_before),
            "removed": _only_here(before, keys_before, after, keys_after),
        },
    }


def _changes(before: Counter[str], after: Counter[str]) -> dict[str, list[str]]:
    return {"added": list((after - before).elements()), "removed": list((before - after).elements())}


def _barriers(program: Program, keys: list[str]) -> Counter[str]:
    """Barriers by what they do, not by number: renumbering is no difference."""
    rows = zip(program.producers.lists(), program.consumers.lists(), strict=True)
    return Counter(f"{_some(p, keys)} -> {_some(c, keys)}" for p, c in rows)


def _some(tasks: list[int], keys: list[str]) -> str:
    names = sorted(keys[t] for t in tasks)
    return "[" + ", ".join(names[:4]) + (f", ... {len(names)} in all" if len(names) > 4 else "") + "]"


def _only_here(here: Program, keys_here: list[str], there: Program, keys_there: list[str]) -> list[str]:
    """Orders that `here` imposes directly and `there` does not impose at all, between tasks that both have."""
    index = {key: t for t, key in enumerate(keys_there)}
    ordering = Ordering(there)
    texts = []
    for a, b in direct_orders(here):
        u, v = index.get(keys_here[a]), index.get(keys_here[b])
        if u is not None and v is not None and not ordering.ordered(u, v):
            texts.append(f"{keys_here[a]} before {keys_here[b]}")
    return texts
