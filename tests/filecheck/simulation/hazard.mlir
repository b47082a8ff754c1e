// RUN: not wlm run %s 2>&1 | filecheck %s

// The descriptor of the conv is fetched behind its enqueue: it is at head at 14, and reads a slot that holds nothing.
// CHECK: H4
// CHECK-SAME: conv
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %t = barrier.configure 2 producers 1 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%t]
    mgmt_dma.work_item @dma0 [0 to 2)
    mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 14
    mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
    task.run @dpu0 "conv" updates(%t) cycles 50
  }
}
