"""`wlm vta check`: prove a VTA program's tokens right for every timing, or show an order that goes wrong."""

import argparse
from typing import Any

from wlm_dialect.tools.commands.common import VERDICT_CODES, add_findings, add_json, write_json
from wlm_dialect.tools.commands.vta_source import add_source, load_source
from wlm_dialect.tools.options import add_output, check_outputs
from wlm_dialect.tools.output import STDOUT, write_output


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    add_findings(parser)
    add_output(parser, "--order", "write an order of execution that shows the first finding, for wlm vta replay")
    add_json(parser, "the verdict")


def run(args: argparse.Namespace) -> int:
    """The exit code: 0 proved, 2 refuted, 3 undecided."""
    from wlm_dialect.passes.vta.check import check

    check_outputs(args, "json", "order")
    source = load_source(args)
    verdict = check(source.program, source.hardware, fragment=source.fragment)
    shown = next((f for f in verdict.findings if f.order), None)
    if args.json is not None:
        write_json(args.json, verdict_json(verdict))
    if STDOUT not in (args.json, args.order):
        print(verdict.report(args.findings))
    if args.order is not None:
        if shown is None:
            if STDOUT not in (args.json, args.order):
                print(f"no order of execution to show: '{args.order}' is not written")
        else:
            from wlm_dialect.runtime.vta.order_file import print_order

            write_output(args.order, print_order(source.program, shown.order, f"{shown.text} [{shown.rule}]"))
            if STDOUT not in (args.json, args.order):
                print(f"an order that shows {shown.rule}: wlm vta replay {args.source} {args.order}")
    return VERDICT_CODES[verdict.status]


def verdict_json(verdict: Any) -> dict[str, Any]:
    """A verdict as plain values."""
    return {
        "program": verdict.program,
        "hardware": verdict.hardware,
        "verdict": verdict.status,
        "findings": [_finding(f) for f in verdict.findings],
        "elsewhere": [_finding(f) for f in verdict.differs],
        "properties": list(verdict.properties),
        "conditions": list(verdict.conditions),
        "counts": verdict.counts,
    }


def _finding(finding: Any) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "text": finding.text,
        "instruction": finding.task if finding.task >= 0 else None,
        "other": finding.other if finding.other >= 0 else None,
        "undecided": finding.undecided or None,
        "story": list(finding.story),
    }
