"""`wlm vta run`: execute a program bit-exactly, compare what it stores, and check its tokens."""

import argparse
import os
from typing import TYPE_CHECKING, Any

from wlm_dialect.errors import UsageError
from wlm_dialect.files import write_bytes
from wlm_dialect.program.vta import VtaProgram
from wlm_dialect.tools.commands.common import add_json, write_json
from wlm_dialect.tools.commands.vta_source import add_source, chosen_order, load_source
from wlm_dialect.tools.options import at_least
from wlm_dialect.tools.output import STDOUT

if TYPE_CHECKING:
    from wlm_dialect.passes.vta.findings import VtaVerdict
    from wlm_dialect.runtime.vta.result import VtaResult

REFUTED, UNDECIDED = 2, 3


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare outputs and counters with what the folder expects, and check tokens and races (wlm vta check)",
    )
    parser.add_argument("--launches", type=int, metavar="N", help="launch the stream N times (default: as it says)")
    parser.add_argument(
        "--poison", action="store_true", help="fill scratchpads with 0xA5 first, and tell who reads what nobody wrote"
    )
    parser.add_argument(
        "--engine", choices=("auto", "numpy", "numba"), default="auto", help="what executes (default: auto, by length)"
    )
    parser.add_argument(
        "--order", metavar="FILE", help="execute the first launch in this order (wlm vta check --order)"
    )
    parser.add_argument(
        "--seed", type=at_least(0), metavar="N", help="execute the first launch in an order drawn at random"
    )
    parser.add_argument("-o", "--output", metavar="FOLDER", help="write the bytes of each output there, out_<n>.bin")
    add_json(parser, "the outcome")


def run(args: argparse.Namespace) -> int:
    """The exit code: 0 as it should be, 2 not, 3 if the check cannot decide."""
    from wlm_dialect import api

    source = load_source(args)
    program = source.program
    if args.launches is not None:
        if args.launches < 1:
            raise UsageError(f"--launches is {args.launches} but must be at least 1")
        program = program.with_(launches=args.launches)
    verdict = _verdict(program, args.check, source)
    compiled = {"auto": None, "numpy": False, "numba": True}[args.engine]
    result = api.vta_run(program, compiled=compiled, poison=args.poison, order=chosen_order(args, program))
    wrong = _wrong(program, result, args)
    if args.output is not None:
        _write_outputs(args.output, result)
    if args.json is not None:
        write_json(args.json, run_json(result, wrong, verdict))
    if args.json != STDOUT:
        _print(result, wrong, verdict)
    if wrong or (verdict is not None and verdict.status == "refuted"):
        return REFUTED
    return UNDECIDED if verdict is not None and verdict.status == "undecided" else 0


def _verdict(program: VtaProgram, wanted: bool, source: Any) -> "VtaVerdict | None":
    if not wanted:
        return None
    from wlm_dialect import api

    return api.vta_check(program, hardware=source.hardware, fragment=source.fragment)


def _wrong(program: VtaProgram, result: "VtaResult", args: argparse.Namespace) -> list[str]:
    """Everything that is not as it should be, in words."""
    wrong = list(result.problems)
    if args.poison:
        from wlm_dialect.runtime.vta.uninitialised import find_reads

        wrong += find_reads(program, result.launches[0])
    if not args.check or result.problems:
        return wrong  # what did not end has not stored everything
    wrong += [str(mismatch) for mismatch in result.mismatches]
    known = program.meta.get("profiler") or {}
    counted = result.counters
    wrong += [
        f"counter {name} is {counted[name]} but {known[name]} is expected"
        for name in counted
        if name in known and known[name] != counted[name]
    ]
    return wrong


def _print(result: "VtaResult", wrong: list[str], verdict: "VtaVerdict | None") -> None:
    program = result.program
    executed = sum(len(order.insns) for order in result.launches)
    times = f"{len(result.launches)} launches" if len(result.launches) > 1 else "1 launch"
    print(f"{program.name}: {result.outcome}, {executed} instructions in {times} ({result.engine_of_execution})")
    for note in program.notes:
        print(f"  note: {note}")
    print(f"  tokens left: {result.tokens}")
    moved = ", ".join(f"{name} {value}" for name, value in result.counters.items() if value)
    print(f"  counters: {moved or 'none'}")
    known = sum(output.expected is not None for output in program.outputs)
    if verdict is not None and not result.mismatches and not result.problems:
        print(f"  outputs: {known} of {len(program.outputs)} known, all as expected")
    for text in wrong:
        print(f"  wrong: {text}")
    if verdict is not None:
        print(verdict.report(20))


def run_json(result: "VtaResult", wrong: list[str], verdict: "VtaVerdict | None") -> dict[str, Any]:
    """A run as plain values."""
    from hashlib import sha256

    from wlm_dialect.tools.commands.vta_check import verdict_json

    return {
        "program": result.program.name,
        "outcome": result.outcome,
        "launches": len(result.launches),
        "tokens": result.tokens._asdict(),
        "counters": result.counters,
        "outputs": [sha256(data.tobytes()).hexdigest() for data in result.outputs],
        "wrong": wrong,
        "check": None if verdict is None else verdict_json(verdict),
    }


def _write_outputs(folder: str, result: "VtaResult") -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write '{folder}': {str(error.strerror).lower()}") from None
    for n, data in enumerate(result.outputs):
        write_bytes(os.path.join(folder, f"out_{n}.bin"), data.tobytes())
