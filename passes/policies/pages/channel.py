"""The one DMA queue that carries all management of the baseline, "P0 DDR" upstream."""

from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel


def management_queue(machine: MachineModel) -> int:
    """The first DMA queue that reads DDR and ends its tasks in order: what stands on it relies on what stood before.

    Where none reads DDR, the first that ends tasks in order; `management.queue`, if that is one that does.
    ScheduleError if there is none.
    """
    ordered = [e for e in machine.engines_of("dma") if e.ends_in_order]
    chosen = [e for e in ordered if e.name == machine.management.queue]
    if chosen:
        return machine.engine_index[chosen[0].name]
    if not ordered:
        raise ScheduleError(
            "policy 'pages' needs a DMA queue that ends tasks in order (serial or prefetching) for its management, but "
            f"machine '{machine.name}' has none; use mode partial or firmware"
        )
    ddr = [e for e in ordered if e.source in ("ddr", "")]
    return machine.engine_index[(ddr or ordered)[0].name]
