"""`wlm-check PROGRAM.mlir CERTIFICATE.json`: exit code 0 accepted, 2 rejected, 1 bad input."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from wlm_dialect.check.certificate import check
from wlm_dialect.check.text import Schedule, read
from wlm_dialect.errors import UsageError, WlmError


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script."""
    parser = argparse.ArgumentParser(
        prog="wlm-check",
        description="validate a certificate that a managed program is safe for every timing, in linear time",
        epilog="exit codes: 0 accepted, 2 rejected, 1 bad input; `wlm verify --certificate FILE` writes certificates",
    )
    parser.add_argument("program", help="the module in its custom form, as wlm compile and wlm-opt print it")
    parser.add_argument("certificate", help="the certificate, JSON")
    args = parser.parse_args(arguments)
    try:
        certificate = _json(args.certificate)
        schedule = _named(read(_text(args.program)), str(certificate.get("program")), args.program)
        proof = check(schedule, certificate)
    except WlmError as error:
        print(f"wlm-check: error: {error}", file=sys.stderr)
        return error.exit_code
    counts = f"{len(schedule.tasks)} tasks, {len(proof.rank)} events, {certificate['chains']} chains"
    print(f"@{schedule.name}: proved; the certificate holds ({counts})")
    return 0


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def _json(path: str) -> dict[str, object]:
    try:
        value = json.loads(_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no certificate: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} is no certificate: it holds no JSON object")
    return value


def _named(schedules: list[Schedule], name: str, path: str) -> Schedule:
    for schedule in schedules:
        if schedule.name == name:
            return schedule
    names = ", ".join(f"@{s.name}" for s in schedules) or "none"
    raise UsageError(f"{path} has no managed task graph @{name}, which the certificate is for; it has: {names}")


if __name__ == "__main__":
    sys.exit(main())
