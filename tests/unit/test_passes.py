"""What all passes share: phases, several graphs, what is left alone; errors that only a caller in Python can meet."""

from typing import Any

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.parser import Parser

from wlm_dialect.dialects.barrier import Barrier
from wlm_dialect.dialects.mgmt_dma import MgmtDma
from wlm_dialect.dialects.task import Task
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import preset
from wlm_dialect.passes import get_all_passes
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.insert_fetches import InsertFetchesPass, groups
from wlm_dialect.passes.verify_phase import VerifyPhasePass
from wlm_dialect.program import Barriers, Program, decode_module, find_graphs, set_module_machine
from wlm_dialect.program.model import Draft

TINY = preset("tiny")  # dma0, dma1, dma_fw, dpu0, shave0
DMA0, DPU = 0, 3
PHASES = ("graph", "virtual", "physical", "managed")
MADE_BY = {
    "graph": "a front end or wlm-insert-dependences",
    "virtual": "wlm-insert-barriers",
    "physical": "wlm-assign-barriers",
    "managed": "one of the pipelines firmware, partial, full",
}


def module(text: str) -> ModuleOp:
    """The module in `text`, for `tiny`."""
    context = Context()
    for dialect in (Builtin, Task, Barrier, MgmtDma):
        context.load_dialect(dialect)
    made = Parser(context, text).parse_module()
    set_module_machine(made, TINY)
    return made


def program(phase: str, mode: str = "") -> Program:
    """One task on dma0, in a phase."""
    draft = Draft("net", TINY, phase, mode)
    draft.add(DMA0, "a", 3)
    return draft.finish()


def program_passes() -> list[type[ProgramPass]]:
    """Our passes that map programs to programs."""
    classes = (load() for _, load in sorted(get_all_passes().items()))
    return [cls for cls in classes if issubclass(cls, ProgramPass)]


@pytest.mark.parametrize("cls", program_passes(), ids=lambda cls: cls.name)
def test_a_pass_refuses_every_phase_but_its_own(cls: type[ProgramPass]) -> None:
    assert set(cls.phases) <= set(PHASES)
    wrong = [phase for phase in PHASES if phase not in cls.phases]
    assert wrong or cls is VerifyPhasePass
    for phase in wrong:
        with pytest.raises(ScheduleError) as caught:
            cls().run(program(phase, "full" if phase == "managed" else ""))
        assert str(caught.value) == (
            f"{cls.name} needs a graph in phase {' or '.join(cls.phases)}, but @net is in phase {phase}; "
            f"phase {cls.phases[0]} is made by {MADE_BY[cls.phases[0]]}"
        )


def test_a_pass_works_on_every_graph_of_the_module_and_on_nothing_else() -> None:
    made = module(
        "task.graph @one {\n"
        '  %a = task.run @dma0 "a" cycles 3\n'
        '  task.run @dpu0 "b" after(%a) cycles 4\n'
        "}\n"
        "task.graph @two {\n"
        '  task.run @dma0 "c" cycles 5\n'
        "}\n"
        "%ticks = task.launch @one\n"
    )
    get_all_passes()["wlm-insert-barriers"]()().apply(Context(), made)
    made.verify()
    assert [graph.phase_name for graph in find_graphs(made)] == ["virtual", "virtual"]
    assert [len(p.barriers) for p in decode_module(made)] == [1, 0]
    assert "task.launch @one" in str(made)


def test_a_module_without_graphs_is_left_alone() -> None:
    made = module("builtin.module {}")
    before = str(made)
    for cls in program_passes():
        cls().apply(Context(), made)
    assert str(made) == before


class _Nothing(ProgramPass):
    """Changes nothing."""

    name = "wlm-nothing"

    def transform(self, program: Program) -> Program:
        return program


def test_ir_that_a_pass_does_not_change_is_not_written_again() -> None:
    made = module('task.graph @one {\n  %kept = task.run @dma0 "a" cycles 3\n}')
    (graph,) = find_graphs(made)
    before = list(graph.body.block.ops)
    _Nothing().apply(Context(), made)
    assert list(graph.body.block.ops) == before


@pytest.mark.parametrize(
    ("made", "phase", "message"),
    [
        (InsertFetchesPass("ful"), "graph", "wlm-insert-fetches: mode is 'ful'; did you mean 'full'?"),  # type: ignore[arg-type]
        (InsertFetchesPass("full", "rign"), "graph", "wlm-insert-fetches: slots is 'rign'; did you mean 'ring'?"),
        (AssignBarriersPass("ful"), "virtual", "wlm-assign-barriers: mode is 'ful'; did you mean 'full'?"),  # type: ignore[arg-type]
        (VerifyPhasePass("grahp"), "graph", "wlm-verify-phase: phase is 'grahp'; did you mean 'graph'?"),  # type: ignore[arg-type]
    ],
)
def test_an_option_that_is_none_is_refused(made: Any, phase: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        made.run(program(phase))
    assert str(caught.value) == message


def phase_findings(phase: str, **changes: Any) -> list[str]:
    """What `wlm-verify-phase` says of one task in a phase, with changes."""
    made = program(phase, "full" if phase == "managed" else "").with_(**changes)
    with pytest.raises(ScheduleError) as caught:
        VerifyPhasePass(phase).run(made)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


def test_a_barrier_that_nothing_lifts_is_refused_in_every_phase_that_has_barriers() -> None:
    text = "@net: barrier v0 has no producer, so nothing lifts it [H7]"
    assert phase_findings("virtual", barriers=Barriers.virtual(1)) == [text]
    assert "barrier v0 has no producer, so nothing lifts it [H7]" in phase_findings(
        "physical", barriers=Barriers.virtual(1)
    )
    assert "barrier v0 has no producer, so nothing lifts it [H7]" in phase_findings(
        "managed", barriers=Barriers.virtual(1)
    )


@pytest.mark.parametrize("mode", ["firmware", "partial", "full"])
@pytest.mark.parametrize("depth", [1, 2, 5, 64])
@pytest.mark.parametrize("slots", [1, 2, 3, 8])
def test_groups_cover_every_task_once_and_fit_slots_and_fifo(slots: int, depth: int, mode: str) -> None:
    machine = TINY.with_(**{"dpu.descriptor_slots": slots, "dpu.fifo_depth": depth, "firmware.fetch_batch": 2})
    engine = machine.engine("dpu0")
    for count in (1, 2, 7, 40):
        plan = groups(engine, count, mode, machine)
        assert [t for low, high, _ in plan for t in range(low, high)] == list(range(count))
        for (low, high, slot), (_, _, following) in zip(plan, [*plan[1:], (0, 0, -1)], strict=True):
            assert slot + high - low <= slots
            assert high - low <= max(1, depth // 2)
            assert mode != "firmware" or high - low <= 2
            assert slots == 1 or slot != following


@pytest.mark.parametrize("depth", [1, 2, 5, 64])
@pytest.mark.parametrize("slots", [1, 2, 3, 8, 64])
def test_a_ring_of_slots_is_filled_one_after_the_other(slots: int, depth: int) -> None:
    machine = TINY.with_(**{"dpu.descriptor_slots": slots, "dpu.fifo_depth": depth})
    ring = min(slots, depth + 1)
    for count in (1, 2, 7, 200):
        plan = groups(machine.engine("dpu0"), count, "full", machine, "ring")
        assert [t for low, high, _ in plan for t in range(low, high)] == list(range(count))
        for low, high, slot in plan:
            assert slot == low % ring
            assert slot + high - low <= ring
            assert high - low <= max(1, ring // 2)
