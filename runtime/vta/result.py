"""What a run of a VTA program gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta import Output, Tokens, VtaProgram
from wlm_dialect.runtime.vta.counters import count
from wlm_dialect.runtime.vta.order import Order

FINISHED, STUCK, EARLY_FINISH, NO_FINISH = "finished", "deadlock", "early finish", "no finish"


@dataclass(frozen=True)
class Mismatch:
    """An output that is not as expected: how many bytes differ, and the first of them."""

    output: int
    differing: int
    address: int
    expected: int
    got: int

    def __str__(self) -> str:
        return (
            f"output {self.output}: {self.differing} bytes differ, first at 0x{self.address:x}: "
            f"expected {self.expected}, got {self.got}"
        )


@dataclass(frozen=True, eq=False)
class VtaResult:
    """`outcome` is that of the last launch that began; `launches` one order each. `outputs`: bytes of each region."""

    program: VtaProgram
    outcome: str
    problems: tuple[str, ...]  # what kept the run from ending as it should, in words; empty if it did
    launches: tuple[Order, ...]
    outputs: tuple[NDArray[np.uint8], ...]
    inp: NDArray[np.uint8]  # scratchpads at the end, (depth, bytes of an element)
    wgt: NDArray[np.uint8]
    acc: NDArray[np.int32]  # (depth, batch * block_out)
    engine_of_execution: str

    @property
    def tokens(self) -> Tokens:
        """What the queues hold in the end."""
        return self.launches[-1].tokens

    @property
    def counters(self) -> dict[str, int]:
        """The profiler's counters of the last launch; the reference clears them before each."""
        return count(self.program, self.launches[-1].insns)

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """Outputs whose expected bytes are known and different."""
        found = []
        for n, (region, got) in enumerate(zip(self.program.outputs, self.outputs, strict=True)):
            mismatch = _compare(n, region, got)
            if mismatch is not None:
                found.append(mismatch)
        return tuple(found)


def _compare(number: int, region: Output, got: NDArray[np.uint8]) -> Mismatch | None:
    if region.expected is None:
        return None
    wrong = np.flatnonzero(region.expected != got)
    if not len(wrong):
        return None
    at = int(wrong[0])
    return Mismatch(number, len(wrong), region.address + at, int(region.expected[at]), int(got[at]))
