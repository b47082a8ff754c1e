// RUN: not wlm-opt %s --machine npu40xx:1 -p wlm-split-barriers 2>&1 | filecheck %s

// The consumer fits by itself, but leaves no slot for a producer.
// CHECK: wlm-opt: error: in pass 'wlm-split-barriers': task 'b' takes 256 consumer slots of a barrier but machine 'npu40xx:1' leaves 255; give it fewer slots (variants) [H9]
task.graph @net phase virtual {
  %v = barrier.declare
  task.run @dma0_ddr "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) cycles 4 slots 256
}
