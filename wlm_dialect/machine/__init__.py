"""The machine model: what the accelerator guarantees and what everything on it costs."""

from wlm_dialect.machine.description import dump_toml, load_machine, parse_machine
from wlm_dialect.machine.model import (
    BarrierModel,
    BootstrapModel,
    ComputeModel,
    EngineModel,
    FirmwareModel,
    MachineModel,
    ManagementModel,
    MemoryModel,
)
from wlm_dialect.machine.presets import machine_names, preset

__all__ = [
    "BarrierModel",
    "BootstrapModel",
    "ComputeModel",
    "EngineModel",
    "FirmwareModel",
    "MachineModel",
    "ManagementModel",
    "MemoryModel",
    "dump_toml",
    "load_machine",
    "machine_names",
    "parse_machine",
    "preset",
]
