// RUN: not wlm run %s 2>&1 | filecheck %s

// "a" waits for what "b" behind it on the same queue would lift.
// CHECK: deadlock
// CHECK: a
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %v = barrier.configure 0 producers 1 consumers 1
    %t = barrier.configure 2 producers 1 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%v, %t]
    mgmt_dma.work_item @dma0 [0 to 2)
    task.run @dma0 "a" waits(%v) cycles 14
    task.run @dma0 "b" updates(%v, %t) cycles 50
  }
}
