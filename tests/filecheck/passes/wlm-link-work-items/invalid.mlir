// RUN: not wlm-opt %s --machine tiny -p wlm-link-work-items 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-link-work-items': 'fetch dpu0[0:1]' has no pulse; run wlm-insert-pulses first [H4]
task.graph @net phase physical {
  %v = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 1 producers 1 consumers 0 tail
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) updates(%t) cycles 4
}
