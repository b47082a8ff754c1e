"""The roofline: how many ticks a piece of work takes on an engine of a machine model (docs/frontends.md)."""

from wlm_dialect.machine import EngineModel, MachineModel


def _ceil(value: int, by: int) -> int:
    return -(-value // by)


def dma_ticks(machine: MachineModel, engine: EngineModel, size: int) -> int:
    """Ticks to move `size` bytes: setup + bytes / bandwidth of the channel."""
    return max(1, machine.transfer_ticks(engine, size))


def dpu_ticks(machine: MachineModel, macs: int, elements: int) -> int:
    """Ticks of one DPU task: overhead + max(macs / (peak * efficiency), elements / elements per tick).

    `macs` are dense multiply-accumulates; `elements` what passes through the data path one by one (eltwise, pooling,
    depthwise multiply-accumulates; output elements otherwise).
    """
    c = machine.compute
    dense = _ceil(macs * 100, c.dpu_macs * c.dpu_efficiency_percent)
    return c.dpu_overhead + max(1, dense, _ceil(elements, c.dpu_elements))


def shave_ticks(machine: MachineModel, elements: int, cost: int) -> int:
    """Ticks of one SHAVE task: overhead + elements * cost / elements per tick; `cost` is passes per element."""
    c = machine.compute
    return c.shave_overhead + max(1, _ceil(elements * cost, c.shave_elements))
