"""The command lines of the scripts in this folder, all alike.

Lists are separated by commas. What is asked for is checked before anything is measured. `--json FILE` is written whole
at the end, `-` is standard output. What a person can get wrong is one line, `NAME: error: ...`, and exit code 1.
"""

import argparse
import functools
import importlib.util
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn, Protocol, TypeVar

from wlm_dialect import api
from wlm_dialect.errors import UsageError, WlmError, did_you_mean
from wlm_dialect.tools.commands.common import parse_modes, write_json
from wlm_dialect.tools.messages import guarded
from wlm_dialect.tools.options import at_least, output_file

__all__ = [
    "Arguments",
    "at_least",
    "need",
    "to_counts",
    "to_folder",
    "to_machine",
    "to_modes",
    "to_names",
    "to_seconds",
    "tool",
    "write_json",
]

SOURCES = (".onnx", ".json", ".mlir")

T = TypeVar("T")


class Main(Protocol):
    """What a script does, given its arguments (None: those of the process); the exit code."""

    def __call__(self, argv: Sequence[str] | None = None) -> int: ...


def tool(main: Main) -> Main:
    """The main function of a script, with errors of its user in a line; anything else keeps its traceback."""
    name = Path(main.__code__.co_filename).stem  # type: ignore[attr-defined]  # a function, which the protocol hides

    @functools.wraps(main)
    def guarded_main(argv: Sequence[str] | None = None) -> int:
        return guarded(name, lambda: main(argv))

    return guarded_main


class Arguments(argparse.ArgumentParser):
    """A parser that describes the script by its docstring and answers wrong options in one line."""

    def __init__(self, script: str, doc: str | None) -> None:
        form = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=Path(script).stem, description=doc, formatter_class=form)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; --help lists the options")

    def add_json(self, text: str = "write all rows; '-' is standard output") -> None:
        """`--json FILE`, refused at once where it could not be written at the end."""
        self.add_argument("--json", metavar="FILE", type=output_file, help=text)

    def add_networks(
        self, known: Iterable[str], default: Iterable[str] | None = None, files: Sequence[str] = SOURCES, more: str = ""
    ) -> None:
        """`--networks`: of `known`, or files that end in one of `files`."""
        kind = to_names("network", known, files)
        text = "by comma" + (f"; also {', '.join(files)} files" if files else "") + more
        self.add_argument("--networks", metavar="NAMES", type=kind, default=default, help=text)

    def add_machines(self, default: Iterable[str] | None = None) -> None:
        """`--machines`: by name or .toml file."""
        text = "by comma; names or .toml files"
        self.add_argument("--machines", metavar="NAMES", type=_each(to_machine), default=default, help=text)


def to_names(what: str, known: Iterable[str], files: Sequence[str] = ()) -> Callable[[str], list[str]]:
    """Parses names by comma, each once, each of `known` or an existing file that ends in one of `files`."""
    allowed = tuple(known)

    def one(text: str) -> str:
        if text in allowed or (text.endswith(tuple(files)) and files and Path(text).is_file()):
            return text
        if files and text.endswith(tuple(files)):
            raise argparse.ArgumentTypeError(f"there is no file '{text}'")
        raise argparse.ArgumentTypeError(f"no {what} '{text}'{did_you_mean(text, allowed)}")

    return _each(one)


def to_machine(text: str) -> str:
    """Parses the name of a machine."""
    return _checked(text, api.machine)


def to_modes(text: str) -> list[str]:
    """Parses modes by comma, each with its choices if it has any: `partial,full{policy=pages}`."""
    found = _checked_value(text, parse_modes)
    for mode in found:
        _checked(mode, api.pipeline)
    return list(found)


def to_counts(least: int = 1) -> Callable[[str], list[int]]:
    """Parses whole numbers by comma, each once."""
    return _each(at_least(least))


def to_seconds(text: str) -> float:
    """Parses a time."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds above zero")
    return value


def to_folder(text: str) -> Path:
    """Parses the path of a folder."""
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder '{text}'")
    return Path(text)


def need(package: str, extra: str) -> None:
    """Stop, saying how to go on, where an optional package is missing."""
    if importlib.util.find_spec(package) is None:
        name = Path(sys.argv[0]).stem
        print(f"{name}: error: needs {package}: pip install -e '.[{extra}]'", file=sys.stderr)
        raise SystemExit(1)


def _each(one: Callable[[str], T]) -> Callable[[str], list[T]]:
    def parse(text: str) -> list[T]:
        return list(dict.fromkeys(one(part.strip()) for part in text.split(",")))

    return parse


def _checked(text: str, look_up: Callable[[str], object]) -> str:
    _checked_value(text, look_up)
    return text


def _checked_value(text: str, look_up: Callable[[str], T]) -> T:
    try:
        return look_up(text)
    except WlmError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
