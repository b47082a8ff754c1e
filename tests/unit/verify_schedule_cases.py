"""Safe programs in IR text, and how tests edit and check them."""

from typing import Any

from tests.ir_text import parse
from tests.oracles.explore import explore
from tests.oracles.machine import Fault
from tests.oracles.schedule import read_schedule
from wlm_dialect.check import Certificate, RejectedError, seal
from wlm_dialect.check import check as check_certificate
from wlm_dialect.check.text import Schedule
from wlm_dialect.machine import MachineModel
from wlm_dialect.passes.verify_schedule import Verdict, check
from wlm_dialect.program import Program, decode_module, encode_module

FULL = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %w = task.buffer "w" cmx 0 scratch size 64
    %a0 = barrier.configure 0 producers 1 consumers 1
    %a1 = barrier.configure 0 producers 1 consumers 1
    %a2 = barrier.configure 0 producers 1 consumers 1
    %b0 = barrier.configure 1 producers 1 consumers 1
    %b1 = barrier.configure 1 producers 1 consumers 1
    %b2 = barrier.configure 1 producers 1 consumers 1
    %s = barrier.configure 2 producers 1 consumers 1
    %r = barrier.configure 3 producers 1 consumers 1
    %x = barrier.configure 5 producers 1 consumers 1
    %t = barrier.configure 4 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %b0, %b1, %s, %r, %x, %t]
    mgmt_dma.work_item @dma0 [0 to 11)
    mgmt_dma.work_item @dma1 [0 to 2)
    mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 20
    mgmt_dma.fetch @dpu0 [2 to 3) slots [2 to 3) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [2 to 3) on @dma0 cycles 20
    task.run @dma0 "load0" updates(%a0) cycles 100
    task.run @dpu0 "conv0" waits(%a0) updates(%b0) cycles 200
    task.run @dma0 "store0" waits(%b0) updates(%s) cycles 100
    mgmt_dma.program [%a2, %b2] on @dma1 waits(%s) updates(%r) cycles 20
    task.run @dma0 "load1" waits(%r) updates(%a1) cycles 100
    task.run @dpu0 "conv1" waits(%a1) updates(%b1) cycles 200
    task.run @dma0 "store1" waits(%b1) cycles 100
    task.run @dma0 "load2" writes(%w) updates(%a2) cycles 100
    task.run @dpu0 "conv2" reads(%w) waits(%a2) updates(%b2) cycles 200
    task.run @dma0 "store2" waits(%b2) updates(%x) cycles 100
    task.run @dma1 "log" writes(%w) waits(%x) updates(%t) cycles 100
    task.run @dma0 "last" updates(%t) cycles 100
  }
}
"""
"""Three rounds of load, conv, store; the third uses instances that a DMA programs."""

PARTIAL = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode partial {
    %f = barrier.configure 0 producers 1 consumers 0 irq "over"
    %a0 = barrier.configure 1 producers 1 consumers 1 irq "over"
    %a1 = barrier.configure 1 producers 1 consumers 1 irq "over"
    %a2 = barrier.configure 1 producers 1 consumers 1
    %b = barrier.configure 2 producers 2 consumers 1
    %t = barrier.configure 3 producers 1 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%f, %a0, %b, %t]
    mgmt_dma.work_item @dma0 [0 to 2)
    mgmt_dma.fetch @dpu0 [0 to 3) slots [0 to 3) on @dma0 updates(%f) cycles 20
    task.run @dma0 "load0" updates(%a0) cycles 100
    mgmt_dma.work_item @dpu0 [0 to 1) at(%f)
    task.run @dpu0 "conv0" waits(%a0) cycles 200
    mgmt_dma.work_item @dma0 [2 to 3) at(%a0)
    task.run @dma0 "load1" updates(%a1) cycles 100
    mgmt_dma.work_item @dpu0 [1 to 2) at(%a0)
    task.run @dpu0 "conv1" waits(%a1) updates(%b) cycles 200
    mgmt_dma.work_item @dma0 [3 to 4) at(%a1)
    task.run @dma0 "load2" updates(%a2) cycles 100
    mgmt_dma.work_item @dpu0 [2 to 3) at(%a1)
    task.run @dpu0 "conv2" waits(%a2) updates(%b) cycles 200
    mgmt_dma.work_item @dma1 [0 to 1)
    task.run @dma1 "store" waits(%b) updates(%t) cycles 100
  }
}
"""
"""Three rounds on one barrier that firmware programs, enqueues by firmware."""

CHOICE = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode partial {
    %a0 = barrier.configure 0 producers 1 consumers 0 irq "over"
    %b = barrier.configure 1 producers 1 consumers 1 irq "over"
    %c0 = barrier.configure 2 producers 1 consumers 0 irq "over"
    %c1 = barrier.configure 2 producers 1 consumers 0
    %t = barrier.configure 3 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %b, %c0, %t]
    mgmt_dma.work_item @dma0 [0 to 1)
    task.run @dma0 "load" updates(%a0, %b, %c0) cycles 100
    mgmt_dma.work_item @dma1 [0 to 1) at(%a0)
    task.run @dma1 "first" waits(%b) updates(%t) cycles 10
    mgmt_dma.work_item @dma1 [1 to 2) at(%b)
    task.run @dma1 "second" updates(%c1, %t) cycles 10
  }
}
"""
"""The handler of b0 pushes `first`, which starts at once and makes b1 over: by id, firmware serves it before b2."""

NEIGHBOURS = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a0 = barrier.configure 0 producers 1 consumers 1
    %a1 = barrier.configure 0 producers 1 consumers 1
    %b = barrier.configure 1 producers 1 consumers 1
    %c = barrier.configure 2 producers 1 consumers 1
    %t = barrier.configure 3 producers 3 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %b, %c, %t]
    mgmt_dma.work_item @dma0 [0 to 2)
    mgmt_dma.work_item @dma1 [0 to 2)
    task.run @dma1 "load" updates(%a0, %b) cycles 10
    task.run @dma0 "first" waits(%a0) updates(%c, %t) cycles 10
    task.run @dma1 "again" waits(%c) updates(%a1, %t) cycles 10
    task.run @dma0 "second" waits(%b, %a1) updates(%t) cycles 10
  }
}
"""
"""Where consumers count at their end, `second` is at head before b0#1 is armed, but may start only after `first`."""

Edits = tuple[tuple[str, str], ...]
"""Old and new text; the old one is part of a line and occurs once."""


def edited(text: str, edits: Edits) -> str:
    """An IR text after exact edits."""
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        text = text.replace(old, new)
    return text


LANDING = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a0 = barrier.configure 0 producers 1 consumers 0
    %a1 = barrier.configure 0 producers 1 consumers 1
    %b = barrier.configure 1 producers 1 consumers 1
    %t = barrier.configure 2 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %b, %t]
    mgmt_dma.work_item @dma0 [0 to 2)
    mgmt_dma.work_item @dma1 [0 to 1)
    mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 10
    mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0 updates(%a0, %b) cycles 10
    task.run @dma1 "load" waits(%b) updates(%a1, %t) cycles 10
    task.run @dpu0 "first" waits(%a1) cycles 10
    task.run @dpu0 "second" updates(%t) cycles 10
  }
}
"""
"""The end of the enqueue arms b0#1. If both its pushes fit at once they land with it, before `first` is at head."""

LATE_END = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a0 = barrier.configure 0 producers 1 consumers 1
    %a1 = barrier.configure 0 producers 1 consumers 1
    %b = barrier.configure 1 producers 1 consumers 1
    %t = barrier.configure 2 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %b, %t]
    mgmt_dma.work_item @dma0 [0 to 1)
    mgmt_dma.work_item @dma1 [0 to 2)
    task.run @dma1 "load" updates(%b) cycles 10
    mgmt_dma.fetch @dpu0 [0 to 3) slots [0 to 3) on @dma0 updates(%a0) cycles 10
    mgmt_dma.enqueue @dpu0 [0 to 3) on @dma1 waits(%a0) updates(%t) cycles 10
    task.run @dpu0 "first" updates(%a1) cycles 10
    task.run @dpu0 "second" waits(%a1, %b) cycles 10
    task.run @dpu0 "third" updates(%t) cycles 10
  }
}
"""
"""Where the FIFO takes one, the enqueue ends when `second` is at head, the start of which needs the end of `first`."""


def program(text: str, edits: Edits = (), machine: MachineModel | None = None) -> Program:
    """The program of an edited IR text."""
    return decode_module(parse(edited(text, edits)), machine)[0]


def verdict(text: str, edits: Edits = (), machine: MachineModel | None = None) -> Verdict:
    """What the checker says of the edited program."""
    return check(program(text, edits, machine))


def faults(p: Program) -> set[Fault]:
    """What the exploration of every interleaving finds wrong."""
    return explore(read_schedule(str(encode_module(p)), p.machine)).faults


def sealed(base: Certificate, **changes: Any) -> Certificate:
    """A certificate that says something else, and whose seal fits."""
    out = {**base, **changes}
    return {**out, "seal": seal(out)}


def refusal(schedule: Schedule, certificate: Certificate) -> str:
    """What wlm-check says of a certificate; nothing if it accepts it."""
    try:
        check_certificate(schedule, certificate)
    except RejectedError as error:
        return str(error)
    return ""
