"""The decorator of everything that exists twice: plain here, replaced by numba's in the copy `compiled.load` makes."""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """The function itself."""
    return function
