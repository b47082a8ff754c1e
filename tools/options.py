"""Values of options, refused before any work is done: whole numbers out of range, files that cannot be written."""

import argparse
import os
from collections.abc import Callable

from wlm_dialect.errors import UsageError
from wlm_dialect.files import PendingFile
from wlm_dialect.tools.output import STDOUT

STDIN = "-"  # as a source


def at_least(least: int) -> Callable[[str], int]:
    """Parses a whole number from `least` on."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {least} on")
        return value

    return parse


def output_file(path: str) -> str:
    """The path, if it can be written; a pipe is left alone, for whoever reads it would see its end."""
    if path != STDOUT and (os.path.isfile(path) or os.path.isdir(path) or not os.path.exists(path)):
        PendingFile(path).abort()
    return path


def add_output(parser: argparse.ArgumentParser, option: str, text: str, metavar: str = "FILE") -> None:
    """An option that names a file to write."""
    parser.add_argument(option, metavar=metavar, type=output_file, help=text)


def check_outputs(args: argparse.Namespace, *names: str) -> None:
    """UsageError if two of these options write to standard output or to one file."""
    options = [f"--{name.replace('_', '-')}" for name in names]
    used: dict[str, str] = {}
    for name, option in zip(names, options, strict=True):
        path = getattr(args, name)
        if path == STDOUT and STDOUT in used:
            raise UsageError(f"only one of {', '.join(options[:-1])} and {options[-1]} can go to standard output")
        if path is None or (path != STDOUT and os.path.exists(path) and not os.path.isfile(path)):
            continue  # a device takes everything
        place = path if path == STDOUT else os.path.realpath(path)
        if place in used:
            raise UsageError(f"{used[place]} and {option} would both write '{path}'; give each a file of its own")
        used[place] = option
