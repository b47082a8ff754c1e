// RUN: wlm-opt %s --machine tiny -p wlm-insert-tail | filecheck %s

// "b" is followed by "d", "a" by "c": the ends of "c" and "d" imply all others.
// CHECK-LABEL: task.graph @net phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" cycles 4
// CHECK-NEXT:    %[[t:.*]] = barrier.declare tail
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "c" waits(%[[v]]) updates(%[[t]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "d" updates(%[[t]]) cycles 6
// CHECK-NEXT:  }
task.graph @net phase virtual {
  %v = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" cycles 4
  task.run @shave0 "c" waits(%v) cycles 5
  task.run @dpu0 "d" cycles 6
}
