// RUN: wlm-opt %s --machine tiny --pipeline full{starvation=barrier} | filecheck %s
// RUN: wlm-opt %s --machine tiny --pipeline full{starvation=barrier} -o %t.mlir
// RUN: wlm verify %t.mlir | filecheck %s --check-prefix=VERDICT

// The fetch of "d" and "e" waits for "a" anyway; so may their push, on the barrier of the FIFO of @dpu0. Nothing ends
// before the pushes of the other ranges: those rely on their places.
// CHECK-LABEL: task.graph @net phase managed mode full {
// CHECK-NEXT:    %[[own:.*]] = barrier.configure 0 producers 1 consumers 1
// CHECK:         %{{.*}} = task.run @dpu0 "a" waits(%{{.*}}) updates(%{{.*}}, %[[own]]) cycles 200
// CHECK:         %{{.*}} = mgmt_dma.enqueue @dpu0 [1 to 3) on @dma1 cycles 18
// CHECK:         %{{.*}} = mgmt_dma.enqueue @dpu0 [3 to 5) on @dma1 waits(%[[own]]) cycles 18
// CHECK:         %{{.*}} = mgmt_dma.enqueue @dpu0 [5 to 6) on @dma1 cycles 14
// VERDICT: @net: proved

task.graph @net {
  %0 = task.run @dma0 "x" cycles 100
  %1 = task.run @dpu0 "a" after(%0) cycles 200
  %2 = task.run @dpu0 "b" cycles 200
  %3 = task.run @dpu0 "c" cycles 200
  %4 = task.run @dpu0 "d" cycles 200
  %5 = task.run @dpu0 "e" cycles 200
  %6 = task.run @dpu0 "f" cycles 200
  task.run @dma0 "store" after(%6) cycles 100
}
