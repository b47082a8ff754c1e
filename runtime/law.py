"""The law of firmware: a run cannot be shorter than what firmware has to do for its barriers, one after the other."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.program import Program


@dataclass(frozen=True)
class Law:
    """makespan >= (V - N (1 + F)) C / k, in ticks: every instance that bootstrap does not load costs an interrupt.

    It holds exactly (docs/why.md): bootstrap loads at most 1 + F instances of a barrier, handlers program the others
    before the tasks that use them, at most k each, and firmware is one sequential server.
    """

    instances: int  # V, all barriers of the program
    barriers: int  # N, physical barriers that it uses
    preload: int  # F, instances that bootstrap loads behind the first of a barrier, at most
    top_up: int  # k, instances that one handler programs, at most
    cost: int  # C, ticks of an interrupt that programs k instances

    @property
    def ticks(self) -> int:
        """The bound, rounded up; 0 where bootstrap may load everything."""
        return max(0, -(-(self.instances - self.barriers * (1 + self.preload)) * self.cost // self.top_up))


def find_law(program: Program) -> Law | None:
    """The law for a managed program in firmware or partial mode; None where firmware programs no barriers."""
    if program.phase != "managed" or program.mode == "full":
        return None
    barriers, firmware = program.barriers, program.machine.firmware
    preload = int(barriers.instance[program.bootstrap].max(initial=0))
    cost = firmware.interrupt + firmware.top_up * firmware.program
    return Law(len(barriers), len(np.unique(barriers.pid)), preload, firmware.top_up, cost)
