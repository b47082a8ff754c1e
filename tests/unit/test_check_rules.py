"""Each rule of wlm-check by one edit of a safe program: what it says of it, in full.

Programs are those of the checker's tests, read as text, so that neither what the dialects refuse nor what the checker
says stands before wlm-check. The certificate is the best there is: one made for the broken program if it runs to its
end, else that of the safe one with its seal made to fit.
"""

from dataclasses import replace

import pytest

from tests.unit.test_servers import TEXT as POOL
from tests.unit.test_verify_schedule import FULL_MUTANTS, PARTIAL_MUTANTS
from tests.unit.test_verify_schedule_structure import BOOT, MUTANTS
from tests.unit.verify_schedule_cases import FULL, PARTIAL, Edits, edited, refusal, sealed
from wlm_dialect.check import read
from wlm_dialect.check.text import Schedule
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import preset
from wlm_dialect.passes.checker.certificate import certify


def schedule(text: str, edits: Edits = (), **changes: object) -> Schedule:
    """The edited text, on a tiny machine with `changes`."""
    (found,) = read(edited(text, edits))
    return replace(found, machine=preset("tiny").with_(**changes))


def said(text: str, edits: Edits, **changes: object) -> str:
    """What wlm-check says of the edited text."""
    broken = schedule(text, edits, **changes)
    try:
        return refusal(broken, certify(broken))
    except ScheduleError:  # it does not run to its end
        return refusal(broken, sealed(certify(schedule(text)), schedule=broken.digest()))


SAID = {
    "H1: the DMA that programs b0#2 is awaited too late": "H1: task 12 may find b0 before instance 2 is armed",
    "H2: the tail on a barrier whose user may be late": "H2: b5#1 may be updated before it is armed",
    "H3: instances pushed while the barrier FIFO is full": "H3: b0#2 may be pushed into a full FIFO",
    "H4: a descriptor fetched after its use": "H4: task 11 may be at head before its descriptor",
    "H5: a descriptor fetched into a live slot": "H5: the descriptor of task 9 may be overwritten",
    "H6: enqueues on two channels": "H6: engine 3 does not get its list",
    "H7: a circle": "event 41 comes before something it waits for",
    "H8: a reader that races with a writer": "H8: task 15 may start before tasks [14] have ended",
    "H9: a count that no user makes": "H9: the counts of b2#0 are wrong",
    "H10: a task that the tail does not wait for": "H10: the tail may lift before task 14 has ended",
    "H11: an instance after the tail": "H9: the counts of b6#0 are wrong",
    "H1: pushed by the wrong handler": "H1: task 4 may find b1 before instance 1 is armed",
    "H2: a producer pushed by the wrong handler": "H2: b1#2 may be updated before it is armed",
    "H6: an instance that no interrupt programs": "H6: b1#2 is programmed 0 times",
    "H7: a work item that no interrupt pushes": "H6: b1#2 is programmed 0 times",
    "no producer": "H9: the counts of b2#0 are wrong",
    "too many waits": "H9: task 5 waits on 2 barriers",
    "waits for itself": "H9: the counts of b0#0 are wrong",
    "twice": "H9: task 14 uses a barrier twice",
    "never enqueued": "H6: engine 3 does not get its list",
    "enqueued twice": "event 84 comes before something it waits for",
    "item too long": "H6: a work item goes beyond the list of engine 0",
    "items out of order": "H6: work items of engine 0 out of order",
    "bootstrap item late": "H6: work items of engine 3 out of order",
    "item in full mode": "H6: a work item of engine 1 waits for an interrupt in full mode",
    "item after a task that does not interrupt": (
        "H7: a work item of engine 3 waits for a task whose end does not interrupt"
    ),
    "enqueue too long": "H6: task 3 goes beyond a list",
    "two pushers": "H6: task 5 and firmware push into one FIFO",
    "fetch missing": "H6: the descriptor of task 9 is fetched twice",
    "fetch too long": "H6: task 1 goes beyond a list",
    "slots": "H9: task 1 fills slots that do not exist",
    "never programmed": "H6: b5#0 is programmed 0 times",
    "programmed twice": "H6: b0#1 is programmed 2 times",
    "too much at bootstrap": "H3: bootstrap loads 3 instances of b0",
    "bootstrap leaves a gap": "H3: bootstrap loads b0 out of order",
    "bootstrap out of order": "H3: bootstrap loads b0 out of order",
    "program out of order": "H3: task 7 pushes the instances of b0 out of order",
    "two tails of interrupts": "H10: b2#0 interrupts although it is not the tail",
    "lifted like a tail": "H10: b2#0 interrupts although it is not the tail",
    "no tail": "H10: there is no tail",
    "silent tail": "H10: the tail raises no interrupt",
    "after the tail": "H6: b4#1 is programmed 0 times",
    "a consumer of the tail": "H11: something comes after the tail",
}
CASES = {
    **{name: (FULL, edits) for name, (edits, _) in FULL_MUTANTS.items()},
    **{name: (PARTIAL, edits) for name, (edits, _) in PARTIAL_MUTANTS.items()},
    **{name: (text, edits) for name, (text, edits, _) in MUTANTS.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_checker_refutes_is_rejected(name: str) -> None:
    assert said(*CASES[name]) == SAID[name]


@pytest.mark.parametrize("text", [FULL, PARTIAL], ids=["full", "partial"])
def test_the_safe_programs_are_accepted(text: str) -> None:
    assert said(text, ()) == ""


FETCH = "    mgmt_dma.fetch @dpu0 [2 to 3) slots [2 to 3) on @dma0 cycles 20\n"
BOOT_ALL_OF_DPU = (
    ("@dpu0 [0 to 1) at(%f)", "@dpu0 [0 to 3)"),
    ("    mgmt_dma.work_item @dpu0 [1 to 2) at(%a0)\n", ""),
    ("    mgmt_dma.work_item @dpu0 [2 to 3) at(%a1)\n", ""),
)


@pytest.mark.parametrize(
    ("text", "edits", "changes", "message"),
    [
        (FULL, (("configure 5 prod", "configure 99 prod"),), {}, "H9: the machine has no barrier 99"),
        (
            FULL,
            (),
            {"barriers.max_sum": 1, "barriers.max_producers": 2},
            "H9: b0#0 counts more than its counters hold",
        ),
        (FULL, (("5 producers 1", "5 producers 0"),), {}, "H7: b5#0 has no producer"),
        (FULL, (("slots [0 to 2)", "slots [-1 to 1)"),), {}, "H9: task 0 begins before a list or its slots"),
        (FULL, (("size 64", "size -64"),), {}, "H8: task 11 names bytes that do not exist"),
        (FULL, (("%b2] on @dma1", "%b2] on @dpu0"),), {}, "H9: task 7 is no task of a DMA"),
        (
            FULL,
            (('"log" writes(%w) waits(%x) updates(%t) cycles 100', '"log" cycles 100 slots 0'),),
            {},
            "H9: task 14 counts 0 slots",
        ),
        (
            FULL,
            ((BOOT, "[%a0, %b0, %b1, %s, %r, %x, %t]"), ("[%a2, %b2]", "[%a1, %a2, %b2]")),
            {"management.program_depth": 1},
            "H9: task 7 pushes 2 instances of one barrier",
        ),
        (FULL, ((FETCH, ""), ("[0 to 11)", "[0 to 10)")), {}, "H4: no descriptor for task 11"),
        (
            FULL,
            (
                ("enqueue @dpu0 [0 to 2)", "enqueue @dpu0 [0 to 3)"),
                ("    mgmt_dma.enqueue @dpu0 [2 to 3) on @dma0 cycles 20\n", ""),
                ("[0 to 11)", "[0 to 10)"),
            ),
            {"management.linked_enqueue": True},
            "H4: task 2 links descriptors of 2 groups",
        ),
        (
            FULL,
            (("    mgmt_dma.work_item @dma1", "    mgmt_dma.work_item @dpu0 [0 to 1)\n    mgmt_dma.work_item @dma1"),),
            {},
            "H6: task 2 pushes what bootstrap has pushed",
        ),
        (PARTIAL, BOOT_ALL_OF_DPU, {"engine.fifo_depth": 1}, "H6: bootstrap overfills engine 3"),
        (FULL, (), {"dpu.fifo_depth": 1, "full_fifo": "drop"}, "H6: push 26 may find the FIFO full"),
        (
            FULL,
            (
                (BOOT, "[%b0, %b1, %s, %r, %x, %t]"),
                (
                    FETCH,
                    "    mgmt_dma.program [%a0] on @dma0 cycles 20\n"
                    "    mgmt_dma.program [%a1] on @dma1 cycles 20\n" + FETCH,
                ),
                ("@dma0 [0 to 11)", "@dma0 [0 to 12)"),
                ("@dma1 [0 to 2)", "@dma1 [0 to 3)"),
            ),
            {"barriers.fifo_depth": 2},
            "H3: b0#1 may be pushed too early",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("H") else "",
)
def test_what_takes_another_machine_or_text_is_rejected(
    text: str, edits: Edits, changes: dict[str, object], message: str
) -> None:
    assert said(text, edits, **changes) == message


@pytest.mark.parametrize(("servers", "task"), [(1, 3), (2, 4), (3, None)])
def test_no_more_servers_than_a_pool_has(servers: int, task: int | None) -> None:
    """A certificate for three of them, whose order takes three."""
    changes = {"dpu.order": "pool", "dpu.fifo_depth": 1, "dpu.descriptor_slots": 8}
    enough, pool = (schedule(POOL, **changes, **{"dpu.servers": count}) for count in (3, servers))
    message = "" if task is None else f"H7: task {task} finds no free server in the order of the certificate"
    assert refusal(pool, sealed(certify(enough), schedule=pool.digest())) == message
