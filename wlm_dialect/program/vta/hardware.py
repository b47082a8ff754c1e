"""The implementations of VTA and where they differ from the reference simulator (docs/vta.md).

Nothing here was measured on hardware; every figure is from the sources of Apache tvm-vta.
"""

from dataclasses import dataclass

from wlm_dialect.errors import UsageError, did_you_mean
from wlm_dialect.program.vta.model import Module

PUSHER = (Module.LOAD, Module.COMPUTE, Module.STORE, Module.COMPUTE)
POPPER = (Module.COMPUTE, Module.LOAD, Module.COMPUTE, Module.STORE)
"""Per queue of `QUEUES` who pushes and who pops."""


@dataclass(frozen=True)
class Hardware:
    """One implementation. None = no limit."""

    name: str
    commands: int | None = None  # entries of a module's command queue
    held: bool = True  # an instruction keeps its entry until it ends; else until its module takes it
    tokens: int | None = None  # entries of a dependence queue
    saturates: bool = False  # a push into a full dependence queue is lost; else it waits
    uops: int | None = None  # entries of the micro-op memory, whatever the configuration says
    out_memory: bool = False  # STORE reads OUT, which only GEMM and ALU write
    reset_writes_out: bool = True  # GEMM reset changes OUT, too (to what the accumulator held)
    chisel: bool = False  # loop counts of 0 are 2^14; ALU hazards are not bypassed; MUL is not decoded
    hls: bool = False  # MUL does nothing, SHR takes 5 signed bits

    @property
    def bounded(self) -> bool:
        """Whether a queue can be full."""
        return self.commands is not None or (self.tokens is not None and not self.saturates)


SIM = Hardware("sim")
_CHISEL = Hardware("chisel", 512, True, 255, True, 2048, True, False, chisel=True)
_HLS = Hardware("hls", 512, False, 1024, False, None, True, hls=True)
_HLS_SIM = Hardware("hls-sim", 8, False, 8, False, None, True, hls=True)
_OPENCL = Hardware("opencl", out_memory=True)

HARDWARE = {h.name: h for h in (SIM, _CHISEL, _HLS, _HLS_SIM, _OPENCL)}
TARGETS = {
    "sim": "sim",
    "tsim": "chisel",
    "de10nano": "chisel",
    "pynq": "hls",
    "ultra96": "hls",
    "zcu104": "hls",
    "intelfocl": "opencl",
}
"""What a configuration's TARGET runs on."""


def find_hardware(name: str) -> Hardware:
    """The implementation or TARGET called `name`; UsageError with a suggestion if there is none."""
    found = HARDWARE.get(TARGETS.get(name, name))
    if found is None:
        raise UsageError(f"unknown VTA hardware '{name}'{did_you_mean(name, (*HARDWARE, *TARGETS))}")
    return found
