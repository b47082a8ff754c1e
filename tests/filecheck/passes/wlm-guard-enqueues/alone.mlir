// RUN: wlm-opt %s --machine tiny -p wlm-guard-enqueues | filecheck %s

// "a" has two slots and ends while "load" runs; physical barrier 0 is free.
// CHECK-LABEL: task.graph @free phase physical {
// CHECK:         %[[own:.*]] = barrier.configure 0 producers 2 consumers 1
// CHECK:         %{{.*}} = task.run @dpu0 "a" updates(%[[own]]) cycles 4 slots 2
// CHECK:         %{{.*}} = mgmt_dma.enqueue @dpu0 [1 to 2) on @dma0 waits(%[[own]]) cycles 14
task.graph @free phase physical {
  %t = barrier.configure 1 producers 1 consumers 0 tail
  mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 42 bytes 32
  mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 14 bytes 4
  task.run @dpu0 "a" cycles 4 slots 2
  task.run @dma0 "load" cycles 100
  mgmt_dma.enqueue @dpu0 [1 to 2) on @dma0 cycles 14 bytes 4
  task.run @dpu0 "b" updates(%t) cycles 5
}
