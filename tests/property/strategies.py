"""Random machines and task graphs for Hypothesis: small, shrinking towards one task on `tiny`."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hypothesis import strategies as st

from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft

SCALE = int(os.environ.get("CAMPAIGN_SCALE", "1"))
"""How many times the examples of an everyday run a campaign tries."""

TaskRow = tuple[str, int, int, tuple[int, ...]]
"""Engine, ticks, slots, dependences as distances back in program order."""


def _varied(base: str) -> dict[str, st.SearchStrategy[Any]]:
    """Parameters to vary on `base` and their ranges: the small values are where the limits bite."""
    varied: dict[str, st.SearchStrategy[Any]] = {
        "barriers.count": st.integers(2, 16),
        "barriers.fifo_depth": st.integers(0, 4),
        "engine.fifo_depth": st.integers(1, 8),
        "dpu.descriptor_slots": st.integers(1, 8),
        "shave.descriptor_slots": st.integers(1, 8),
        "barriers.max_producers": st.integers(2, 16),
        "barriers.max_consumers": st.integers(2, 16),
        "barriers.max_sum": st.integers(4, 24),
        "firmware.service_order": st.sampled_from(["arrival", "id"]),
        "firmware.fetch_batch": st.integers(1, 8),
        "firmware.channel": st.just("shared"),
        "dpu.order": st.sampled_from(["serial", "prefetching"]),
        "full_fifo": st.sampled_from(["block", "drop"]),
        "management.program_depth": st.integers(1, 4),
    }
    if base != "npu37xx":  # there the SHAVEs are pools
        varied["shave.order"] = st.sampled_from(["serial", "prefetching"])
    if SCALE > 1:
        varied |= _rare(base)
    return varied


def _rare(base: str) -> dict[str, st.SearchStrategy[Any]]:
    """What no preset has, for campaigns: other orders, re-arming, consumption, linked enqueues."""
    return {
        "barriers.rearm": st.sampled_from(["atomic", "acknowledged", "bounded"]),
        "barriers.consume_at": st.sampled_from(["start", "end"]),
        "dma.order": st.sampled_from(["serial", "prefetching"]),
        "dma.max_waits": st.integers(0, 2),
        "management.linked_enqueue": st.booleans(),
        "memory.bandwidth": st.sampled_from(["per_channel", "shared"]),
        **(
            {"shave.servers": st.integers(1, 3)}
            if base == "npu37xx"
            else {"shave.order": st.sampled_from(["serial", "prefetching", "outstanding", "pool"])}
        ),
    }


@dataclass(frozen=True)
class Case:
    """A machine as changes of a preset, and tasks in program order: its text is all it takes to build it again."""

    base: str
    changes: tuple[tuple[str, Any], ...]
    rows: tuple[TaskRow, ...]

    @cached_property
    def machine(self) -> MachineModel:
        """The machine."""
        return preset(self.base).with_(**dict(self.changes))

    @cached_property
    def graph(self) -> Program:
        """The task graph, in phase graph. A DMA always takes one slot."""
        draft = Draft("net", self.machine)
        for t, (name, cycles, slots, distances) in enumerate(self.rows):
            compute = self.machine.engine(name).kind != "dma"
            draft.add(
                self.machine.engine_index[name],
                f"t{t}",
                cycles,
                slots=slots if compute else 1,
                bytes=0 if compute else 64,
                after=sorted({t - d for d in distances if t >= d}),
            )
        return draft.finish()


@st.composite
def cases(draw: st.DrawFn, longest: int = 30) -> Case:
    """1 to `longest` tasks on some engines of a preset, as it ships or with some of its parameters changed.

    Deep graphs (every task follows its neighbour), wide ones, none connected at all, one engine or many: the distances
    and the choice of engines decide, and Hypothesis draws both.
    """
    base = draw(st.sampled_from(["tiny", "npu40xx:1", "npu37xx", "npu40xx:2"]))
    changes = tuple(sorted(draw(st.fixed_dictionaries({}, optional=_varied(base))).items()))
    machine = Case(base, changes, ()).machine
    kinds = draw(st.sampled_from([("dma", "dpu", "shave"), ("dma", "dpu"), ("dma",), ("dpu", "shave")]))
    names = [e.name for e in machine.engines if e.kind in kinds and not e.firmware]
    limits = machine.barriers
    most = min(8, limits.max_producers, limits.max_consumers, limits.max_sum - 1)
    reach = draw(st.sampled_from([0, 1, 3, 30]))
    distances = st.lists(st.integers(1, reach), max_size=4, unique=True).map(tuple) if reach else st.just(())
    row = st.tuples(st.sampled_from(names), st.integers(1, 3000), st.integers(1, most), distances)
    return Case(base, changes, tuple(draw(st.lists(row, min_size=1, max_size=longest))))
