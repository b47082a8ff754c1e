"""The named pipelines on small graphs: which passes, in which order, and what managed programs of each mode hold."""

import pytest

from wlm_dialect.api import compile_program, pipeline
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import preset
from wlm_dialect.passes.pipelines import PIPELINES
from wlm_dialect.passes.verify_phase import VerifyPhasePass
from wlm_dialect.passes.verify_schedule import PROVED, VerifySchedulePass, check
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_LIFTED, IRQ_OFF, IRQ_OVER, Draft
from wlm_dialect.runtime.run import run

TINY = preset("tiny")
MODES = ("firmware", "partial", "full")


def layers(count: int = 6, machine: str = "tiny") -> Program:
    """A chain of layers, each a load, a DPU task and a SHAVE task, with a store at the end."""
    model = preset(machine)
    dma, dpu, shave = (model.engine_index[model.engines_of(kind)[0].name] for kind in ("dma", "dpu", "shave"))
    draft = Draft("net", model)
    last: list[int] = []
    for n in range(count):
        load = draft.add(dma, f"load{n}", 90, bytes=80)
        conv = draft.add(dpu, f"conv{n}", 200, slots=3, after=[load, *last])
        last = [draft.add(shave, f"act{n}", 50, slots=2, after=[conv])]
    draft.add(dma, "store", 90, bytes=80, after=last)
    return draft.finish()


def test_the_pipelines_are_the_three_modes() -> None:
    assert tuple(sorted(PIPELINES)) == tuple(sorted(MODES))
    for mode in MODES:
        names = [step.name for step in pipeline(mode)]
        assert names[-2:] == ["wlm-verify-phase", "wlm-verify-schedule"]
        phases = [step.phase for step in pipeline(mode) if isinstance(step, VerifyPhasePass)]
        assert phases == ["graph", "virtual", "physical", "managed"]
        assert PIPELINES[mode].__doc__


def test_a_mode_nobody_knows_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ScheduleError) as caught:
        pipeline("ful")
    assert str(caught.value) == "unknown mode 'ful'; did you mean 'full'?"


@pytest.mark.parametrize("machine", ["tiny", "npu37xx", "npu40xx:1"])
@pytest.mark.parametrize("mode", MODES)
def test_what_a_managed_program_of_each_mode_holds(mode: str, machine: str) -> None:
    graph = layers(machine=machine)
    p = compile_program(graph, mode).program
    assert (p.phase, p.mode, check(p).status) == ("managed", mode, PROVED)
    fetches = p.kind == Kind.FETCH
    assert int((p.high[fetches] - p.low[fetches]).sum()) == sum(e.kind != "dma" for e in engines(graph))
    irq = p.barriers.irq.tolist()
    assert [v for v, i in enumerate(irq) if i == IRQ_LIFTED] == [p.barriers.tail]
    made = {Kind(k) for k in p.kind.tolist()}
    if mode == "full":
        assert IRQ_OVER not in irq
        assert Kind.ENQUEUE in made
        assert not len(p.items.at.index) + len(p.items.done.index)
    else:
        assert not made & {Kind.ENQUEUE, Kind.PROGRAM}
        assert (len(p.items.done.index) > 0) == (mode == "firmware")
        on = set(p.items.at.index.tolist()) | {v for v, n in enumerate(p.barriers.next.tolist()) if n >= 0}
        assert {v for v, i in enumerate(irq) if i not in (IRQ_OFF, IRQ_LIFTED)} == on
    channels = {p.engine_name(int(t)) for t in fetches.nonzero()[0]}
    assert (channels == {"dma_fw"}) == (mode == "firmware")


@pytest.mark.parametrize("machine", ["tiny", "npu40xx:1"])
def test_firmware_may_share_the_channels_of_the_network(machine: str) -> None:
    graph = layers(machine=machine)
    graph = graph.with_(machine=graph.machine.with_(**{"firmware.channel": "shared"}))
    p = compile_program(graph, "firmware").program
    fetches = (p.kind == Kind.FETCH).nonzero()[0].tolist()
    assert {p.engine_name(t) for t in fetches} <= {e.name for e in p.machine.engines_of("dma")}
    told = p.items.done.lists()  # several fetches may share an interrupt, but no compute task is pushed without one
    assert [bool(row) for row in told] == [p.machine.engines[e].kind != "dma" for e in p.items.engine.tolist()]
    assert {f for row in told for f in row} <= set(fetches)
    assert check(p).status == PROVED
    assert run(p).outcome == "finished"


@pytest.mark.parametrize("mode", ["firmware", "partial"])
@pytest.mark.parametrize("channel", ["own", "shared"])
@pytest.mark.parametrize("depth", [1, 4])
def test_no_dma_channel_has_more_outstanding_than_its_fifo_holds(mode: str, channel: str, depth: int) -> None:
    graph = layers(20)
    graph = graph.with_(machine=graph.machine.with_(**{"firmware.channel": channel, "dma.fifo_depth": depth}))
    p = compile_program(graph, mode).program
    result = run(p)
    most = 0
    for tasks, model in zip(p.lists, p.machine.engines, strict=True):
        if model.kind == "dma":
            for t in tasks.tolist():
                now = result.enqueued[t]
                held = sum(result.enqueued[u] <= now < result.end[u] for u in tasks.tolist())
                assert held <= depth + 1  # one at head
                most = max(most, held)
    assert most >= min(depth, 2)


def engines(program: Program) -> list[object]:
    return [program.machine.engines[e] for e in program.engine.tolist()]


def test_interrupts_become_fewer_from_mode_to_mode() -> None:
    counts = [run(compile_program(layers(20), mode).program).interrupts for mode in MODES]
    assert counts[0] > counts[1] > counts[2] == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_program_with_more_barriers_than_the_machine_refills_them(mode: str) -> None:
    p = compile_program(layers(20), mode).program
    assert len(p.barriers) > p.machine.barriers.count
    assert p.barriers.pid.max() < p.machine.barriers.count
    if mode == "full":
        pushed = sorted(p.programs.index.tolist())
        assert pushed == sorted(set(range(len(p.barriers))) - set(p.bootstrap.tolist()))
        assert pushed
    assert run(p, repeat=3).outcome == "finished"


@pytest.mark.parametrize("mode", MODES)
def test_one_task_is_enough(mode: str) -> None:
    for engine in ("dma0", "dpu0", "shave0"):
        draft = Draft("one", TINY)
        draft.add(TINY.engine_index[engine], "only", 7)
        result = run(compile_program(draft.finish(), mode).program)
        assert (result.outcome, result.hazard) == ("finished", None)
        assert result.makespan >= 7


@pytest.mark.parametrize("mode", MODES)
def test_no_task_is_refused(mode: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        compile_program(Draft("none", TINY).finish(), mode)
    assert str(caught.value) == "wlm-insert-tail: @none has no task, so nothing could lift a tail barrier [H10]"


@pytest.mark.parametrize("mode", MODES)
def test_the_last_pass_refuses_what_is_not_safe(mode: str) -> None:
    steps = [s for s in pipeline(mode) if s.name not in ("wlm-insert-dependences", "wlm-reduce-dependences")]
    assert isinstance(steps[-1], VerifySchedulePass)
    p = compile_program(layers(), mode, steps).program
    broken = p.with_(slots=p.slots + 1)
    with pytest.raises(ScheduleError) as caught:
        compile_program(broken, mode, [VerifySchedulePass()])
    assert str(caught.value).startswith("@net is refuted: ")
    assert "[H9]" in str(caught.value)
    assert caught.value.exit_code == 2
