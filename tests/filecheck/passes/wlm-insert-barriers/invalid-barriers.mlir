// RUN: not wlm-opt %s --machine tiny -p wlm-insert-barriers 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-insert-barriers': wlm-insert-barriers: @net has barriers already, which this pass would drop
task.graph @net {
  %v = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
}
