// RUN: wlm-opt %s --machine tiny -p wlm-link-work-items{mode=firmware} | filecheck %s

// Firmware builds the fetch: the DPU task hangs on the DMA interrupt at its end, no barrier is needed.
// CHECK-LABEL: task.graph @net phase managed mode firmware {
// CHECK:         mgmt_dma.work_item @dma_fw [0 to 1)
// CHECK:         %[[f:.*]] = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma_fw cycles 26 bytes 16
// CHECK:         mgmt_dma.work_item @dma0 [0 to 1)
// CHECK:         mgmt_dma.work_item @dpu0 [0 to 1) done(%[[f]])
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" waits(%{{.*}}) updates(%{{.*}}) cycles 4
// CHECK-NEXT:  }
task.graph @net phase physical {
  %v = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 1 producers 1 consumers 0 tail
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma_fw cycles 26 bytes 16
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) updates(%t) cycles 4
}
