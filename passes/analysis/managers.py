"""Which DMA queue carries the management of an engine. Fixed per engine, so that its pushes are in order (H6)."""

from wlm_dialect.machine import EngineModel, MachineModel


def management_queues(machine: MachineModel) -> tuple[EngineModel, ...]:
    """DMA queues that may carry management: those that can read DDR, where descriptors and FIFO words lie."""
    queues = machine.engines_of("dma")
    return tuple(e for e in queues if e.source in ("", "ddr")) or queues


def manager(machine: MachineModel, engine: int) -> int:
    """The queue that fetches for and enqueues on `engine`; -1 if there is none.

    A DMA queue is never its own. It may be any other: FIFO words can lie in either memory.
    """
    queues = [q for q in management_queues(machine) if machine.engine_index[q.name] != engine]
    if not queues:
        queues = [q for q in machine.engines_of("dma") if machine.engine_index[q.name] != engine]
    return machine.engine_index[queues[engine % len(queues)].name] if queues else -1
