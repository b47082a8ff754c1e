// RUN: wlm-opt %s --machine tiny -p wlm-place-enqueues | filecheck %s

// DPU tasks are pushed by a DMA on the queue of their fetch (the idle one), after it (H4). DMA tasks need none here: their lists are
// linked at bootstrap.
// CHECK-LABEL: task.graph @net phase physical {
// CHECK:         mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma1
// CHECK:         mgmt_dma.enqueue @dpu0 [0 to 2) on @dma1 cycles 18 bytes 8
// CHECK-NOT:     mgmt_dma.enqueue
// CHECK:         %{{.*}} = task.run @dpu0 "c" updates(%{{.*}}) cycles 5
// CHECK-NEXT:  }
task.graph @net phase physical {
  %v = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 1 producers 1 consumers 0 tail
  mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma1 cycles 42 bytes 32
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) cycles 4
  task.run @dpu0 "c" updates(%t) cycles 5
}
