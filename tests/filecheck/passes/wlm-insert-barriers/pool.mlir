// RUN: wlm-opt %s --machine npu37xx -p wlm-insert-barriers | filecheck %s

// Two servers share the FIFO of @shave0, so even neighbours need a barrier.
// CHECK-LABEL: task.graph @net phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "a" updates(%[[v]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "b" waits(%[[v]]) cycles 4
// CHECK-NEXT:  }
task.graph @net {
  %a = task.run @shave0 "a" cycles 3
  task.run @shave0 "b" after(%a) cycles 4
}
