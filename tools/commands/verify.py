"""`wlm verify`: prove a managed program safe for every timing, or say what can go wrong."""

import argparse

from wlm_dialect.tools.commands.common import MODES, add_source, load_program, need_phase, write_json

EXIT_CODES = {"proved": 0, "refuted": 2, "undecided": 3}


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument("--mode", choices=MODES, default=None, help="lower a graph to this mode first (default: full)")
    parser.add_argument("--findings", type=int, default=20, metavar="N", help="list at most N findings (default: 20)")
    parser.add_argument("--json", metavar="FILE", help="write the verdict as JSON (- for stdout)")


def run(args: argparse.Namespace) -> int:
    """The exit code: 0 proved, 2 refuted, 3 undecided."""
    from wlm_dialect import api

    program = load_program(args, args.source)
    if program.phase == "graph":
        program = api.compile_program(program, args.mode or "full").program
    need_phase(program, ("managed",), "verify")
    verdict = api.verify(program)
    if args.json is not None:
        findings = [
            {"rule": f.rule, "text": f.text, "undecided": f.undecided or None, "story": list(f.story)}
            for f in verdict.findings
        ]
        write_json(
            args.json,
            {
                "program": verdict.program,
                "verdict": verdict.status,
                "findings": findings,
                "properties": list(verdict.properties),
                "conditions": list(verdict.conditions),
                "counts": verdict.counts,
            },
        )
    if args.json != "-":
        print(verdict.report(args.findings))
    return EXIT_CODES[verdict.status]
