"""How `run` runs a program."""

from dataclasses import dataclass

from wlm_dialect.errors import SimulationError, did_you_mean
from wlm_dialect.runtime.compiled import need_numba

ENGINES = ("auto", "events", "maxplus")


@dataclass(frozen=True)
class Options:
    """The arguments of `run` that do not change the tables; see there."""

    engine: str = "auto"
    compiled: bool | None = None
    limit: int | None = None
    repeat: int = 1
    ties: int = 0
    counts: bool = True

    def check(self) -> None:
        """SimulationError, or UsageError without numba, if they make no sense."""
        if self.engine not in ENGINES:
            raise SimulationError(f"engine of execution is '{self.engine}'{did_you_mean(self.engine, ENGINES)}")
        if self.repeat < 1:
            raise SimulationError(f"repeat is {self.repeat}, but a program runs at least once")
        if self.ties < 0:
            raise SimulationError(f"ties is {self.ties}, but permutations are numbered from 0")
        if self.limit is not None and self.limit < 0:
            raise SimulationError(f"the time limit is {self.limit} ticks, but must be at least 0")
        if self.compiled:
            need_numba()
