// RUN: not wlm-opt %s --machine tiny -p wlm-insert-tail 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-insert-tail': wlm-insert-tail: @net has a tail barrier already
task.graph @net phase virtual {
  %t = barrier.declare tail
  task.run @dma0 "a" updates(%t) cycles 3
}
