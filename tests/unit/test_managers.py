"""Which queue manages which engine, and `management.queue`, which leaves no choice."""

import pytest

from wlm_dialect import api
from wlm_dialect.errors import MachineError
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.analysis.managers import managers
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import Draft

FULL = (Kind.FETCH, Kind.ENQUEUE, Kind.PROGRAM)


def dedicated(queue: str, machine: str = "tiny", *, barriers: int = 8, depth: int = 1) -> MachineModel:
    changes = {"management.queue": queue, "barriers.count": barriers, "barriers.fifo_depth": depth}
    return preset(machine).with_(**changes)


def layers(machine: MachineModel, count: int = 12) -> Program:
    draft = Draft("net", machine)
    dma, dpu, shave = (machine.engine_index[name] for name in ("dma0", "dpu0", "shave0"))
    last: list[int] = []
    for n in range(count):
        load = draft.add(dma, f"load{n}", 90)
        conv = draft.add(dpu, f"conv{n}", 200, after=[load, *last])
        last = [draft.add(shave, f"act{n}", 50, after=[conv])]
    draft.add(dma, "store", 90, after=last)
    return draft.finish()


def carriers(program: Program) -> set[str]:
    return {program.engine_name(t) for t in range(len(program)) if program.kind[t] in FULL}


def test_any_queue_may_manage_and_none_manages_itself() -> None:
    program = layers(preset("tiny"))
    found = managers(program)
    names = [program.machine.engines[q].name for q in found]
    assert set(names) <= {"dma0", "dma1"}
    assert all(q != e for e, q in enumerate(found))


@pytest.mark.parametrize("queue", ["dma0", "dma1", "dma_fw"])
@pytest.mark.parametrize("mode", ["full", "partial"])
def test_a_dedicated_queue_carries_all_management(mode: str, queue: str) -> None:
    machine = dedicated(queue, barriers=4)
    program = api.compile_program(layers(machine), mode).program
    assert check(program).status == PROVED
    assert carriers(program) == {queue}
    if mode == "full":
        assert count_of(program, Kind.PROGRAM) > 0


def count_of(program: Program, kind: Kind) -> int:
    return sum(int(k) == kind for k in program.kind.tolist())


def test_the_channel_reserved_for_firmware_can_be_the_dedicated_one() -> None:
    machine = dedicated("dma_fw")
    program = api.compile_program(layers(machine), "full").program
    own = [t for t in program.lists[machine.engine_index["dma_fw"]].tolist() if program.kind[t] == Kind.RUN]
    assert own == []
    assert check(program).status == PROVED
    result = api.run(program)
    assert result.interrupts == 0
    free = api.run(api.compile_program(layers(preset("tiny")), "full").program)
    assert result.makespan <= 1.01 * free.makespan, "one queue alone keeps up"


def test_a_network_of_dmas_only_has_nothing_for_it_to_carry() -> None:
    machine = dedicated("dma_fw", barriers=2, depth=0)
    draft = Draft("dmas", machine)
    last: list[int] = []
    for n in range(8):
        last = [draft.add(n % 2, f"copy{n}", 30, after=last)]
    program = api.compile_program(draft.finish(), "full").program
    assert check(program).status == PROVED
    assert api.run(program).outcome == "finished"


def test_a_real_network_on_a_dedicated_channel() -> None:
    program = api.compile_program(
        api.load("squeezenet", dedicated("dma_fw", "npu40xx:4", barriers=64, depth=4)), "full"
    ).program
    assert check(program).status == PROVED
    assert carriers(program) == {"dma_fw"}


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        (
            "dma_wf",
            "management: queue is 'dma_wf', which is no DMA engine of machine 'tiny'; did you mean 'dma_fw'?",
        ),
        ("dpu0", "management: queue is 'dpu0', which is no DMA engine of machine 'tiny'"),
    ],
)
def test_a_queue_that_is_no_dma_engine_is_refused(queue: str, text: str) -> None:
    with pytest.raises(MachineError) as caught:
        dedicated(queue)
    assert text in str(caught.value)


def test_a_queue_that_ends_out_of_order_is_refused() -> None:
    machine = preset("tiny").with_(**{"dma.order": "outstanding", "dma.servers": 2})
    with pytest.raises(MachineError) as caught:
        machine.with_(**{"management.queue": "dma1"})
    assert str(caught.value) == (
        "management: queue 'dma1' does not end its tasks in order, but an enqueue relies on the fetch before it; "
        "use one whose order is serial or prefetching, or leave it empty"
    )
