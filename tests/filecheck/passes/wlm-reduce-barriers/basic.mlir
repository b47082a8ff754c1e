// RUN: wlm-opt %s --machine tiny -p wlm-reduce-barriers | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-reduce-barriers,wlm-reduce-barriers | filecheck %s

// "b" ends after "a", so %v tells nothing that %w does not tell; "d" is behind "c".
// CHECK-LABEL: task.graph @net phase virtual {
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" cycles 3
// CHECK-NEXT:    %[[w:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "b" updates(%[[w]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "c" waits(%[[w]]) cycles 5
// CHECK-NEXT:    %[[tail:.*]] = barrier.declare tail
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "d" updates(%[[tail]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "e" updates(%[[tail]]) cycles 5
// CHECK-NEXT:  }
task.graph @net phase virtual {
  %tail = barrier.declare tail
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dma0 "b" updates(%v, %w) cycles 3
  task.run @dpu0 "c" waits(%v, %w) cycles 5
  task.run @dpu0 "d" waits(%v) updates(%tail) cycles 5
  task.run @dma1 "e" updates(%tail) cycles 5
}

// "y" knows the end of "b" from its first wait, and so does "x": "b" need not update %w. "a" need: "x" does not know it.
// CHECK-LABEL: task.graph @producer phase virtual {
// CHECK:         %{{.*}} = task.run @dma0 "a" updates(%[[w:.*]]) cycles 3
// CHECK:         %{{.*}} = task.run @dma1 "b" updates(%[[v:.*]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "x" waits(%[[v]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "y" waits(%[[w]]) cycles 5
task.graph @producer phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%w) cycles 3
  task.run @dma1 "b" updates(%v, %w) cycles 3
  task.run @dpu0 "x" waits(%v) cycles 5
  task.run @dpu0 "y" waits(%w) cycles 5
}

// Nobody waits on %pulse, but firmware may watch it; nothing lifts %never, which wlm-verify-phase has to see.
// CHECK-LABEL: task.graph @kept phase virtual {
// CHECK:         %{{.*}} = task.run @dma0 "a" updates(%{{.*}}) cycles 3
// CHECK:         %{{.*}} = task.run @dma0 "b" waits(%{{.*}}) cycles 3
task.graph @kept phase virtual {
  %pulse = barrier.declare
  %never = barrier.declare
  task.run @dma0 "a" updates(%pulse) cycles 3
  task.run @dma0 "b" waits(%never) cycles 3
}
