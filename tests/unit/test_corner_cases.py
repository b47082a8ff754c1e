"""Machines at the limit of what is legal: every mode places every graph on them, proved and with the same answer."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.campaign.schedules import random_graph, random_machine
from tests.property.test_pipelines import assert_faithful
from wlm_dialect.api import compile_program
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.analysis.stretches import in_stretches
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_fetches import InsertFetchesPass
from wlm_dialect.passes.insert_tail import InsertTailPass
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.run import run

MODES = ("firmware", "partial", "full")


def machine(base: str = "tiny", **changes: Any) -> MachineModel:
    return preset(base).with_(**{name.replace("__", "."): value for name, value in changes.items()})


def without(model: MachineModel, *engines: str) -> MachineModel:
    """The machine without some of its engines."""
    return model.with_(engines=tuple(e for e in model.engines if e.name not in engines))


def graph(model: MachineModel, layers: int = 4) -> Program:
    """Layers that take turns on the DMA queues and use every compute engine, with a store at the end."""
    draft = Draft("net", model)
    index = model.engine_index
    dmas, dpus, shaves = ([index[e.name] for e in model.engines_of(kind)] for kind in ("dma", "dpu", "shave"))
    last: list[int] = []
    for n in range(layers):
        new = [draft.add(dmas[n % len(dmas)], f"load{n}", 90, bytes=80)]
        new += [draft.add(e, f"conv{n}_{i}", 200 + i, slots=3, after=[new[0], *last]) for i, e in enumerate(dpus)]
        new += [draft.add(e, f"act{n}_{i}", 50, slots=2, after=[new[-1]]) for i, e in enumerate(shaves)]
        last = new[1:] or new
    draft.add(dmas[-1], "store", 90, bytes=80, after=last)
    return draft.finish()


SMALL = {
    "barrier FIFO 0": machine(barriers__fifo_depth=0),
    "barrier FIFO 1": machine(barriers__fifo_depth=1),
    "barrier FIFO 2": machine(barriers__fifo_depth=2),
    "barrier FIFO 4": machine(barriers__fifo_depth=4),
    "barrier FIFO 32": machine(barriers__fifo_depth=32),
    "work FIFO 1": machine(engine__fifo_depth=1),
    "work FIFO 2": machine(engine__fifo_depth=2),
    "work FIFO 8": machine(engine__fifo_depth=8),
    "work FIFO 64": machine(engine__fifo_depth=64),
    "work FIFO 1 that drops": machine(engine__fifo_depth=1, full_fifo="drop"),
    "groups of one task": machine(dpu__descriptor_slots=1, shave__descriptor_slots=1),
    "one DMA channel": without(machine(), "dma1"),
    "one tile": machine("npu40xx:1"),
    "no SHAVE": without(machine(), "shave0"),
    "2 barriers": machine(barriers__count=2),
    "3 bare barriers": machine(barriers__count=3, barriers__fifo_depth=0),
    "prefetching DMAs": machine(dma__order="prefetching", barriers__count=2),
    "linked enqueues": machine(barriers__count=2, management__linked_enqueue=True),
    "everything at once": without(
        machine(
            barriers__count=2,
            barriers__fifo_depth=0,
            engine__fifo_depth=1,
            dpu__descriptor_slots=1,
            shave__descriptor_slots=1,
            full_fifo="drop",
        ),
        "dma1",
    ),
    "everything at once, on pools": machine(
        "npu37xx", barriers__count=2, barriers__fifo_depth=0, engine__fifo_depth=1, dpu__descriptor_slots=1
    ),
}  # fmt: skip


def assert_placed(network: Program, mode: str) -> Program:
    """The graph compiles to a program that is proved, runs clean, twice in a row too, and does what the graph says."""
    program = compile_program(network, mode).program
    assert check(program).status == PROVED
    assert_faithful(network, program, run(program))
    assert run(program, repeat=2).outcome == "finished"
    return program


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SMALL)
def test_every_mode_on_every_corner(name: str, mode: str) -> None:
    assert_placed(graph(SMALL[name]), mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["barrier FIFO 0", "work FIFO 1", "one DMA channel", "everything at once"])
def test_a_network_of_dmas_only_and_a_single_task(name: str, mode: str) -> None:
    model = SMALL[name]
    dmas = [model.engine_index[e.name] for e in model.engines_of("dma")]
    draft = Draft("net", model)
    for n in range(9):
        draft.add(dmas[n * n % len(dmas)], f"copy{n}", 40 + n, bytes=64, after=[n - 1] if n % 3 else [])
    assert_placed(draft.finish(), mode)
    for engine in ("dma0", "dpu0", "shave0"):
        single = Draft("net", model)
        single.add(model.engine_index[engine], "only", 7)
        assert_placed(single.finish(), mode)


@pytest.mark.parametrize("depth", [0, 1])
def test_full_mode_needs_one_physical_barrier(depth: int) -> None:
    for base in ("tiny", "npu37xx"):
        program = assert_placed(graph(machine(base, barriers__count=1, barriers__fifo_depth=depth)), "full")
        assert set(program.barriers.pid.tolist()) == {0}


@pytest.mark.parametrize("mode", ["firmware", "partial"])
def test_the_firmware_modes_need_two(mode: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        compile_program(graph(machine(barriers__count=1)), mode)
    assert str(caught.value) == (
        f"@net: no assignment to 1 physical barriers was found: in mode {mode} a task waits for one while it updates "
        "another, so it takes 2, and machine 'tiny' has 1; use a machine with more barriers, or mode full, which needs "
        "1 [H1, H2]"
    )


def in_stretches_at_once(network: Program) -> None:
    """The last resort, without the passes that look at slots before it."""
    made: Program = InsertBarriersPass().run(InsertFetchesPass().run(network))
    in_stretches(InsertTailPass().run(made))


@pytest.mark.parametrize("place", [lambda network: compile_program(network, "full"), in_stretches_at_once])
def test_a_task_that_no_join_can_count_is_named(place: Callable[[Program], object]) -> None:
    draft = Draft("net", machine(barriers__count=1, barriers__max_sum=3))
    draft.add(draft.machine.engine_index["dpu0"], "conv", 200, slots=3)
    with pytest.raises(ScheduleError) as caught:
        place(draft.finish())
    assert str(caught.value) == (
        "task 'conv' takes 3 producer slots of a barrier but machine 'tiny' leaves 2; give it fewer slots (variants) "
        "[H9]"
    )


def test_stretches_run_their_tasks_side_by_side() -> None:
    """The last resort is not one task at a time: engines overlap between joins, and joins are few."""
    network = graph(machine("npu40xx:1", barriers__count=4, barriers__fifo_depth=0), 20)
    program = assert_placed(network, "full")
    joins = int((program.kind == Kind.SYNC).sum())
    assert 0 < joins < len(network) // 3
    assert run(program).makespan < int(np.sum(program.cycles))


@pytest.mark.parametrize("seed", [101105, 101870, 102547])
def test_what_tells_of_a_fetch_survives_repair(seed: int) -> None:
    """Repair moved tasks between a fetch and the barrier that told firmware of it; the last resort is taken then."""
    rng = random.Random(seed)
    network = random_graph(random_machine(rng), rng, rng.randint(16, 48))
    assert_placed(network, "partial")


def test_a_task_that_consumes_at_its_end_does_not_update_the_next_instance() -> None:
    """Both would be one event: a SYNC of the last resort waited on one instance of a barrier and updated the next."""
    changes = {"barriers__count": 3, "barriers__max_producers": 2, "barriers__consume_at": "end"}
    model = machine("npu37xx", dma__order="prefetching", full_fifo="drop", management__linked_enqueue=True, **changes)
    draft = Draft("net", model)
    for engine, name, slots in (("dpu1", "a", 1), ("dpu1", "b", 1), ("shave0", "c", 2)):
        draft.add(model.engine_index[engine], name, 37, slots=slots)
    assert_placed(draft.finish(), "full")


def test_syncs_whose_ends_count_are_not_spared() -> None:
    """On a prefetching queue a SYNC in between told the third that the first had ended, and so consumed its barrier."""
    changes = {"barriers__count": 3, "barriers__max_consumers": 5, "barriers__consume_at": "end"}
    queues = {"dma__order": "prefetching", "engine__fifo_depth": 4, "barriers__fifo_depth": 2, "full_fifo": "drop"}
    model = machine("npu37xx", management__linked_enqueue=True, **changes, **queues)
    draft = Draft("net", model)
    slots = (2, 2, 1, 4, 2, 2, 4, 2, 2, 3, 2)
    cycles = (393, 1723, 2558, 222, 1723, 1280, 650, 1331, 383, 120, 1280)
    for t, (count, ticks) in enumerate(zip(slots, cycles, strict=True)):
        engine = model.engine_index["shave0" if t == 2 else "dpu0"]
        draft.add(engine, f"t{t}", ticks, slots=count, after=[t - 1] if t else [])
    assert_placed(draft.finish(), "full")


def test_what_repair_costs_is_in_the_stages() -> None:
    for count, depth in ((3, 0), (32, 4)):
        compiled = compile_program(graph(machine(barriers__count=count, barriers__fifo_depth=depth), 12), "full")
        stages = {stage.name.partition("{")[0]: stage for stage in compiled.stages}
        before, after = stages["wlm-split-barriers"], stages["wlm-assign-barriers"]
        assert after.joins == int((compiled.program.kind == Kind.SYNC).sum())
        assert (after.joins > before.joins) == (count == 3)
        assert stages["wlm-verify-schedule"].waits == len(compiled.program.waits.index)
