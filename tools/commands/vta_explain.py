"""`wlm vta explain`: what each token of a VTA program is for, what overlaps, which order is really needed."""

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from wlm_dialect.program.vta import QUEUES
from wlm_dialect.program.vta.names import MODULES
from wlm_dialect.tools.commands.common import add_json, write_json
from wlm_dialect.tools.commands.vta_source import add_source, load_source
from wlm_dialect.tools.commands.vta_time import add_costs, overlap_text, timed, write_timeline
from wlm_dialect.tools.options import at_least, check_outputs
from wlm_dialect.tools.output import STDOUT
from wlm_dialect.tools.tables import number, print_table

if TYPE_CHECKING:
    from wlm_dialect.passes.vta.explain import Explanation
    from wlm_dialect.runtime.vta.timing import VtaTimes

_WIDTH = 110
_ROWS = 40


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument(
        "--against", metavar="SOURCE", help="another program that does the same: which is faster, and why"
    )
    parser.add_argument(
        "--rows", type=at_least(0), default=_ROWS, metavar="N", help=f"rows of each table (default: {_ROWS}; 0 = all)"
    )
    add_json(parser, "everything")
    add_costs(parser)


def run(args: argparse.Namespace) -> int:
    """The exit code: 0; a program that is wrong is explained as far as it goes."""
    from wlm_dialect.passes.vta.explain import explain
    from wlm_dialect.passes.vta.story import tell

    check_outputs(args, "json", "trace", "html")
    source = load_source(args)
    told = explain(source.program, fragment=source.fragment)
    times = [timed(args, source)]
    if args.against is not None:
        times.append(timed(args, load_source(args, args.against)))
    answer = [*tell(told), *_in_time(times)]
    if args.json is not None:
        write_json(args.json, explanation_json(told, times[0], answer))
    if STDOUT not in (args.json, args.trace, args.html):
        _print(told, answer, args.rows or len(source.program))
    write_timeline(args, times)
    return 0


def _print(told: "Explanation", answer: list[str], rows: int) -> None:
    for paragraph in answer:
        print(textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False))
        print()
    many = told.threads.count > 1
    columns = [
        "#",
        "instruction",
        "flags",
        *QUEUES,
        *(["thread"] if many else []),
        "what the flags mean",
        "may overtake",
    ]
    table: list[list[object]] = []
    for row in told.rows[:rows]:
        at = str(row.first) if row.first == row.last else f"{row.first}..{row.last}"
        thread = [row.thread if row.thread >= 0 else None] if many else []
        table.append([at, row.kind, row.flags, *row.queues, *thread, row.meaning, row.overtakes])
    print_table(
        columns, table, "queues after each instruction, in the order of the stream", drop=("may overtake", "flags")
    )
    _rest(len(told.rows), rows)
    if told.tokens:
        print()
        print_table(
            ["token", "pushed by", "popped by", "hazard", "what it is about", "without it"],
            [_token(told, p) for p in told.tokens[:rows]],
            "tokens",
        )
        _rest(len(told.tokens), rows)


def _rest(count: int, shown: int) -> None:
    if count > shown:
        print(f"... {number(count - shown)} more rows (--rows 0 shows all)")


def _token(told: "Explanation", p: Any) -> list[object]:
    from wlm_dialect.passes.vta.explain import guarded_text

    push = told.name(p.token.push) if p.token.push >= 0 else "before" if p.token.push == -1 else "nobody"
    pop = told.name(p.token.pop) if p.token.pop >= 0 else "nobody"
    protects = guarded_text(p.guarded)
    if p.role != "data":
        role = "pending" if told.fragment and p.token.pop < 0 else p.role
        protects = f"{role}: {protects}" if protects else role
    return [p.token.name, push, pop, p.hazard, protects, told.without(p)]


def _in_time(times: "list[VtaTimes]") -> list[str]:
    out = [overlap_text(t) for t in times]
    if len(times) == 2 and min(t.makespan for t in times):
        (slow, fast) = sorted(times, key=lambda t: -t.makespan)
        out.append(
            f"{fast.program.name} is {slow.makespan / fast.makespan:.2f} times as fast as {slow.program.name} in this "
            f"model ({number(fast.makespan)} against {number(slow.makespan)} ticks). The work is nearly the "
            "same; the difference is what overlaps."
        )
    return out


def explanation_json(told: "Explanation", times: "VtaTimes", answer: list[str]) -> dict[str, Any]:
    """Everything as plain values."""
    from wlm_dialect.passes.vta.races import runs

    parts = [{m.name: runs(elements) for m, elements in part.items()} for part in told.threads.parts]
    return {
        "program": told.program.name,
        "answer": answer,
        "threads": {"count": told.threads.count, "uses": parts, "by_tokens": told.threads.by_tokens},
        "rows": [
            {
                "first": row.first,
                "last": row.last,
                "instruction": row.kind,
                "flags": row.flags,
                "queues": dict(zip(QUEUES, row.queues, strict=True)),
                "thread": row.thread if row.thread >= 0 else None,
                "meaning": row.meaning,
                "may_overtake": row.overtakes,
            }
            for row in told.rows
        ],
        "tokens": [
            {
                "token": p.token.name,
                "push": p.token.push if p.token.push >= 0 else None,
                "pop": p.token.pop if p.token.pop >= 0 else None,
                "role": p.role,
                "hazard": p.hazard,
                "protects": [
                    {
                        "memory": g.memory.name,
                        "ranges": runs(g.elements),
                        "before": list(g.before),
                        "after": list(g.after),
                        "assumed": g.assumed,
                    }
                    for g in p.guarded
                ],
                "without": told.without(p),
                "droppable": p.droppable,
            }
            for p in told.tokens
        ],
        "makespan": times.makespan,
        "overlap": times.overlap(),
        "modules": {name: times.busy(m) for m, name in enumerate(MODULES)},
    }
