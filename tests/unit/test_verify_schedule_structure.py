"""What is wrong whatever the timing: each finding of `passes/checker/structure.py` by one edit of a safe program."""

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.verify_schedule_cases import FULL, PARTIAL, program, verdict
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import preset
from wlm_dialect.passes.verify_schedule import check

TAIL = 'tail irq "lifted"'
BOOT = "[%a0, %a1, %b0, %b1, %s, %r, %x, %t]"

MUTANTS = {
    "no producer": (FULL, (("waits(%b0) updates(%s)", "waits(%b0)"),), [
        "'program 2 barriers' on dma1 waits on b2#0, which no task updates: it never starts [H7]",
        "b2#0 is configured with 1 producers, but its users count 0 [H9]",
    ]),
    "too many waits": (FULL, (('"conv0" waits(%a0)', '"conv0" waits(%a0, %s)'),), [
        "'conv0' on dpu0 waits on 2 barriers, but the engine takes 1: merge them [H9]",
    ]),
    "waits for itself": (FULL, (('"load0" updates(%a0)', '"load0" waits(%a0) updates(%a0)'),), [
        "'load0' on dma0 waits on and updates b0#0: it waits for itself [H7]",
    ]),
    "twice": (FULL, (("waits(%x)", "waits(%x, %x)"),), [
        "'log' on dma1 waits on b5#0 more than once; its counter moves only once [H9]",
    ]),
    "never enqueued": (FULL, (("    mgmt_dma.enqueue @dpu0 [2 to 3) on @dma0 cycles 20\n", ""),
                              ("[0 to 11)", "[0 to 10)")), [
        "'conv2' on dpu0 is never enqueued: no work item and no enqueue covers it [H6]",
    ]),
    "enqueued twice": (FULL, (("enqueue @dpu0 [2 to 3)", "enqueue @dpu0 [1 to 3)"),), [
        "'conv1' on dpu0 is enqueued 2 times, not once [H6]",
    ]),
    "item too long": (FULL, (("[0 to 11)", "[0 to 12)"),), [
        "work item dma0[0:12] goes beyond the list of dma0 (11 tasks) [H6]",
    ]),
    "items out of order": (PARTIAL, (("@dma0 [0 to 2)", "@dma0 [0 to 3)"),), [
        "'load1' on dma0 is enqueued 2 times, not once [H6]",
        "work item dma0[2:3] comes after work item dma0[0:3]: pushes of an engine follow its list [H6]",
    ]),
    "bootstrap item late": (PARTIAL, (("@dpu0 [1 to 2) at(%a0)", "@dpu0 [1 to 2)"),), [
        "work item dpu0[1:2] is pushed at bootstrap, after work item dpu0[0:1] is not [H6]",
    ]),
    "item in full mode": (FULL, (("@dma1 [0 to 2)", "@dma1 [0 to 2) at(%s)"),), [
        "work item dma1[0:2] waits for an interrupt, but in full mode firmware takes none before the tail [H6]",
    ]),
    "item after a task that does not interrupt": (PARTIAL,
        (('    task.run @dma0 "load0"', '    %l = task.run @dma0 "load0"'), ("at(%f)", "at(%f) done(%l)")), [
        "work item dpu0[0:1] is pushed when 'load0' on dma0 is done, but only fetches interrupt [H7]",
    ]),
    "enqueue too long": (FULL, (("enqueue @dpu0 [2 to 3)", "enqueue @dpu0 [2 to 4)"),), [
        "'enqueue dpu0[2:4]' on dma0 goes beyond the list of dpu0 (3 tasks) [H6]",
    ]),
    "two pushers": (PARTIAL, (("@dma0 [3 to 4) at(%a1)\n",
        "@dma0 [3 to 5) at(%a1)\n    mgmt_dma.enqueue @dpu0 [2 to 3) on @dma0 cycles 5\n"),
        ("    mgmt_dma.work_item @dpu0 [2 to 3) at(%a1)\n", "")), [
        "'enqueue dpu0[2:3]' on dma0 and firmware both push into the FIFO of dpu0: no order [H6]",
    ]),
    "fetch missing": (FULL, (("fetch @dpu0 [2 to 3) slots [2 to 3)", "fetch @dpu0 [1 to 2) slots [2 to 3)"),), [
        "the descriptor of 'conv2' on dpu0 is never fetched [H4]",
        "the descriptor of 'conv1' on dpu0 is fetched 2 times, not once [H6]",
    ]),
    "fetch too long": (FULL, (("fetch @dpu0 [2 to 3) slots [2 to 3)", "fetch @dpu0 [2 to 4) slots [2 to 4)"),), [
        "'fetch dpu0[2:4]' on dma0 goes beyond the list (3 tasks) [H6]",
    ]),
    "slots": (FULL, (("slots [2 to 3)", "slots [4 to 5)"),), [
        "'fetch dpu0[2:3]' on dma0 fills slots up to 5, but dpu0 has 4 [H9]",
    ]),
    "never programmed": (FULL, ((BOOT, "[%a0, %a1, %b0, %b1, %s, %r, %t]"),), [
        "b5#0 is never programmed: neither at bootstrap nor later [H6]",
    ]),
    "programmed twice": (FULL, (("program [%a2, %b2]", "program [%a1, %a2, %b2]"),), [
        "b0#1 is programmed 2 times, not once [H6]",
    ]),
    "too much at bootstrap": (FULL, ((BOOT, "[%a0, %a1, %a2, %b0, %b1, %s, %r, %x, %t]"),
                                     ("program [%a2, %b2]", "program [%b2]")), [
        "bootstrap loads b0#2, but a barrier takes one instance and 1 behind it [H3]",
    ]),
    "bootstrap leaves a gap": (FULL, ((BOOT, "[%a1, %b0, %b1, %s, %r, %x, %t]"),
                                      ("program [%a2, %b2]", "program [%a0, %a2, %b2]")), [
        "bootstrap loads b0#1, but not b0#0 before it: instances are pushed in order [H3]",
    ]),
    "bootstrap out of order": (FULL, ((BOOT, "[%a1, %a0, %b0, %b1, %s, %r, %x, %t]"),), [
        "bootstrap loads b0#1 before b0#0 [H3]",
    ]),
    "program out of order": (FULL, ((BOOT, "[%a0, %b0, %b1, %s, %r, %x, %t]"),
                                    ("program [%a2, %b2]", "program [%a2, %b2, %a1]")), [
        "'program 3 barriers' on dma1 pushes b0#2 before b0#1 [H3]",
    ]),
    "two tails of interrupts": (FULL, (("%s = barrier.configure 2 producers 1 consumers 1",
                                        '%s = barrier.configure 2 producers 1 consumers 1 irq "over"'),), [
        "the interrupt of b2#0 is on; in full mode only the tail has one [H10]",
    ]),
    "lifted like a tail": (PARTIAL, (("%b = barrier.configure 2 producers 2 consumers 1",
                                      '%b = barrier.configure 2 producers 2 consumers 1 irq "lifted"'),), [
        "b2#0 interrupts when it lifts, which is how firmware hears of the tail [H10]",
    ]),
    "no tail": (FULL, ((TAIL, ""),), [
        "no barrier is the tail: firmware never learns that the program is complete [H10]",
    ]),
    "silent tail": (FULL, ((TAIL, "tail"),), [
        "the tail b4#0 raises no interrupt when it lifts [H10]",
    ]),
    "after the tail": (FULL, (("    mgmt_dma.bootstrap", "    %u = barrier.configure 4 producers 1 consumers 1\n"
                               "    mgmt_dma.bootstrap"),), [
        "b4#1 comes after the tail b4#0 on the same barrier [H11]",
    ]),
    "a consumer of the tail": (FULL, (("2 consumers 0 tail", "2 consumers 1 tail"),
                                      ('"last" updates(%t) cycles 100',
                                       '"last" updates(%t) cycles 100\n    task.run @dma0 "more" waits(%t) cycles 1'),
                                      ("[0 to 11)", "[0 to 12)")), [
        "'more' on dma0 waits on the tail b4#0: it runs after completion [H11]",
    ]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "edits", "expected"), MUTANTS.values(), ids=MUTANTS)
def test_one_edit_one_finding(text, edits, expected):
    found = [str(f) for f in verdict(text, edits).findings]
    assert [line for line in expected if line not in found] == [], found
    assert verdict(text, edits).status == "refuted"


def test_limits_of_counters():
    big = preset("tiny").with_(**{"barriers.max_producers": 1, "barriers.max_consumers": 1, "barriers.max_sum": 1})
    found = [str(f) for f in verdict(FULL, (), big).findings if f.rule == "H9"]
    assert "the tail b4#0 has 2 producers, but a counter takes 1 [H9]" in found
    assert "b0#0 has 2 producers and consumers; the limit is 1 [H9]" in found
    none = preset("tiny").with_(**{"barriers.max_consumers": 1})
    wide = (("%a0 = barrier.configure 0 producers 1 consumers 1", "%a0 = barrier.configure 0 producers 1 consumers 2"),)
    found = [str(f) for f in verdict(FULL, wide, none).findings]
    assert "b0#0 has 2 consumers, but a counter takes 1 [H9]" in found


def test_depth_of_a_program_transfer():
    shallow = preset("tiny").with_(**{"management.program_depth": 1})
    edits = ((BOOT, "[%a0, %b0, %b1, %s, %r, %x, %t]"), ("program [%a2, %b2]", "program [%a1, %a2, %b2]"))
    found = [str(f) for f in verdict(FULL, edits, shallow).findings]
    assert "'program 3 barriers' on dma1 pushes 2 instances of barrier 0; one transfer writes 1 [H9]" in found


def test_a_physical_barrier_that_does_not_exist():
    safe = program(FULL)
    pid = safe.barriers.pid.copy()
    pid[-1] = 99
    found = [str(f) for f in check(safe.with_(barriers=replace(safe.barriers, pid=pid))).findings]
    assert "the tail b99#0 has no physical barrier: the machine has 8 [H9]" in found


def test_bootstrap_fills_a_fifo():
    short = preset("tiny").with_(**{"engine.fifo_depth": 1})
    text = (("@dpu0 [0 to 1) at(%f)", "@dpu0 [0 to 3)"), ("    mgmt_dma.work_item @dpu0 [1 to 2) at(%a0)\n", ""))
    text += (("    mgmt_dma.work_item @dpu0 [2 to 3) at(%a1)\n", ""),)
    found = [str(f) for f in verdict(PARTIAL, text, short).findings]
    expected = (
        "bootstrap pushes 3 entries into the work FIFO of dpu0, which takes one at head and 1 behind it: push the rest "
        "later [H6]"
    )
    assert expected in found
    assert expected not in [str(f) for f in verdict(PARTIAL, text).findings]


def test_an_enqueue_behind_bootstrap():
    edits = (("    mgmt_dma.work_item @dma1", "    mgmt_dma.work_item @dpu0 [0 to 1)\n    mgmt_dma.work_item @dma1"),)
    found = [str(f) for f in verdict(FULL, edits).findings]
    assert "'enqueue dpu0[0:2]' on dma0 comes after bootstrap pushed dpu0[0:1] [H6]" in found


def test_a_linked_enqueue_stays_in_its_execution_group():
    linked = preset("tiny").with_(**{"management.linked_enqueue": True})
    assert verdict(FULL, (), linked).status == "proved"
    wide = (("enqueue @dpu0 [0 to 2)", "enqueue @dpu0 [0 to 3)"), ("[0 to 11)", "[0 to 10)"))
    wide += (("    mgmt_dma.enqueue @dpu0 [2 to 3) on @dma0 cycles 20\n", ""),)
    assert verdict(FULL, wide).status == "proved"
    assert [str(f) for f in verdict(FULL, wide, linked).findings] == [
        "'enqueue dpu0[0:3]' on dma0 links descriptors of 2 execution groups: a chain may not cross groups [H4]"
    ]


def test_dependences_that_are_left_are_promises_to_keep():
    safe = program(FULL)
    names = safe.names
    after = [[] for _ in names]
    after[names.index("store2")] = [names.index("load0")]
    kept = safe.with_(after=Csr.of(after))
    assert check(kept).status == "proved"
    after[names.index("last")] = [names.index("log")]
    assert [str(f) for f in check(safe.with_(after=Csr.of(after))).findings] == [
        "'last' on dma0 may start before 'log' on dma1 ends, although it depends on it [H8]"
    ]


def test_an_unused_instance_with_an_interrupt():
    edits = (
        (
            "    mgmt_dma.bootstrap [",
            '    %u = barrier.configure 5 producers 1 consumers 0 irq "over"\n    mgmt_dma.bootstrap [%u, ',
        ),
    )
    found = [str(f) for f in verdict(PARTIAL, edits).findings]
    assert found == [
        "b5#0 is configured with 1 producers, but its users count 0 [H9]",
        "b5#0 is never used: its counters are not zero at the end [H11]",
    ]


def test_nothing_is_programmed():
    safe = program(FULL)
    found = check(safe.with_(programs=Csr.empty(len(safe)), bootstrap=np.zeros(0, np.int32)))
    assert {f.rule for f in found.findings} == {"H6"}
