"""Programs that compute: memories as arrays, tasks as numpy, in the order and at the ticks of a run."""

from wlm_dialect.runtime.functional.execute import Functional
from wlm_dialect.runtime.functional.memory import DTYPES, Memory

__all__ = ["DTYPES", "Functional", "Memory"]
