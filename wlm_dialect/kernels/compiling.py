"""When compiled loops pay: loading them costs as much as running some ten thousand steps in plain Python."""

import os
import sys
from collections.abc import Callable
from typing import Any

_AT_HAND = 4  # numba itself is most of what has to be loaded; without that, a loop pays so much sooner


class Budget:
    """Whether one kind of loop is worth compiling: for one large input, or for many small ones that add up."""

    def __init__(self) -> None:
        self.spent = 0

    def exceeded(self, steps: int, limit: int) -> bool:
        """Count `steps` more; whether all so far are worth loading numba, which costs about `limit` plain steps.

        Compiled loops give the same results, so what a process did before shows in its speed alone.
        """
        self.spent += steps
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            return False
        return self.spent >= (limit // _AT_HAND if "numba" in sys.modules else limit)


def kept(njit: Callable[..., Any], function: Callable[..., Any], **options: Any) -> Any:
    """`function` compiled by numba's `njit`; the machine code is kept for later processes where there is a place.

    There is none in an installation that cannot be written to, for a user whose home cannot either.
    """
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # numba's "no locator available"
        return njit(**options)(function)
