"""`wlm vta`: programs of the VTA accelerator: execute, check, explain, replay."""

import argparse

from wlm_dialect.tools.commands import vta_check, vta_convert, vta_explain, vta_replay, vta_run, vta_time

_COMMANDS = {
    "run": vta_run,
    "check": vta_check,
    "explain": vta_explain,
    "time": vta_time,
    "replay": vta_replay,
    "convert": vta_convert,
}


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    commands = parser.add_subparsers(dest="vta_command", required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0].partition(": ")[2].rstrip(".")
        module.add(commands.add_parser(name, help=summary, description=summary))


def run(args: argparse.Namespace) -> int:
    """The exit code of the subcommand."""
    code: int = _COMMANDS[args.vta_command].run(args)
    return code
