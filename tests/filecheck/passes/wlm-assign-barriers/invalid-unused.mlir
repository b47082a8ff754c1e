// RUN: not wlm-opt %s --machine tiny -p wlm-assign-barriers 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-assign-barriers': @net: barrier v1 has no producer, so nothing lifts it [H7]
task.graph @net phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) cycles 4
}
