// RUN: wlm-opt %s --machine tiny -p wlm-limit-barriers{limit=3} | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-limit-barriers | filecheck %s --check-prefix=ENOUGH

// Four barriers would be in use while "d" runs. Those needed last are taken over by a SYNC: it waits for them, and one
// barrier stands for them until "x" and "y".
// CHECK-LABEL: task.graph @net phase virtual {
// CHECK:         %{{.*}} = mgmt_dma.sync on @dma0 waits(%{{.*}}, %{{.*}}) updates(%[[j:.*]]) cycles 10
// CHECK:         %{{.*}} = task.run @dpu0 "x" waits(%{{.*}}) cycles 7
// CHECK-NEXT:  }

// The machine has eight.
// ENOUGH-LABEL: task.graph @net phase virtual {
// ENOUGH-NOT:     mgmt_dma.sync
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
