"""Ends of ENQUEUE tasks that wait for room: certain before what takes time, not before a head in the same tick."""

import pytest

from tests.unit.verify_schedule_cases import faults, program, refusal
from wlm_dialect.check.events import END, HEAD, START, Events, event
from wlm_dialect.check.rules import Proof
from wlm_dialect.machine import preset
from wlm_dialect.passes.checker.certificate import certify, schedule_of
from wlm_dialect.passes.verify_schedule import check
from wlm_dialect.program import Program
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing
from wlm_dialect.verification import verify

OWN_ROOM = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a0 = barrier.configure 0 producers 1 consumers 1
    %a1 = barrier.configure 0 producers 1 consumers 1
    %t = barrier.configure 4 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %t]
    mgmt_dma.work_item @dma1 [0 to 1)
    mgmt_dma.work_item @dma0 [0 to 3)
    task.run @dma1 "first" updates(%a0) cycles 100
    mgmt_dma.fetch @dpu0 [0 to 3) slots [0 to 3) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [0 to 3) on @dma0 waits(%a0) cycles 20
    task.run @dma0 "second" updates(%a1) cycles 100
    task.run @dpu0 "conv0" cycles 50
    task.run @dpu0 "conv1" waits(%a1) updates(%t) cycles 100
    task.run @dpu0 "conv2" updates(%t) cycles 100
  }
}
"""
"""conv1 makes room for conv2, which ends the ENQUEUE, which arms the barrier that conv1 waits for: too late."""

LATER = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a0 = barrier.configure 0 producers 1 consumers 0
    %a1 = barrier.configure 0 producers 1 consumers 1
    %c = barrier.configure 1 producers 1 consumers 1
    %t = barrier.configure 4 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %c, %t]
    mgmt_dma.work_item @dma1 [0 to 2)
    mgmt_dma.work_item @dma0 [0 to 2)
    mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0 updates(%a0) cycles 20
    task.run @dpu0 "conv0" updates(%c) cycles 50
    task.run @dma1 "store" waits(%c) updates(%a1) cycles 100
    task.run @dma1 "last" waits(%a1) updates(%t) cycles 100
    task.run @dpu0 "conv1" updates(%t) cycles 100
  }
}
"""
"""Nothing but room in the FIFO orders the end of the ENQUEUE before the end of `store`, and that suffices."""


def managed(text: str, **changes: object) -> Program:
    base: dict[str, object] = {"dpu.order": "prefetching", "engine.fifo_depth": 1}
    return program(text, machine=preset("tiny").with_(**base | changes))


def rejected(p: Program) -> str:
    """What wlm-check says of the certificate that is made for a program; nothing if it accepts it."""
    schedule = schedule_of(p)
    return refusal(schedule, certify(schedule))


@pytest.mark.parametrize("order", ["prefetching", "serial"])
def test_a_head_may_come_before_the_end_that_it_causes(order: str) -> None:
    """On a serial engine conv1 is at head in the tick in which conv0 ends: that end takes time, but is no proof."""
    p = managed(OWN_ROOM, **{"barriers.consume_at": "end", "dpu.order": order})
    found = verify(p)
    assert found.status == "refuted"
    assert [(f.rule, p.names[f.task]) for f in found.findings] == [("H1", "conv1")]
    assert faults(p) == {("H1", 5, "b0#1")}
    assert rejected(p) == "H1: task 5 may find b0 before instance 1 is armed"


def test_no_certificate_can_claim_that_order() -> None:
    """A join comes before an end; not before a head or a start, which may happen in the tick of their causes."""
    p = managed(OWN_ROOM, **{"barriers.consume_at": "end"})
    schedule = schedule_of(p)
    proof = Proof(Events(schedule))
    for here, chain in certify(schedule)["order"]:
        proof.add(here, chain, [])
    enqueue, conv1 = p.names.index("enqueue dpu0[0:3]"), p.names.index("conv1")
    everything = list(proof.rank)
    allowed = [proof.joined(event(enqueue, END), event(conv1, kind), everything) for kind in (HEAD, START, END)]
    assert allowed == [False, False, True]


def test_what_takes_time_comes_after_the_end() -> None:
    p = managed(LATER)
    assert check(p).status == "proved"
    assert not faults(p)
    assert any(kind == "join" for _, orders in certify(schedule_of(p))["extra"] for kind, _ in orders)
    assert rejected(p) == ""


REARMING = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a0 = barrier.configure 0 producers 1 consumers 1
    %a1 = barrier.configure 0 producers 1 consumers 1
    %z = barrier.configure 1 producers 1 consumers 1
    %t = barrier.configure 4 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %z, %t]
    mgmt_dma.work_item @dma1 [0 to 3)
    mgmt_dma.work_item @dma0 [0 to 6)
    task.run @dma1 "first" updates(%a0) cycles 1
    mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 1
    mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 waits(%a0) updates(%z) cycles 1
    task.run @dma0 "load0" cycles 1
    task.run @dma0 "load1" cycles 1
    task.run @dma0 "load2" cycles 1
    task.run @dma0 "load3" updates(%a1) cycles 1
    task.run @dma1 "store0" waits(%z) cycles 1
    task.run @dma1 "store1" waits(%a1) updates(%t) cycles 1
    task.run @dpu0 "conv" updates(%t) cycles 1
  }
}
"""
"""From the start of the ENQUEUE, which arms b0#1, to the head of store1: one tick for the ENQUEUE, one for store0."""


@pytest.mark.parametrize(("delta", "status"), [(2, "proved"), (3, "undecided")])
def test_the_end_of_an_enqueue_takes_no_tick_beside_its_transfer(delta: int, status: str) -> None:
    p = managed(REARMING, **{"dpu.order": "serial", "barriers.rearm": "bounded", "barriers.rearm_delta": delta})
    assert check(p).status == status
    timing = Timing(duration=dict.fromkeys(range(len(p)), 1), rearm={0: 0, 1: delta, 2: 0, 3: 0})
    ran = run(p, timing=timing)
    assert ran.outcome == ("finished" if status == "proved" else "hazard")
    assert rejected(p) == ("" if status == "proved" else "H1, H2: b0#1 may still be re-arming at event 72")
