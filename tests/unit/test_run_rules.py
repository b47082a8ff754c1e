"""Each rule by a safe program and a twin, one edit away, whose run breaks exactly that rule."""

import pytest

from tests.ir_text import parse
from wlm_dialect.machine import preset
from wlm_dialect.program import Barriers, Program, decode_module
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime import events_run, state
from wlm_dialect.runtime.hazards import describe
from wlm_dialect.runtime.result import RunResult
from wlm_dialect.runtime.run import run

FULL = """
task.graph @net phase managed mode full {
  %x = task.buffer "x" cmx 0 scratch size 64
  %a = barrier.configure 0 producers 1 consumers 1
  %b = barrier.configure 1 producers 1 consumers 1
  %a2 = barrier.configure 0 producers 1 consumers 1
  %c = barrier.configure 3 producers 1 consumers 1
  %t = barrier.configure 2 producers 1 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%a, %b, %c, %t]
  mgmt_dma.work_item @dma0 [0 to 8)
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 12
  mgmt_dma.fetch @dpu0 [1 to 2) slots [1 to 2) on @dma0 cycles 12
  mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 4
  task.run @dma0 "load" writes(%x) updates(%a) cycles 10
  task.run @dpu0 "conv" reads(%x) waits(%a) updates(%b) cycles 50
  mgmt_dma.program [%a2] on @dma0 waits(%b) cycles 5
  task.run @dma0 "load2" updates(%a2) cycles 10
  mgmt_dma.enqueue @dpu0 [1 to 2) on @dma0 cycles 4
  task.run @dpu0 "conv2" waits(%a2) updates(%c) cycles 50
  task.run @dma0 "store" waits(%c) updates(%t) cycles 10
}
"""

PARTIAL = """
task.graph @net phase managed mode partial {
  %a = barrier.configure 0 producers 1 consumers 1 irq "over"
  %b = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 2 producers 1 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%a, %t]
  mgmt_dma.work_item @dma0 [0 to 2)
  mgmt_dma.work_item @dma1 [0 to 1)
  mgmt_dma.work_item @dpu0 [0 to 1) at(%a)
  mgmt_dma.work_item @dma0 [2 to 3) at(%a)
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 12
  task.run @dma0 "load" updates(%a) cycles 10
  mgmt_dma.sync on @dma1 waits(%a) cycles 1
  task.run @dpu0 "conv" updates(%b) cycles 50
  task.run @dma0 "store" waits(%b) updates(%t) cycles 10
}
"""


def read(text: str, **changes: object) -> Program:
    """The program in `text`, on a tiny machine with `changes`."""
    return decode_module(parse(text), preset("tiny").with_(**changes))[0]


def edit(text: str, *edits: tuple[str, str]) -> str:
    """`text` with each (old, new) replaced; each old has to be there once."""
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def swap(text: str, first: str, second: str) -> str:
    """`text` with the lines that contain `first` and `second` exchanged."""
    lines = text.splitlines()
    (a,), (b,) = ([n for n, line in enumerate(lines) if key in line] for key in (first, second))
    lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines)


def hazard(result: RunResult) -> tuple[str, int, int, int, int]:
    """Rule, tick, task, meant and found instance."""
    assert result.hazard is not None
    h = result.hazard
    return h.rule, h.tick, h.task, h.barrier, h.found


@pytest.mark.parametrize("engine", ["events", "maxplus"])
def test_safe_full_program_has_the_times_of_the_hand_calculation(engine: str) -> None:
    r = run(read(FULL), engine=engine)
    assert (r.outcome, r.hazard, r.engine_of_execution) == ("finished", None, engine)
    # fetch, fetch, enqueue, load, conv, program, load2, enqueue, conv2, store
    assert r.start.tolist() == [0, 12, 24, 28, 38, 88, 93, 103, 107, 157]
    assert r.end.tolist() == [12, 24, 28, 38, 88, 93, 103, 107, 157, 167]
    assert r.head.tolist() == [0, 12, 24, 28, 28, 38, 93, 103, 107, 107]
    assert r.enqueued.tolist() == [0, 0, 0, 0, 28, 0, 0, 0, 107, 0]
    assert r.armed.tolist() == [0, 0, 93, 0, 0]
    assert r.lifted.tolist() == [38, 88, 103, 157, 167]
    assert r.over.tolist() == [38, 88, 107, 157, 167]
    assert r.makespan == 167
    assert r.bootstrap == 1000 + 4 * 2 + 1 * 20


def test_safe_partial_program_has_the_times_of_the_hand_calculation() -> None:
    r = run(read(PARTIAL))
    assert (r.outcome, r.hazard) == ("finished", None)
    # over(a) at 22: interrupt until 122, program until 142, one push until 162, the other until 182
    (h,) = r.handlers
    assert (h.barrier, h.fetch, h.raised, h.start, h.end, h.pushes) == (0, -1, 22, 22, 182, 2)
    assert r.enqueued.tolist() == [0, 0, 0, 162, 182]
    assert r.start.tolist() == [0, 12, 22, 162, 212]
    assert r.armed.tolist() == [0, 142, 0]
    assert r.makespan == 222
    assert r.interrupts == 1
    assert r.firmware_busy == 160


@pytest.mark.parametrize("text", [FULL, PARTIAL])
@pytest.mark.parametrize("ties", [0, 1, 2, 3, 12345])
def test_a_safe_program_does_not_notice_the_order_of_ties_or_a_run_before(text: str, ties: int) -> None:
    a, b = run(read(text), engine="events"), run(read(text), engine="events", ties=ties, repeat=3)
    assert (a.outcome, a.handlers) == ("finished", b.handlers)
    for name in ("enqueued", "head", "start", "end", "armed", "lifted", "over"):
        assert getattr(a, name).tolist() == getattr(b, name).tolist()


TWINS = """
task.graph @net phase managed mode full {
  %a = barrier.configure 0 producers 1 consumers 0
  %b = barrier.configure 0 producers 2 consumers 2
  %t = barrier.configure 1 producers 2 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%a, %b, %t]
  mgmt_dma.work_item @dma_fw [0 to 1)
  mgmt_dma.work_item @dma0 [0 to 2)
  mgmt_dma.work_item @dma1 [0 to 2)
  task.run @dma_fw "late" updates(%a) cycles 50
  task.run @dma0 "load0" updates(%b) cycles 10
  task.run @dma1 "load1" updates(%b) cycles 10
  task.run @dma0 "use0" waits(%b) updates(%t) cycles 10
  task.run @dma1 "use1" waits(%b) updates(%t) cycles 10
}
"""
"""Two queues that do the same in the same ticks, and both too early: which one is seen first is a tie."""


def test_ties_decide_what_comes_first_of_what_happens_at_once() -> None:
    ends = read(TWINS)
    assert [hazard(run(ends, ties=n))[:3] for n in (0, 3)] == [("H2", 10, 1), ("H2", 10, 2)]
    later = (
        ('"load0" updates(%b)', '"load0"'),
        ('"load1" updates(%b)', '"load1"'),
        ("configure 0 producers 2", "configure 0 producers 1"),
        ("@dma_fw [0 to 1)", "@dma_fw [0 to 2)"),
        ("\n}", '\n  task.run @dma_fw "later" updates(%b) cycles 50\n}'),
    )
    heads = read(edit(TWINS, *later))
    assert [hazard(run(heads, ties=n))[:3] for n in (0, 1)] == [("H1", 10, 3), ("H1", 10, 4)]


@pytest.mark.parametrize("engine", ["events", "auto"])
def test_h1_a_head_in_the_tick_in_which_a_start_arms_its_instance(engine: str) -> None:
    """Heads come before starts; the sweep, which knows ticks only, has to leave that to the event loop."""
    text = """
task.graph @net phase managed mode full {
  %a = barrier.configure 0 producers 1 consumers 1
  %b = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 1 producers 1 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%a, %b, %t]
  mgmt_dma.work_item @dma0 [0 to 1)
  mgmt_dma.work_item @dma1 [0 to 2)
  task.run @dma1 "first" updates(%a) cycles 10
  task.run @dma0 "copy" waits(%a) updates(%b) cycles 10
  task.run @dma1 "last" waits(%b) updates(%t) cycles 10
}
"""
    assert hazard(run(read(text), engine=engine)) == ("H1", 10, 2, 1, 0)


def test_h1_a_wait_at_head_before_its_instance_is_armed() -> None:
    twin = edit(FULL, ("enqueue @dpu0 [0 to 1)", "enqueue @dpu0 [0 to 2)"), ("[1 to 2) on @dma0 cycles 4", "[0 to 1)"))
    twin = twin.replace("  mgmt_dma.enqueue @dpu0 [0 to 1)\n", "  mgmt_dma.sync on @dma0 cycles 4\n")
    r = run(read(twin))
    assert hazard(r) == ("H1", 88, 8, 2, -1)
    assert r.outcome == "hazard"
    text = "task 8 'conv2' on dpu0 is at head at tick 88 and waits for b0#1, but reads an idle barrier"
    assert r.hazard is not None
    assert r.hazard.text == f"{text}: b0#1 is not armed yet"


def test_h1_several_waits_break_the_rule_only_when_all_read_zero() -> None:
    text = """
task.graph @net phase managed mode full {
  %a = barrier.configure 0 producers 1 consumers 1
  %a2 = barrier.configure 0 producers 1 consumers 1
  %b = barrier.configure 1 producers 1 consumers 1
  %t = barrier.configure 2 producers 2 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%a, %b, %t]
  mgmt_dma.work_item @dma0 [0 to 4)
  mgmt_dma.work_item @dma1 [0 to 2)
  task.run @dma0 "load" updates(%a) cycles 10
  task.run @dma1 "use" waits(%a) updates(%t) cycles 5
  mgmt_dma.program [%a2] on @dma0 cycles 30
  task.run @dma0 "load2" updates(%a2) cycles 10
  task.run @dma0 "last" updates(%b) cycles 10
  task.run @dma1 "join" waits(%a2, %b) updates(%t) cycles 5
}
"""
    assert run(read(text)).outcome == "finished"  # b holds it until a2 is armed
    early = edit(
        text, ('"last" updates(%b) cycles 10', '"last" cycles 10'), ('"load" updates(%a)', '"load" updates(%a, %b)')
    )
    # at tick 15 b0 is idle and b1 has lifted: "join" would start on nothing
    assert hazard(run(read(early))) == ("H1", 15, 5, 1, -1)


def test_h2_an_update_that_hits_the_instance_before() -> None:
    r = run(read(swap(FULL, '"load2"', "mgmt_dma.program [%a2]")))
    assert hazard(r) == ("H2", 48, 5, 2, -1)


def test_h3_a_push_into_a_full_barrier_fifo() -> None:
    shallow = {"barriers.fifo_depth": 0}
    assert run(read(FULL, **shallow)).outcome == "finished"
    early = edit(
        FULL,
        ("on @dma0 waits(%b) cycles 5", "on @dma0 cycles 5"),
        ("1 producers 1 consumers 1", "1 producers 1 consumers 0"),
    )
    early = swap(early, "mgmt_dma.program [%a2]", '"load"')
    assert hazard(run(read(early, **shallow)))[:4] == ("H3", 33, 3, 2)


def test_h3_pushes_out_of_order() -> None:
    text = edit(
        FULL,
        ("mgmt_dma.bootstrap [%a, ", "mgmt_dma.bootstrap [%a2, "),
        ("mgmt_dma.program [%a2]", "mgmt_dma.program [%a]"),
    )
    assert hazard(run(read(text))) == ("H3", 0, -1, 2, 0)
    # the same by DMAs: the second instance arrives while the first is missing
    late = edit(FULL, ("mgmt_dma.bootstrap [%a, ", "mgmt_dma.bootstrap ["))
    assert hazard(run(read(late)))[:4] == ("H6", 28, 4, 0)
    late = edit(
        late,
        (
            "dma0 cycles 12\n  mgmt_dma.fetch",
            "dma0 cycles 12\n  mgmt_dma.program [%a2] on @dma1 cycles 1\n  mgmt_dma.fetch",
        ),
    )
    late = edit(late, ("mgmt_dma.work_item", "mgmt_dma.work_item @dma1 [0 to 1)\n  mgmt_dma.work_item"))
    # ... and is never programmed at all
    assert hazard(run(read(late)))[:4] == ("H6", 1, 1, 0)
    late = edit(late, ("mgmt_dma.program [%a2] on @dma0", "mgmt_dma.program [%a] on @dma0"))
    assert hazard(run(read(late)))[:4] == ("H3", 1, 1, 2)


def test_h4_a_descriptor_that_is_not_there() -> None:
    r = run(read(swap(FULL, "fetch @dpu0 [0 to 1)", "enqueue @dpu0 [0 to 1)")))
    assert hazard(r) == ("H4", 4, 4, -1, -1)


def test_h4_a_fetch_under_way_is_not_enough() -> None:
    text = edit(
        FULL,
        ("slots [0 to 1) on @dma0 cycles 12", "slots [0 to 1) on @dma1 cycles 99"),
        ("@dma0 [0 to 8)", "@dma0 [0 to 7)"),
    )
    text = edit(text, ("mgmt_dma.work_item", "mgmt_dma.work_item @dma1 [0 to 1)\n  mgmt_dma.work_item"))
    r = run(read(text))
    assert hazard(r)[:3] == ("H4", 16, 4)
    assert r.hazard is not None
    assert r.hazard.text.endswith("still under way")


def test_h5_a_live_descriptor_is_overwritten() -> None:
    r = run(read(edit(FULL, ("[1 to 2) slots [1 to 2)", "[1 to 2) slots [0 to 1)"))))
    assert hazard(r)[:3] == ("H5", 12, 1)


def test_h6_pushed_twice_out_of_order_or_never() -> None:
    assert hazard(run(read(edit(FULL, ("enqueue @dpu0 [1 to 2)", "enqueue @dpu0 [0 to 2)")))))[:3] == ("H6", 107, 4)
    order = edit(FULL, ("enqueue @dpu0 [0 to 1)", "enqueue @dpu0 [1 to 2) "))
    assert hazard(run(read(order)))[:3] == ("H6", 28, 4)
    never = edit(FULL, ("mgmt_dma.enqueue @dpu0 [1 to 2)", "mgmt_dma.sync"))
    assert hazard(run(read(never)))[:3] == ("H6", 107, 8)


def test_h6_fetched_or_programmed_twice() -> None:
    assert hazard(run(read(edit(FULL, ("[1 to 2) slots [1 to 2)", "[0 to 1) slots [1 to 2)")))))[:3] == ("H6", 12, 4)
    twice = edit(FULL, ("mgmt_dma.program [%a2]", "mgmt_dma.program [%a2, %a2]"))
    assert hazard(run(read(twice)))[:4] == ("H6", 93, 5, 2)
    boot = edit(FULL, ("mgmt_dma.bootstrap [%a, ", "mgmt_dma.bootstrap [%a, %a2, "))
    assert hazard(run(read(boot)))[:4] == ("H6", 93, 5, 2)


def test_h6_a_full_fifo_drops() -> None:
    drop = {"full_fifo": "drop", "dpu.fifo_depth": 1}
    assert run(read(FULL, **drop)).outcome == "finished"
    both = edit(
        FULL, ("enqueue @dpu0 [0 to 1)", "enqueue @dpu0 [0 to 2)"), ("mgmt_dma.enqueue @dpu0 [1 to 2)", "mgmt_dma.sync")
    )
    assert hazard(run(read(both, **drop)))[:3] == ("H6", 28, 8)
    assert hazard(run(read(both, **{"dpu.fifo_depth": 1})))[0] == "H1"  # with back-pressure it is only too early


def test_h7_a_circle_is_explained() -> None:
    r = run(read(swap(FULL, '"load"', "mgmt_dma.program [%a2]")))
    assert r.outcome == "deadlock"
    assert hazard(r)[0] == "H7"
    rows = {row.engine: row for row in r.stuck}
    waits = rows["dma0"]
    assert (waits.state, waits.barrier, waits.missing) == ("waits", 1, (4,))
    waits = rows["dpu0"]
    assert (waits.task, waits.state, waits.barrier, waits.missing) == (4, "waits", 0, (5,))
    assert rows["shave0"].state == "idle"
    assert r.hazard is not None
    assert (
        r.hazard.text
        == "nothing moves after tick 28: task 3 'program 1 barriers' on dma0 waits for b1#0, which still needs 'conv'"
    )


def test_h7_firmware_that_is_never_called() -> None:
    r = run(read(edit(PARTIAL, (' irq "over"', ""))))
    assert r.outcome == "deadlock"
    assert {row.engine: row.state for row in r.stuck}["dpu0"] == "not enqueued"


def test_h8_a_race() -> None:
    race = edit(
        FULL,
        ('"conv" reads(%x) waits(%a)', '"conv" reads(%x)'),
        ("0 producers 1 consumers 1\n  %b", "0 producers 1 consumers 0\n  %b"),
    )
    r = run(read(race))
    assert hazard(r)[:3] == ("H8", 28, 4)
    assert r.hazard is not None
    assert "'x'" in r.hazard.text


@pytest.mark.parametrize(
    ("new", "text"),
    [
        ("1 producers 2 consumers 1", "b1#0 is configured with 2 producers, but their slots are 1"),
        ("1 producers 1 consumers 2", "b1#0 is configured with 2 consumers, but their slots are 1"),
    ],
)
def test_h9_counts_are_the_slots_of_the_users(new: str, text: str) -> None:
    r = run(read(edit(FULL, ("1 producers 1 consumers 1", new))))
    assert hazard(r) == ("H9", 0, -1, 1, -1)
    assert r.hazard is not None
    assert r.hazard.text == text
    more = run(read(edit(FULL, ("waits(%a) updates(%b) cycles 50", "waits(%a) updates(%b) cycles 50 slots 9"))))
    assert more.hazard is not None
    assert more.hazard.text == "b1#0 is configured with 1 producers, but their slots are 9"


NINE = (
    ("1 producers 1", "1 producers 9"),
    ("waits(%a) updates(%b) cycles 50", "waits(%a) updates(%b) cycles 50 slots 9"),
    ("configure 0 producers 1 consumers 1\n  %b", "configure 0 producers 1 consumers 9\n  %b"),
)
TWO_WAITS = (("3 producers 1 consumers 1", "3 producers 1 consumers 2"), ("waits(%a2)", "waits(%a2, %c)"))


@pytest.mark.parametrize(
    ("edits", "changes", "text"),
    [
        ((), {"barriers.max_sum": 1}, "b0#0 has 2 producers and consumers, but the limit is 1"),
        ((), {"dpu.descriptor_slots": 1}, "task 1 'fetch dpu0[1:2]' on dma0 fills slots up to 2, but dpu0 has 1"),
        (TWO_WAITS, {}, "task 8 'conv2' on dpu0 waits on 2 barriers, but the limit is 1"),
        (NINE, {}, "b1#0 has 9 producers, but the limit is 8"),
    ],
)
def test_h9_limits(edits: tuple[tuple[str, str], ...], changes: dict[str, object], text: str) -> None:
    r = run(read(edit(FULL, *edits), **changes))
    assert r.hazard is not None
    assert (r.hazard.rule, r.hazard.text) == ("H9", text)


def test_h10_the_tail_lifts_too_early() -> None:
    late = edit(
        FULL,
        ("mgmt_dma.work_item", "mgmt_dma.work_item @dma1 [0 to 1)\n  mgmt_dma.work_item"),
        ("%t = ", "%z = barrier.configure 5 producers 1 consumers 0\n  %t = "),
        ("mgmt_dma.bootstrap [", "mgmt_dma.bootstrap [%z, "),
    )
    late = edit(
        late,
        (
            "  mgmt_dma.fetch @dpu0 [0 to 1)",
            '  task.run @dma1 "late" updates(%z) cycles 500\n  mgmt_dma.fetch @dpu0 [0 to 1)',
        ),
    )
    assert hazard(run(read(late)))[:4] == ("H10", 167, -1, 5)
    assert run(read(late.replace("cycles 500", "cycles 100"))).outcome == "finished"


def test_h10_only_the_tail_interrupts_when_it_lifts() -> None:
    old = "%b = barrier.configure 0 producers 1 consumers 1"
    r = run(read(edit(PARTIAL, (old, f'{old} irq "lifted"'))))
    assert r.hazard is not None
    assert r.hazard.rule == "H10"
    assert r.hazard.text == "b0#1 interrupts when it lifts, which is how firmware hears of the tail"


def test_h11_a_counter_is_left() -> None:
    text = edit(FULL, ("3 producers 1 consumers 1", "3 producers 1 consumers 2"))
    assert hazard(run(read(text), counts=False))[:4] == ("H11", 167, -1, 3)
    assert run(read(FULL), counts=False).outcome == "finished"


def test_what_a_run_leaves_behind_is_there_in_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_run, "find_dirt", lambda *_: None)  # which sees it after the first run
    text = edit(FULL, ("3 producers 1 consumers 1", "3 producers 1 consumers 2"))
    assert run(read(text), counts=False).outcome == "finished"
    again = run(read(text), counts=False, repeat=3)
    assert (hazard(again)[:4], again.notes) == (("H10", 117, -1, 4), ("in run 2 of 3",))


def test_h11_a_run_with_other_times_than_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def slower(now: state.State, _: state.State) -> None:
        now.cycles[9] += 1

    monkeypatch.setattr(events_run, "_inherit", slower)
    r = run(read(FULL), engine="events", repeat=2)
    assert hazard(r) == ("H11", 168, -1, -1, -1)
    assert r.hazard is not None
    assert r.hazard.text == "run 2 differs from run 1: the program does not leave the machine as it found it"


def test_a_tie_names_both_tasks_though_there_are_fewer_barriers_than_tasks() -> None:
    draft = Draft("net", preset("tiny"), "managed", "full")
    for n in range(9):
        draft.add(n % 2, f"t{n}", 5, updates=[0])
    registers = [0] * state.REGISTERS
    registers[state.RULE], registers[state.WHY], registers[state.BAD_TICK] = 3, state.BARRIER_TIE, 5
    registers[state.BAD_TASK], registers[state.BAD_BARRIER], registers[state.BAD_FOUND] = 7, 0, 8
    found = describe(draft.finish(barriers=Barriers.virtual(1)), registers)
    assert (found.rule, found.task) == ("H3", 7)
    assert str(found.text) == (
        "task 7 't7' on dma1 and task 8 't8' on dma0 push into the FIFO of v0 in the same tick 5"
    )
