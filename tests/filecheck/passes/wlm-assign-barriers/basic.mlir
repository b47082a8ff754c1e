// RUN: wlm-opt %s --machine tiny -p wlm-assign-barriers{mode=partial} | filecheck %s

// Enough barriers for all: each gets its own, with the slots of its users as counts.
// CHECK-LABEL: task.graph @net phase physical {
// CHECK:         %[[v:.*]] = barrier.configure {{[0-7]}} producers 1 consumers 4
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]]) cycles 3
// CHECK-NEXT:    %[[w:.*]] = barrier.configure {{[0-7]}} producers 4 consumers 1
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" waits(%[[v]]) updates(%[[w]]) cycles 4 slots 4
// CHECK-NEXT:    %[[t:.*]] = barrier.configure {{[0-7]}} producers 1 consumers 0 tail
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "c" waits(%[[w]]) updates(%[[t]]) cycles 5
// CHECK-NEXT:  }
task.graph @net phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  %t = barrier.declare tail
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) updates(%w) cycles 4 slots 4
  task.run @dma0 "c" waits(%w) updates(%t) cycles 5
}
