"""Where full mode puts fetches and enqueues, and how it uses descriptor slots: few DMAs where there is time."""

import numpy as np
import pytest

from wlm_dialect.api import compile_program, run
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.insert_fetches import InsertFetchesPass, Ramp
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import Draft

TINY = preset("tiny")


def chain(count: int, cycles: int, machine: MachineModel = TINY, load_cycles: int = 30) -> Program:
    """Loads on dma0, each for a DPU task of so many ticks."""
    draft = Draft("net", machine)
    dma, dpu = machine.engine_index["dma0"], machine.engine_index["dpu0"]
    for n in range(count):
        load = draft.add(dma, f"load{n}", load_cycles)
        draft.add(dpu, f"conv{n}", cycles, after=[load])
    return draft.finish()


def fetched(program: Program) -> list[tuple[int, int, int]]:
    """(low, high, first slot) of each fetch."""
    rows = np.nonzero(program.kind == Kind.FETCH)[0].tolist()
    return [(int(program.low[t]), int(program.high[t]), int(program.slot[t])) for t in rows]


def test_slots_are_a_ring_where_fetches_take_much_of_a_queue() -> None:
    many = TINY.with_(**{"dpu.descriptor_slots": 32, "dpu.fifo_depth": 64})
    for machine, cycles, slots in ((many, 10_000, "halves"), (many, 10, "ring"), (TINY, 10, "halves")):
        program = chain(60, cycles, machine)
        assert fetched(InsertFetchesPass().run(program)) == fetched(InsertFetchesPass(slots=slots).run(program))
        halves, ring = (fetched(InsertFetchesPass(slots=s).run(program)) for s in ("halves", "ring"))
        assert halves != ring


def test_firmware_modes_keep_to_halves() -> None:
    program = chain(12, 10)
    halves = fetched(InsertFetchesPass("partial", "halves").run(program))
    assert fetched(InsertFetchesPass("partial").run(program)) == halves


def test_slots_nobody_knows_are_refused() -> None:
    with pytest.raises(ScheduleError) as caught:
        InsertFetchesPass(slots="rnig").run(chain(2, 10))
    assert str(caught.value) == "wlm-insert-fetches: slots is 'rnig'; did you mean 'ring'?"


def test_first_groups_grow_with_the_time_there_is() -> None:
    """10 ticks per fetch and 5 per descriptor: 38 of them by tick 200."""
    assert Ramp([0] * 50, 0, 10, 5).size(0, 0) == 1
    assert Ramp([200] * 50, 0, 10, 5).size(0, 0) == 38
    assert Ramp([200] * 50, 0, 10, 5).size(1, 38) > 50  # beyond the ramp


def enqueues(program: Program) -> list[tuple[int, int]]:
    """Ranges of the enqueues of dpu0."""
    of_dpu = (program.kind == Kind.ENQUEUE) & (program.target == program.machine.engine_index["dpu0"])
    return [(int(program.low[t]), int(program.high[t])) for t in np.nonzero(of_dpu)[0].tolist()]


def test_groups_that_are_there_in_any_case_share_an_enqueue() -> None:
    """All on one queue: the loads of a group stand behind its fetch, so each task knows that it has been fetched."""
    machine = TINY.with_(**{"dpu.fifo_depth": 64, "barriers.fifo_depth": 4, "barriers.count": 16})
    one = machine.with_(engines=tuple(e for e in machine.engines if e.name not in ("dma1", "dma_fw")))
    program = compile_program(chain(12, 500, one, load_cycles=1000), "full{slots=halves}").program
    assert len(fetched(program)) > 3
    assert enqueues(program) == [(0, 12)]


def test_an_enqueue_waits_for_room() -> None:
    """With one place in the work FIFO a push may not come before the tasks in front have left it: no queue blocks."""
    machine = TINY.with_(**{"dpu.fifo_depth": 1, "full_fifo": "drop", "barriers.fifo_depth": 4, "barriers.count": 16})
    program = compile_program(chain(12, 2000, machine), "full").program
    assert len(enqueues(program)) > 3
    assert run(program).hazard is None
