// RUN: not wlm-opt %s --machine tiny -p wlm-insert-page-fetches 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-insert-page-fetches': wlm-insert-page-fetches: @net has fetches already
task.graph @net {
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
  task.run @dpu0 "c0" cycles 40
}
