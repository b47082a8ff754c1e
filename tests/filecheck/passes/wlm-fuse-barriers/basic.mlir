// RUN: wlm-opt %s --machine tiny -p wlm-fuse-barriers | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-fuse-barriers{tolerance=50} | filecheck %s --check-prefix=TOLERANT
// RUN: wlm-opt %s --machine tiny -p wlm-fuse-barriers{early=true} | filecheck %s --check-prefix=EARLY

// "x" and "y" are held up by their engines until tick 8; by then "a" and "b" have ended.
// CHECK-LABEL: task.graph @shared phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "b" updates(%[[v]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "r" cycles 8
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "s" cycles 8
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "x" waits(%[[v]]) cycles 7
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "y" waits(%[[v]]) cycles 6
// CHECK-NEXT:  }
task.graph @shared phase virtual {
  %a = barrier.declare
  %b = barrier.declare
  task.run @dma0 "a" updates(%a) cycles 3
  task.run @dma1 "b" updates(%b) cycles 5
  task.run @dpu0 "r" cycles 8
  task.run @shave0 "s" cycles 8
  task.run @dpu0 "x" waits(%a) cycles 7
  task.run @shave0 "y" waits(%b) cycles 6
}

// Here "x" would start two ticks later: half of the mean duration is what the second run allows.
// CHECK-LABEL: task.graph @delayed phase virtual {
// CHECK:         %{{.*}} = task.run @dpu0 "x" waits(%[[a:.*]]) cycles 5
// CHECK-NOT:     waits(%[[a]])
// CHECK:       }
// TOLERANT-LABEL: task.graph @delayed phase virtual {
// TOLERANT:         %{{.*}} = task.run @dpu0 "x" waits(%[[v:.*]]) cycles 5
// TOLERANT-NEXT:    %{{.*}} = task.run @shave0 "y" waits(%[[v]]) cycles 5
task.graph @delayed phase virtual {
  %a = barrier.declare
  %b = barrier.declare
  task.run @dma0 "a" updates(%a) cycles 3
  task.run @dma1 "b" updates(%b) cycles 5
  task.run @dpu0 "x" waits(%a) cycles 5
  task.run @shave0 "y" waits(%b) cycles 5
}

// "w" ended long before "z" needs it. Its barrier is over early if "x", which starts after the end of "w", waits.
// CHECK-LABEL: task.graph @ahead phase virtual {
// CHECK:         task.run @dpu0 "z" waits
// EARLY-LABEL: task.graph @ahead phase virtual {
// EARLY-NEXT:    %[[v:.*]] = barrier.declare
// EARLY-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]]) cycles 5
// EARLY-NEXT:    %{{.*}} = task.run @dma1 "w" updates(%[[v]]) cycles 3
// EARLY-NEXT:    %{{.*}} = task.run @dpu0 "x" waits(%[[v]]) cycles 7
// EARLY-NEXT:    %{{.*}} = task.run @dpu0 "z" cycles 6
// EARLY-NEXT:  }
task.graph @ahead phase virtual {
  %a = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%a) cycles 5
  task.run @dma1 "w" updates(%w) cycles 3
  task.run @dpu0 "x" waits(%a) cycles 7
  task.run @dpu0 "z" waits(%w) cycles 6
}

// The tail, and barriers that only tell something, stay.
// CHECK-LABEL: task.graph @kept phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %[[p:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]], %[[p]]) cycles 3
// CHECK-NEXT:    %[[t:.*]] = barrier.declare tail
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" waits(%[[v]]) updates(%[[t]]) cycles 4
task.graph @kept phase virtual {
  %pulse = barrier.declare
  %v = barrier.declare
  %t = barrier.declare tail
  task.run @dma0 "a" updates(%pulse, %v) cycles 3
  task.run @dpu0 "b" waits(%v) updates(%t) cycles 4
}
