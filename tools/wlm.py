"""`wlm`: compile, run, compare and inspect task graphs from the command line."""

import argparse
import gc
import sys
from collections.abc import Sequence

import wlm_dialect
from wlm_dialect.tools.commands import compare, compile, diff, machines, run, stats, verify, vta
from wlm_dialect.tools.messages import guarded

TOOL = "wlm"
_COMMANDS = {
    "compile": compile,
    "run": run,
    "compare": compare,
    "stats": stats,
    "diff": diff,
    "machines": machines,
    "verify": verify,
    "vta": vta,
}


def make_parser() -> argparse.ArgumentParser:
    """The argument parser; every subcommand adds its own."""
    parser = argparse.ArgumentParser(
        prog=TOOL,
        description="Workload management for NPUs: lower task graphs, prove the result safe, run it, compare costs.",
        epilog="exit codes: 0 done, 1 bad input, 2 refuted, hazard or deadlock, 3 undecided",
    )
    parser.add_argument("--version", action="version", version=f"{TOOL} {wlm_dialect.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0].partition(": ")[2].rstrip(".")
        module.add(commands.add_parser(name, help=summary, description=summary))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The tool; the exit code. `argv` without the name of the program."""
    gc.set_threshold(100_000, 10, 10)  # programs and IR are large and long-lived: collect rarely

    def work() -> int:
        args = make_parser().parse_args(argv)
        code: int = _COMMANDS[args.command].run(args)
        return code

    return guarded(TOOL, work)


if __name__ == "__main__":
    sys.exit(main())
