// RUN: not wlm-opt %s --machine tiny -p wlm-insert-tail 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-insert-tail': wlm-insert-tail: @net has no task, so nothing could lift a tail barrier [H10]
task.graph @net phase virtual {
  %v = barrier.declare
}
