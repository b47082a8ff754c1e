// RUN: wlm-opt %s --machine tiny -p wlm-insert-barriers | filecheck %s

// One barrier per task that waits, fed by all it comes after; none between neighbours of an engine that ends in order.
// CHECK-LABEL: task.graph @net phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %[[w:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]], %[[w]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "b" updates(%[[v]]) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "c" waits(%[[v]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "d" cycles 6
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "e" waits(%[[w]]) cycles 7
// CHECK-NEXT:  }
task.graph @net {
  %a = task.run @dma0 "a" cycles 3
  %b = task.run @dma1 "b" cycles 4
  %c = task.run @dpu0 "c" after(%a, %b) cycles 5
  %d = task.run @dpu0 "d" after(%c) cycles 6
  task.run @shave0 "e" after(%a) cycles 7
}

// CHECK-LABEL: task.graph @no_dependence phase virtual {
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" cycles 3 {note = "kept"}
// CHECK-NEXT:  }
task.graph @no_dependence {
  task.run @dma0 "a" cycles 3 {note = "kept"}
}
