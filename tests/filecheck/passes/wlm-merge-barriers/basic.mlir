// RUN: wlm-opt %s --machine tiny -p wlm-merge-barriers | filecheck %s

// Same producers: one barrier, whose consumers are those of both.
// CHECK-LABEL: task.graph @same_producers phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" waits(%[[v]]) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "c" waits(%[[v]]) cycles 5
// CHECK-NEXT:  }
task.graph @same_producers phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%v, %w) cycles 3
  task.run @dpu0 "b" waits(%v) cycles 4
  task.run @shave0 "c" waits(%w) cycles 5
}

// Same consumers: one barrier, fed by the producers of both.
// CHECK-LABEL: task.graph @same_consumers phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "b" updates(%[[v]]) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "c" waits(%[[v]]) cycles 5
// CHECK-NEXT:  }
task.graph @same_consumers phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dma1 "b" updates(%w) cycles 4
  task.run @dma0 "c" waits(%v, %w) cycles 5
}

// Merging these would hold "c" back until "b" has ended.
// CHECK-LABEL: task.graph @different phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %[[w:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]], %[[w]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "b" updates(%[[w]]) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "c" waits(%[[v]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "d" waits(%[[w]]) cycles 6
// CHECK-NEXT:  }
task.graph @different phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%v, %w) cycles 3
  task.run @dma1 "b" updates(%w) cycles 4
  task.run @dpu0 "c" waits(%v) cycles 5
  task.run @shave0 "d" waits(%w) cycles 6
}

// The tail is watched by firmware: no other barrier may take its place.
// CHECK-LABEL: task.graph @tail phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %[[t:.*]] = barrier.declare tail
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]], %[[t]]) cycles 3
task.graph @tail phase virtual {
  %v = barrier.declare
  %t = barrier.declare tail
  task.run @dma0 "a" updates(%v, %t) cycles 3
  task.run @dpu0 "b" waits(%v) cycles 4
}
