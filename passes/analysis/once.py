"""What passes ask of one and the same program again and again is computed once."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from wlm_dialect.program import Program

T = TypeVar("T")


def once_per_program(analysis: Callable[[Program], T]) -> Callable[[Program], T]:
    """The analysis with its result kept as long as the program is: programs do not change, passes make new ones.

    Whoever asks must not change what it is given.
    """
    kept: WeakKeyDictionary[Program, T] = WeakKeyDictionary()

    @wraps(analysis)
    def once(program: Program) -> T:
        if program not in kept:
            kept[program] = analysis(program)
        return kept[program]

    return once
