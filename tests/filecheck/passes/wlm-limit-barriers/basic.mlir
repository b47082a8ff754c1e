// RUN: wlm-opt %s --machine tiny -p wlm-limit-barriers{limit=3} | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-limit-barriers | filecheck %s --check-prefix=ENOUGH

// Four barriers would be in use while "d" runs. "z" can wait for all four producers, and what follows it on its engine
// comes after them with it.
// CHECK-LABEL: task.graph @net phase virtual {
// CHECK-NOT:     mgmt_dma.sync
// CHECK:         %[[v:.*]] = barrier.declare
// CHECK-NOT:     barrier.declare
// CHECK:         %{{.*}} = task.run @dpu0 "w" waits(%[[v]]) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "z" waits(%[[v]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "x" cycles 7
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "y" cycles 6
// CHECK-NEXT:  }

// The machine has eight.
// ENOUGH-LABEL: task.graph @net phase virtual {
// ENOUGH-COUNT-4: barrier.declare
// ENOUGH:         task.run @dpu0 "x"
task.graph @net phase virtual {
  %a = barrier.declare
  %b = barrier.declare
  %c = barrier.declare
  %d = barrier.declare
  task.run @dma0 "a" updates(%a) cycles 3
  task.run @dma1 "b" updates(%b) cycles 3
  task.run @dma0 "c" updates(%c) cycles 3
  task.run @dma1 "d" updates(%d) cycles 3
  task.run @dpu0 "w" waits(%d) cycles 4
  task.run @shave0 "z" waits(%c) cycles 5
  task.run @shave0 "y" waits(%b) cycles 6
  task.run @dpu0 "x" waits(%a) cycles 7
}
