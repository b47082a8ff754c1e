"""The law of firmware: a run cannot be shorter than what firmware has to do for its barriers, one after the other."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Program


@dataclass(frozen=True)
class Law:
    """makespan >= (V - N (1 + F)) C / k, in ticks: every instance that bootstrap cannot load costs an interrupt.

    Source: reference/perf.md 2.5. It holds exactly: bootstrap loads at most 1 + F instances of a barrier, each other
    one is programmed by a handler that ends before its tasks can, and firmware is one sequential server.
    """

    instances: int  # V, all barriers of the program
    barriers: int  # N, physical barriers that it uses
    preload: int  # F, instances that bootstrap loads behind the first
    top_up: int  # k, instances that one handler programs at most
    cost: int  # C, ticks of one interrupt that programs an instance

    @property
    def ticks(self) -> int:
        """The bound, rounded up; 0 where bootstrap may load everything."""
        return max(0, -(-(self.instances - self.barriers * (1 + self.preload)) * self.cost // self.top_up))


def find_law(program: Program) -> Law | None:
    """The law for a managed program in firmware or partial mode; None where firmware programs no barriers."""
    if program.phase != "managed" or program.mode == "full":
        return None
    firmware = program.machine.firmware
    preload, top_up = firmware_depth(program.machine)
    used = len(np.unique(program.barriers.pid))
    return Law(len(program.barriers), used, preload, top_up, firmware.interrupt + firmware.program)


def firmware_depth(machine: MachineModel) -> tuple[int, int]:
    """F and k of the law: instances preloaded behind the first, and instances that one handler programs."""
    del machine  # firmware keeps nothing in the FIFO of a barrier, and programs one instance per interrupt
    return 0, 1
