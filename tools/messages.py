"""From exceptions to the `<tool>: error:` lines that a person reads."""

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable

from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException, ParseError

from wlm_dialect.errors import WlmError

BAD_INPUT = 1
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
INTERRUPTED = 128 + signal.SIGINT
USER_ERRORS = (DiagnosticException, ParseError, ArgSpecParseError, OSError)
"""What a user can cause. ArgSpecParseError is a BaseException and has to be named; so has every handler of it."""


def describe(error: BaseException, place: str = "") -> str:
    """The text after `error:`; a parse error brings its own place, file:line:col, and the line it is about."""
    if isinstance(error, ParseError):
        context = error.span.print_with_context(error.msg).rstrip().split("\n")
        shown = [f"  {line}" for line in context[1:-1]] if error.msg.strip() == context[-1].strip() else []
        return "\n".join([f"{error.span.get_location()}: {error.msg}", *shown])
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return f"cannot read '{error.filename}': {reason[:1].lower()}{reason[1:]}" if error.filename else reason
    text = str(error)
    if isinstance(error, ArgSpecParseError):
        text = text.rstrip()
    return f"{place}: {text}" if place else text


def exit_code(error: BaseException) -> int:
    """The exit code that goes with an error: its own, else bad input."""
    return error.exit_code if isinstance(error, WlmError) else BAD_INPUT


def report_error(tool: str, error: BaseException, place: str = "") -> int:
    """Print the error on standard error; the exit code."""
    print(f"{tool}: error: {describe(error, place)}", file=sys.stderr)
    return exit_code(error)


def guarded(tool: str, run: Callable[[], int]) -> int:
    """`run()` with everything a person can cause turned into one line and an exit code.

    Argument parsers exit with 2 on bad usage, which here means *refuted*: it becomes 1. A closed pipe ends quietly.
    Anything unknown keeps its traceback: it is our bug.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names may hold what a terminal does not know
    try:
        try:
            code = run()
        except SystemExit as stop:
            code = BAD_INPUT if stop.code == 2 else int(stop.code or 0)
        sys.stdout.flush()  # at the exit of Python nobody could say what went wrong
        return code
    except KeyboardInterrupt:
        print(f"{tool}: interrupted; nothing was written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()  # the reader has gone
        return 128 + signal.SIGPIPE
    except USER_ERRORS as error:
        if isinstance(error, OSError) and error.filename is None:
            return _system_error(tool, error)
        return report_error(tool, error)


def _open_what_is_closed() -> None:
    """A tool that was started with a closed stream, as by `>&-`, has none: nothing comes from there, nobody listens."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))


def _system_error(tool: str, error: OSError) -> int:
    """An error about no file that the user named: a full disk behind standard output, or something unknown."""
    if error.errno not in _FULL:
        traceback.print_exc()
        return BAD_INPUT
    _forget_stdout()
    return report_error(tool, WlmError(f"cannot write the output: {str(error.strerror).lower()}"))


def _forget_stdout() -> None:
    """Python flushes stdout once more at exit; let that go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
