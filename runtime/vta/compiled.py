"""The loops compiled by numba, when first asked for."""

import importlib.util
from functools import cache
from types import SimpleNamespace

from wlm_dialect.kernels.compiling import kept
from wlm_dialect.runtime.vta import acc_loops, loops


def available() -> bool:
    """Numba is installed."""
    return importlib.util.find_spec("numba") is not None


@cache
def load() -> SimpleNamespace:
    """Every entry of `loops` and `acc_loops`, compiled; they take arrays where the plain ones take lists."""
    from numba import njit
    from numba.extending import register_jitable

    for helper in (*loops.HELPERS, *acc_loops.HELPERS):
        register_jitable(helper)
    entries = (*loops.ENTRIES, *acc_loops.ENTRIES)
    return SimpleNamespace(**{entry.__name__: kept(njit, entry, nogil=True) for entry in entries})
