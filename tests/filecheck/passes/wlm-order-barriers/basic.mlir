// RUN: wlm-opt %s --machine tiny -p wlm-order-barriers | filecheck %s

// CHECK-LABEL: task.graph @net phase virtual {
// CHECK-NEXT:    %[[x:.*]] = barrier.declare
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[x]], %[[v]]) cycles 3
// CHECK-NEXT:    %[[w:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "b" updates(%[[v]], %[[w]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "c" waits(%[[x]], %[[w]]) cycles 7
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "d" waits(%[[v]]) cycles 7
// CHECK-NEXT:    %[[tail:.*]] = barrier.declare tail
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "e" updates(%[[tail]]) cycles 1
// CHECK-NEXT:  }
task.graph @net phase virtual {
  %tail = barrier.declare tail
  %w = barrier.declare
  %x = barrier.declare
  %v = barrier.declare
  task.run @dma0 "a" updates(%v, %x) cycles 3
  task.run @dma1 "b" updates(%w, %v) cycles 5
  task.run @dpu0 "c" waits(%w, %x) cycles 7
  task.run @shave0 "d" waits(%v) cycles 7
  task.run @dma0 "e" updates(%tail) cycles 1
}
