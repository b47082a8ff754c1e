"""Pools whose servers all wait for something that comes after the next task: a deadlock that is no cycle of events."""

import pytest

from tests.unit.verify_schedule_cases import faults, program
from wlm_dialect.machine import preset
from wlm_dialect.runtime.run import run
from wlm_dialect.verification import verify

TEXT = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %b0 = barrier.configure 0 producers 1 consumers 2
    %t = barrier.configure 1 producers 6 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%b0, %t]
    mgmt_dma.work_item @dma0 [0 to 2)
    mgmt_dma.fetch @dpu0 [0 to 5) slots [0 to 5) on @dma0 cycles 10
    mgmt_dma.enqueue @dpu0 [0 to 5) on @dma0 updates(%b0, %t) cycles 10
    task.run @dpu0 "conv0" updates(%t) cycles 10
    task.run @dpu0 "conv1" waits(%b0) updates(%t) cycles 10
    task.run @dpu0 "conv2" waits(%b0) updates(%t) cycles 10
    task.run @dpu0 "conv3" updates(%t) cycles 10
    task.run @dpu0 "conv4" updates(%t) cycles 10
  }
}
"""
"""The ENQUEUE ends when conv3 is at head and makes room for conv4; conv1 and conv2 wait for that end."""


@pytest.mark.parametrize(("servers", "stuck"), [(1, "conv2"), (2, "conv3"), (3, "")])
def test_all_servers_wait_for_what_needs_one(servers: int, stuck: str) -> None:
    changes = {"dpu.order": "pool", "dpu.servers": servers, "dpu.fifo_depth": 1, "dpu.descriptor_slots": 8}
    p = program(TEXT, machine=preset("tiny").with_(**changes))
    found = verify(p)
    assert found.status == ("refuted" if stuck else "proved")
    text = f"deadlock: '{stuck}' on dpu0 never comes to head: tasks before it keep every server of its pool"
    assert [f.text for f in found.findings] == ([text] if stuck else [])
    assert run(p).outcome == ("deadlock" if stuck else "finished")
    assert faults(p) == ({("H7", -1, "")} if stuck else set())
