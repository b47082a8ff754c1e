// RUN: not wlm-opt %s --machine tiny -p wlm-merge-waits 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-merge-waits': task 'c' waits on v1, which has no producer [H7]
task.graph @net phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "c" waits(%v, %w) cycles 5
}
