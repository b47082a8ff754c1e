"""The loops compiled by numba, when first asked for."""

import importlib.util
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import wlm_dialect.runtime.vta.loops as loops


def available() -> bool:
    """Numba is installed."""
    return importlib.util.find_spec("numba") is not None


@cache
def load() -> SimpleNamespace:
    """Every entry of `loops`, compiled; they take arrays where the plain ones take lists."""
    from numba import njit
    from numba.extending import register_jitable

    helpers: tuple[Callable[..., Any], ...] = loops.HELPERS
    for helper in helpers:
        register_jitable(helper)
    return SimpleNamespace(**{entry.__name__: njit(cache=True, nogil=True)(entry) for entry in loops.ENTRIES})
