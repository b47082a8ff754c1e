// RUN: not wlm-opt %s --machine tiny -p wlm-place-enqueues 2>&1 | filecheck %s

// The queue with less to do manages: that is @dma1.
// CHECK: wlm-opt: error: in pass 'wlm-place-enqueues': task 'a' is fetched on @dma0, but @dma1 enqueues it and must fetch it too [H4]
task.graph @net phase physical {
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 5
  task.run @dma0 "load" cycles 30
  task.run @dpu0 "a" cycles 3
}
