// RUN: wlm-opt %s --machine npu37xx -p wlm-insert-tail | filecheck %s

// The tasks of a pool end in any order, so each is among the last.
// CHECK-LABEL: task.graph @net phase virtual {
// CHECK-NEXT:    %[[t:.*]] = barrier.declare tail
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "a" updates(%[[t]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "b" updates(%[[t]]) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "c" updates(%[[t]]) cycles 5
// CHECK-NEXT:  }
task.graph @net phase virtual {
  task.run @shave0 "a" cycles 3
  task.run @shave0 "b" cycles 4
  task.run @shave0 "c" cycles 5
}
