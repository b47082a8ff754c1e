"""Our dialects and passes by name, each imported when asked for: `xdsl-opt` loads this module on every start."""

from xdsl.ir import Dialect
from xdsl.universe import Universe

from wlm_dialect.passes import get_all_passes


def _task() -> Dialect:
    from wlm_dialect.dialects.task import Task

    return Task


def _barrier() -> Dialect:
    from wlm_dialect.dialects.barrier import Barrier

    return Barrier


def _mgmt_dma() -> Dialect:
    from wlm_dialect.dialects.mgmt_dma import MgmtDma

    return MgmtDma


def _vta() -> Dialect:
    from wlm_dialect.dialects.vta import Vta

    return Vta


WLM_UNIVERSE = Universe(
    all_dialects={"barrier": _barrier, "mgmt_dma": _mgmt_dma, "task": _task, "vta": _vta},
    all_passes=get_all_passes(),
)
"""Named by the entry point group ``xdsl.universe``: plain `xdsl-opt` knows our dialects and passes by it."""
