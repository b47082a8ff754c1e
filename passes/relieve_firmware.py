"""Pass `wlm-relieve-firmware`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.fuse_barriers import fused
from wlm_dialect.program import Kind, Program

_TOLERANCES = (10, 30, 100, 200, 400)  # percent of the mean duration of a task
# measured: a run takes about (network^p + firmware^p)^(1/p), docs/firmware.md
_SHARPNESS = {"firmware": 4, "partial": 12}


@dataclass(frozen=True)
class RelieveFirmwarePass(ProgramPass):
    """Let more waits share barriers where firmware would be the bottleneck, at the price of tasks that start later.

    Each barrier less is an instance less to program. Where handlers would keep firmware busy for more than half of the
    time that the network takes, wlm-fuse-barriers runs with the tolerance for which the estimate of both together is
    shortest. Fast firmware costs nothing: the program is left as it is.

    Precondition: phase virtual, firmware or partial mode. Postcondition: that of wlm-fuse-barriers.
    """

    name = "wlm-relieve-firmware"
    phases = ("virtual",)
    mode: Literal["firmware", "partial"] = "partial"

    def transform(self, program: Program) -> Program:
        best, network = program, _network_ticks(program)
        load = firmware_ticks(program, self.mode)
        if 2 * load <= network:
            return program
        least = self._together(network, load)
        for tolerance in _TOLERANCES:
            candidate = fused(program, tolerance, early=True)
            ticks = self._together(_network_ticks(candidate), firmware_ticks(candidate, self.mode))
            if ticks < least:
                best, least = candidate, ticks
        return best

    def _together(self, network: int, firmware: int) -> int:
        """Grows with the time of a run in which both wait for each other."""
        sharpness = _SHARPNESS[self.mode]
        return int(network**sharpness + firmware**sharpness)


def firmware_ticks(program: Program, mode: str) -> int:
    """How long firmware will be busy, roughly: barriers that bootstrap cannot load, and fetches, two per interrupt."""
    firmware, count = program.machine.firmware, program.machine.barriers.count
    programmed = max(0, len(program.barriers) - count * (1 + firmware.preload))
    fetches = int(np.count_nonzero(program.kind == Kind.FETCH))
    build = firmware.build_fetch if mode == "firmware" else 0
    per_instance = firmware.interrupt // firmware.top_up + firmware.program + firmware.push
    return programmed * per_instance + fetches * (firmware.interrupt // 2 + firmware.push + build)


def _network_ticks(program: Program) -> int:
    return max(estimate(program).end, default=0)
