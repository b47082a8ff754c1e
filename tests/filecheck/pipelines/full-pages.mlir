// RUN: wlm-opt %s --machine tiny --pipeline "full{policy=pages}" | filecheck %s
// RUN: wlm-opt %s --machine tiny --pipeline "full{policy=pages}" -o %t.mlir
// RUN: wlm verify %t.mlir | filecheck %s --check-prefix=VERDICT
// RUN: wlm run %t.mlir | filecheck %s --check-prefix=SPAN

// The baseline: all management on the first DMA queue, fetches and enqueues in front of everything else.
// CHECK:        task.graph @net phase managed mode full {
// CHECK:          mgmt_dma.work_item @dma0 [0 to 5)
// CHECK:          %{{.*}} = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
// CHECK:          %{{.*}} = mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
// CHECK-NEXT:     %{{.*}} = mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 14 bytes 4
// CHECK-NEXT:     %{{.*}} = mgmt_dma.enqueue @shave0 [0 to 1) on @dma0 cycles 14 bytes 4
// CHECK-NEXT:     %{{.*}} = task.run @dma0 "in" updates(%[[c0:.*]]) cycles 310 bytes 300
// CHECK:          %{{.*}} = task.run @dpu0 "conv" waits(%[[c0]])
// VERDICT:    @net: proved
// SPAN:       finished in 1,250 ticks
task.graph @net {
  %in = task.run @dma0 "in" cycles 310 bytes 300
  %w = task.run @dma1 "weights" cycles 200 bytes 190
  %conv = task.run @dpu0 "conv" after(%in, %w) cycles 400 slots 4
  %act = task.run @shave0 "act" after(%conv) cycles 150 slots 2
  task.run @dma1 "out" after(%act) cycles 310 bytes 300
}
