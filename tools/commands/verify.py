"""`wlm verify`: prove a managed program safe for every timing, or say what can go wrong."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wlm_dialect.tools.commands.common import (
    VERDICT_CODES,
    add_findings,
    add_json,
    add_source,
    load_program,
    need_phase,
    parse_mode,
    write_json,
)
from wlm_dialect.tools.options import add_output, check_outputs
from wlm_dialect.tools.output import STDOUT, write_output

if TYPE_CHECKING:
    from wlm_dialect.program import Program
    from wlm_dialect.verification import Verification


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument(
        "--mode", default="full", metavar="MODE", help="lower a graph to this mode first (default: full)"
    )
    add_findings(parser)
    add_output(parser, "--timing", "where refuted, write the timing that shows it, for wlm run --timing (- for stdout)")
    add_json(parser, "the verdict")
    add_output(
        parser, "--certificate", "where proved, write a certificate that wlm-check validates against the .mlir file"
    )
    add_output(
        parser,
        "--emit-coq",
        "write a file that coqc accepts if and only if the verdict is proved (docs/theorem.md)",
        metavar="FILE.v",
    )


def run(args: argparse.Namespace) -> int:
    """The exit code: 0 proved, 2 refuted, 3 undecided."""
    from wlm_dialect import api

    outputs = (args.json, args.timing, args.certificate, args.emit_coq)
    check_outputs(args, "json", "timing", "certificate", "emit_coq")
    mode = parse_mode(args.mode)
    program = load_program(args, args.source)
    if program.phase == "graph":
        program = api.compile_program(program, mode).program
    need_phase(program, ("managed",), "verify")
    verdict = api.verify(program, replays=args.findings)
    if args.json is not None:
        write_json(args.json, _verdict_dict(verdict))
    shown = verdict.counterexample
    if args.timing is not None and shown is not None:
        write_output(args.timing, shown.timing.to_json())
    elif args.timing is not None:
        print(f"wlm: note: no run shows @{program.name} to be wrong: no timing is written", file=sys.stderr)
    if args.certificate is not None or args.emit_coq is not None:
        _write_proof(args, program, verdict.status == "proved")
    if STDOUT not in outputs:
        print(verdict.report(args.findings))
    return VERDICT_CODES[verdict.status]


def _write_proof(args: argparse.Namespace, program: "Program", proved: bool) -> None:
    """Certificate and Coq file. Where nothing is proved there is no certificate, and coqc refuses the file."""
    from wlm_dialect.passes.checker.certificate import certify, schedule_of
    from wlm_dialect.passes.checker.coq import coq_text

    source = Path(args.source)
    text = source.read_text(encoding="utf-8") if source.suffix == ".mlir" and source.is_file() else None
    schedule = schedule_of(program, text)
    certificate = certify(schedule) if proved else None
    if args.certificate is not None and certificate is not None:
        write_output(args.certificate, json.dumps(certificate) + "\n")
    elif args.certificate is not None:
        print(f"wlm: note: @{program.name} is not proved: no certificate is written", file=sys.stderr)
    if args.emit_coq is not None:
        write_output(args.emit_coq, coq_text(schedule, certificate))


def _verdict_dict(verdict: "Verification") -> dict[str, Any]:
    findings = [
        {
            "rule": f.rule,
            "text": f.text,
            "undecided": f.undecided or None,
            "story": list(f.story),
            "repair": f.repair or None,
            "replay": None if r is None else {"tick": r.hazard.tick, "text": r.hazard.text},
        }
        for f, r in zip(verdict.findings, verdict.replays, strict=True)
    ]
    return {
        "program": verdict.program,
        "sha256": verdict.digest,
        "verdict": verdict.status,
        "findings": findings,
        "properties": list(verdict.properties),
        "conditions": list(verdict.conditions),
        "counts": verdict.counts,
    }
