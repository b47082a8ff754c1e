"""For each rule a safe program, a mutant one edit away, and the exact first line that the checker says of it."""

import pytest

from tests.unit.verify_schedule_cases import FULL, PARTIAL, faults, program, verdict
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import preset
from wlm_dialect.passes.verify_schedule import PROVED, REFUTED, UNDECIDED, VerifySchedulePass, check

FETCH2 = "mgmt_dma.fetch @dpu0 [2 to 3) slots [2 to 3) on @dma0 cycles 20\n"
LAST = '    task.run @dma0 "last"'

FULL_MUTANTS = {
    "H1: the DMA that programs b0#2 is awaited too late": (
        (("waits(%r) updates(%a1)", "updates(%a1)"), ("writes(%w) updates(%a2)", "writes(%w) waits(%r) updates(%a2)")),
        "'conv2' on dpu0 may be at head before b0#2 is armed, because nothing orders the end of 'program 2 barriers' "
        "on dma1 (it programs b0#2) before it [H1]",
    ),
    "H2: the tail on a barrier whose user may be late": (
        (("%t = barrier.configure 4", "%t = barrier.configure 5"),),
        "'last' on dma0 may end before the tail b5#1 is armed, because nothing orders the start of 'log' on dma1 (it "
        "waits on b5#0) before it [H2]",
    ),
    "H3: instances pushed while the barrier FIFO is full": (
        (("waits(%s) updates(%r)", "updates(%r)"), ("waits(%x)", "waits(%s, %x)")),
        "'program 2 barriers' on dma1 may push b0#2 while its FIFO still holds 1, because nothing orders the start of "
        "'conv0' on dpu0 (it waits on b0#0) before it [H3]",
    ),
    "H4: a descriptor fetched after its use": (
        ((FETCH2, ""), (LAST, FETCH2 + LAST)),
        "'conv2' on dpu0 may be at head before its descriptor is fetched, because nothing orders the end of "
        "'fetch dpu0[2:3]' on dma0 before it [H4]",
    ),
    "H5: a descriptor fetched into a live slot": (
        (("slots [2 to 3)", "slots [1 to 2)"),),
        "'fetch dpu0[2:3]' on dma0 may overwrite the descriptor of 'conv1' on dpu0, which may not have ended [H5]",
    ),
    "H6: enqueues on two channels": (
        (
            ("enqueue @dpu0 [2 to 3) on @dma0", "enqueue @dpu0 [2 to 3) on @dma1"),
            ("@dma0 [0 to 11)", "@dma0 [0 to 10)"),
            ("@dma1 [0 to 2)", "@dma1 [0 to 3)"),
        ),
        "'enqueue dpu0[2:3]' on dma1 may push before its turn, because nothing orders the end of 'enqueue dpu0[0:2]' "
        "on dma0 before it [H6]",
    ),
    "H7: a circle": (
        (('"load0" updates', '"load0" waits(%b1) updates'), ('"store1" waits(%b1)', '"store1"')),
        "deadlock: each of these events waits for the one before: the end of 'load0' on dma0 -> the start of 'conv0' "
        "on dpu0 -> the end of 'conv0' on dpu0 -> the head of 'conv1' on dpu0 -> the start of 'conv1' on dpu0 -> the "
        "end of 'conv1' on dpu0 -> the start of 'load0' on dma0 -> the end of 'load0' on dma0 [H7]",
    ),
    "H8: a reader that races with a writer": (
        (('"last" updates', '"last" reads(%w) updates'),),
        "'last' on dma0 may start before 'log' on dma1 ends, although they touch the same data [H8]",
    ),
    "H9: a count that no user makes": (
        (("2 producers 1 consumers 1", "2 producers 1 consumers 2"),),
        "b2#0 is configured with 2 consumers, but its users count 1 [H9]",
    ),
    "H10: a task that the tail does not wait for": (
        (("4 producers 2", "4 producers 1"), ("waits(%x) updates(%t)", "waits(%x)")),
        "the tail b4#0 may lift before 'log' on dma1 has ended [H10]",
    ),
    "H11: an instance after the tail": (
        (
            ("    mgmt_dma.bootstrap", "    %u = barrier.configure 6 producers 1 consumers 1\n    mgmt_dma.bootstrap"),
            ("%t]", "%t, %u]"),
        ),
        "b6#0 is never used: its counters are not zero at the end [H11]",
    ),
}


def lines(edits, rule, text=FULL, machine=None):
    """The lines of one rule."""
    return [str(f) for f in verdict(text, edits, machine).findings if f.rule == rule]


@pytest.mark.parametrize(("edits", "line"), FULL_MUTANTS.values(), ids=FULL_MUTANTS)
def test_each_rule_finds_its_mutant(edits, line):
    rule = line[line.rindex("[") + 1 : -1]
    assert lines(edits, rule)[0] == line
    assert verdict(FULL, edits).status == REFUTED


@pytest.mark.parametrize("name", [n for n in FULL_MUTANTS if not n.startswith("H11")])
def test_a_mutant_breaks_only_its_rule(name):
    edits, _ = FULL_MUTANTS[name]
    rule = name.partition(":")[0]
    # a deadlock comes with what goes wrong on the way into it: nobody arms what the stuck task would have programmed
    assert {f.rule for f in verdict(FULL, edits).findings} == ({"H1", "H7"} if name == "H7: a circle" else {rule})


@pytest.mark.parametrize("text", [FULL, PARTIAL], ids=["full", "partial"])
def test_the_safe_programs_are_proved(text):
    safe = verdict(text)
    assert (safe.status, safe.findings) == (PROVED, ())
    assert [p.partition(":")[0] for p in safe.properties if p.startswith(("H1:", "H2:", "H10:"))] == ["H1", "H2", "H10"]
    assert "a barrier takes its next instance in the tick in which the one before is over" in safe.conditions


PARTIAL_MUTANTS = {
    "H1: pushed by the wrong handler": (
        (("[1 to 2) at(%a0)", "[1 to 2) at(%f)"),),
        "'conv1' on dpu0 may be at head before b1#1 is armed, because nothing orders the handler of b1#0 before it "
        "[H1]",
    ),
    "H2: a producer pushed by the wrong handler": (
        (("@dma0 [3 to 4) at(%a1)", "@dma0 [3 to 4) at(%a0)"),),
        "'load2' on dma0 may end before b1#2 is armed, because nothing orders the handler of b1#1 before it [H2]",
    ),
    "H6: an instance that no interrupt programs": (
        (('1 consumers 1 irq "over"\n    %a2', "1 consumers 1\n    %a2"),),
        "b1#2 is never programmed: neither at bootstrap nor later (the interrupt of b1#1 is off) [H6]",
    ),
    "H7: a work item that no interrupt pushes": (
        (('1 consumers 1 irq "over"\n    %a2', "1 consumers 1\n    %a2"),),
        "work item dma0[3:4] is pushed when b1#1 is over, but that interrupt is off [H7]",
    ),
}


@pytest.mark.parametrize(("edits", "line"), PARTIAL_MUTANTS.values(), ids=PARTIAL_MUTANTS)
def test_firmware_programs(edits, line):
    assert lines(edits, line[line.rindex("[") + 1 : -1], PARTIAL)[0] == line


def test_firmware_never_waits_for_room():
    small = preset("tiny").with_(**{"dpu.fifo_depth": 1})
    early = (("[2 to 3) at(%a1)", "[2 to 3) at(%a0)"),)
    assert lines((), "H6", PARTIAL, small) == []
    assert lines(early, "H6", PARTIAL, small) == [
        "'conv2' on dpu0 may be pushed while 'conv1' on dpu0 is still queued and the work FIFO (depth 1) is full, "
        "because nothing orders the end of 'conv0' on dpu0 before it [H6]"
    ]


def test_a_full_fifo_that_drops():
    small = preset("tiny").with_(**{"dpu.fifo_depth": 1})
    assert lines((), "H6", machine=small) == []
    assert lines((), "H6", machine=small.with_(full_fifo="drop")) == [
        "'conv1' on dpu0 is pushed at once with 'conv0' on dpu0, but the work FIFO has depth 1 [H6]",
        "'conv2' on dpu0 may be pushed while 'conv1' on dpu0 is still queued and the work FIFO (depth 1) is full, "
        "because nothing orders the end of 'conv0' on dpu0 before it [H6]",
    ]


def test_several_waits_are_judged_exactly():
    # load1 may be at head long before b2#1 is armed, but it cannot start before load0: that one also lifts what arms it
    text = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %u = barrier.configure 0 producers 1 consumers 1
    %v = barrier.configure 0 producers 1 consumers 1
    %g = barrier.configure 1 producers 1 consumers 1
    %t = barrier.configure 2 producers 1 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%u, %v, %g, %t]
    mgmt_dma.work_item @dma0 [0 to 5)
    mgmt_dma.work_item @dma1 [0 to 1)
    task.run @dma0 "a" updates(%u) cycles 100
    task.run @dma0 "b" waits(%u) cycles 100
    task.run @dma0 "c" updates(%v) cycles 100
    task.run @dma0 "d" updates(%g) cycles 100
    task.run @dma1 "e" waits(%v, %g) updates(%t) cycles 100
    task.run @dma0 "f" cycles 100
  }
}
"""
    edits = (('"f" cycles 100', '"f" updates(%t) cycles 100'), ("2 producers 1", "2 producers 2"))
    assert verdict(text, edits).status == PROVED
    alone = (*edits, ("waits(%v, %g)", "waits(%v)"), ("%g = barrier.configure 1 producers 1 consumers 1\n", ""))
    alone += (("%v, %g, %t]", "%v, %t]"), ('"d" updates(%g)', '"d"'))
    assert lines(alone, "H1", text) == [
        "'e' on dma1 may be at head before b0#1 is armed, because nothing orders the start of 'b' on dma0 (it waits on "
        "b0#0) before it [H1]"
    ]


def test_bounded_re_arming_needs_distance():
    edits = FULL_MUTANTS["H2: the tail on a barrier whose user may be late"][0]
    near = preset("tiny").with_(**{"barriers.rearm": "bounded", "barriers.rearm_delta": 1})
    assert verdict(FULL, (), near).status == PROVED
    far = preset("tiny").with_(**{"barriers.rearm": "bounded", "barriers.rearm_delta": 50})
    doubt = verdict(FULL, (), far)
    assert doubt.status == UNDECIDED
    assert str(doubt.findings[0]) == (
        "the head of 'conv1' on dpu0 may come less than 50 ticks after the start of 'conv0' on dpu0: b0#1 may still be "
        "re-arming [H1] (undecided: bounded re-arming: each task counts for one tick)"
    )
    assert verdict(FULL, edits, far).status == REFUTED


def test_a_pool_leaves_some_programs_undecided():
    pool = preset("tiny").with_(**{"dpu.order": "pool", "dpu.servers": 2})
    found = verdict(FULL, (), pool)
    assert found.status == REFUTED  # conv1 takes the second server at once; only conv2 has to wait for one
    doubts = [str(f) for f in found.findings if f.undecided]
    assert doubts[0] == (
        "'conv2' on dpu0 may be at head before b0#2 is armed, because nothing orders the start of 'conv1' on dpu0 (it "
        "waits on b0#1) before it [H1] (undecided: servers of a pool: which one takes a task depends on timing)"
    )


POOL_OF_CHAINS = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %g = barrier.configure 1 producers 1 consumers 1
    %t = barrier.configure 3 producers 6 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%g, %t]
    mgmt_dma.work_item @dma0 [0 to 8)
    mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 20
    mgmt_dma.fetch @dpu0 [1 to 4) slots [1 to 4) on @dma0 cycles 20
    mgmt_dma.fetch @dpu0 [4 to 5) slots [4 to 5) on @dma0 cycles 20
    mgmt_dma.fetch @dpu0 [5 to 6) slots [5 to 6) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [1 to 4) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [4 to 5) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [5 to 6) on @dma0 waits(%g) cycles 20
    task.run @dpu0 "c0" updates(%t) cycles 5000
    task.run @dpu0 "c1" updates(%t) cycles 50
    task.run @dpu0 "c2" updates(%g, %t) cycles 50
    task.run @dpu0 "c3" updates(%t) cycles 5000
    task.run @dpu0 "c4" updates(%t) cycles 50
    task.run @dpu0 "c5" updates(%t) cycles 50
  }
}
"""
"""c5 is pushed when c2 has ended; c4 is still queued if c0 and c3 hold both servers."""


def test_room_in_a_pool_needs_the_ends_of_all_that_came_before():
    model = preset("tiny").with_(
        **{
            "dpu.order": "pool",
            "dpu.servers": 2,
            "dpu.fifo_depth": 1,
            "dpu.descriptor_slots": 8,
            "full_fifo": "drop",
            "management.linked_enqueue": True,
        }
    )
    p = program(POOL_OF_CHAINS, machine=model)
    found = check(p)
    assert found.status == UNDECIDED  # the checker does not know that c3 has to be on the other server
    assert [str(f).partition(" [")[0] for f in found.findings] == [
        "'c5' on dpu0 may be pushed while 'c4' on dpu0 is still queued and the work FIFO (depth 1) is full, because "
        "nothing orders the end of 'c0' on dpu0 before it"
    ]
    assert faults(p) == {("H6", 13, "")}


SEVERAL_WAITS = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %b0 = barrier.configure 0 producers 1 consumers 0
    %b1 = barrier.configure 1 producers 1 consumers 2
    %b2 = barrier.configure 0 producers 1 consumers 1
    %t = barrier.configure 3 producers 5 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%b0, %b1, %b2, %t]
    mgmt_dma.work_item @dma0 [0 to 3)
    mgmt_dma.work_item @dma1 [0 to 1)
    mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 updates(%b0) cycles 10
    mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 updates(%t) cycles 10
    task.run @dpu0 "conv0" updates(%b1, %t) cycles 10
    task.run @dpu0 "conv1" waits(%b1) updates(%t) cycles 10
    mgmt_dma.enqueue @dpu0 [1 to 2) on @dma0 updates(%b2, %t) cycles 10
    task.run @dma1 "store" waits(%b1, %b2) updates(%t) cycles 10
  }
}
"""


def test_several_waits_beside_a_pool_are_decided_as_without():
    pool = preset("tiny").with_(**{"dpu.order": "pool", "dpu.servers": 2})
    p = program(SEVERAL_WAITS, machine=pool)
    assert check(p).status == PROVED
    assert not faults(p)
    wrong = verdict(SEVERAL_WAITS, (("waits(%b1, %b2)", "waits(%b2)"), ("consumers 2", "consumers 1")), pool)
    assert [f.rule for f in wrong.findings] == ["H1"]


def test_one_task_may_not_update_two_instances_of_a_barrier():
    # the second one is armed only after the end of the task, by that very end
    edits = (
        ("%x = barrier.configure 5", "%x0 = barrier.configure 5 producers 1 consumers 0\n    %x = barrier.configure 5"),
    )
    edits += (("%r, %x, %t]", "%r, %x0, %x, %t]"), ("updates(%x)", "updates(%x0, %x)"))
    assert [str(f) for f in verdict(FULL, edits).findings] == [
        "'log' on dma1 may be at head before b5#1 is armed, because nothing orders the end of 'store2' on dma0 (it "
        "updates b5#0) before it [H1]",
        "'store2' on dma0 may end before b5#1 is armed, because nothing orders the end of 'store2' on dma0 (it updates "
        "b5#0) before it [H2]",
    ]


def test_the_story_tells_what_happens():
    edits, _ = FULL_MUTANTS["H1: the DMA that programs b0#2 is awaited too late"]
    assert verdict(FULL, edits).findings[0].story == (
        "delay the end of 'program 2 barriers' on dma1",
        "'conv2' on dpu0 is at head; barrier 0 still holds b0#1 and reads zero",
        "'conv2' on dpu0 starts before the producers of b0#2 have ended",
    )


def test_only_managed_programs():
    text = 'builtin.module attributes {wlm.machine = "tiny"} { task.graph @g { task.run @dma0 "a" cycles 1 } }'
    with pytest.raises(ScheduleError, match=r"^@g is in phase graph; only a managed program can be verified: run one"):
        check(program(text))


def test_the_pass_lists_at_most_twenty_findings_and_sets_the_exit_code():
    edits = (("%a0, %a1, %b0, %b1, %s, %r, %x, %t]", "%t]"), ("@dma0 [0 to 11)", "@dma0 [0 to 1)"))
    edits += (
        ("slots [2 to 3)", "slots [4 to 5)"),
        ("@dma1 [0 to 2)", "@dma1 [0 to 1)"),
        ("enqueue @dpu0 [0 to 2)", "enqueue @dpu0 [1 to 2)"),
        ("configure 2 producers 1", "configure 2 producers 2"),
        ("configure 3 producers 1", "configure 3 producers 2"),
    )
    with pytest.raises(ScheduleError) as failure:
        VerifySchedulePass().transform(program(FULL, edits))
    shown = str(failure.value).splitlines()
    assert shown[0].startswith("@net is refuted: ")
    assert len(shown) == 21
    assert shown[-1].startswith("and ")
    assert failure.value.exit_code == 2
    far = preset("tiny").with_(**{"barriers.rearm": "bounded", "barriers.rearm_delta": 50})
    with pytest.raises(ScheduleError) as failure:
        VerifySchedulePass().transform(program(FULL, (), far))
    assert failure.value.exit_code == 3
    safe = program(FULL)
    assert VerifySchedulePass().transform(safe) is safe
