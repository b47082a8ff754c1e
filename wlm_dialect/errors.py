"""Every exception class of the project; the only place where they are defined.

`WlmError` is the root of what a user can cause. Tools print it as ``<tool>: error: <text>`` and exit with
`WlmError.exit_code`. Text: lower case, no final period, the place, the value, the limit and what to do.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from xdsl.utils.exceptions import DiagnosticException, PassFailedException


class WlmError(DiagnosticException):
    """Bad input of any kind: the message is meant for the user and needs no traceback."""

    exit_code: int = 1


class MachineError(WlmError):
    """A machine model that does not exist, or whose description breaks a rule."""


class FrontendError(WlmError):
    """A network, task graph or side file that cannot be imported."""


class ProgramError(WlmError):
    """IR that does not decode to a program: a broken count, an unknown engine, a cycle."""


class ScheduleError(WlmError, PassFailedException):
    """A pass met a program that it cannot handle (wrong phase, a limit that nothing can satisfy)."""


class SimulationError(WlmError):
    """A run that could not be started or was stopped: bad timing file, time limit."""


class ExecutionFault(SimulationError):
    """A program did what its hardware cannot: an address outside a memory, an opcode that does not exist."""

    exit_code = 2


class UsageError(WlmError):
    """A command line that makes no sense: unknown network, unwritable output, missing extra."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest of `known`, else the list of them (at most twelve)."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1, cutoff=0.55)
    if close:
        return f"; did you mean '{close[0]}'?"
    listed = ", ".join(names[:12])
    more = f", ... ({len(names)} in all)" if len(names) > 12 else ""
    return f"; known: {listed}{more}"
