// RUN: not wlm-opt %s --machine tiny -p wlm-split-barriers 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-split-barriers': task 'b' takes 9 consumer slots of a barrier but machine 'tiny' leaves 8; give it fewer slots (variants) [H9]
task.graph @net phase virtual {
  %v = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) cycles 4 slots 9
}
