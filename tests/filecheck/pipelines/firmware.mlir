// RUN: wlm-opt %s --machine tiny --pipeline firmware | filecheck %s
// RUN: wlm-opt %s --machine tiny --pipeline firmware -o %t.mlir
// RUN: wlm verify %t.mlir | filecheck %s --check-prefix=VERDICT

// Firmware builds the fetches on its own channel. The second ends soon after the first, so one interrupt tells of both;
// there it pushes the compute tasks. All barriers fit, so they are loaded at bootstrap and raise no interrupt but that of
// the tail.
// CHECK:      builtin.module attributes {wlm.machine = "tiny"} {
// CHECK-NEXT:   task.graph @net phase managed mode firmware {
// CHECK-NEXT:     %[[c0:.*]] = barrier.configure 0 producers 2 consumers 4
// CHECK-NEXT:     %[[c1:.*]] = barrier.configure 1 producers 2 consumers 0 tail irq "lifted"
// CHECK-NEXT:     %[[c2:.*]] = barrier.configure 2 producers 4 consumers 2
// CHECK-NEXT:     %[[c3:.*]] = barrier.configure 3 producers 2 consumers 1
// CHECK-NEXT:     mgmt_dma.bootstrap [%[[c0]], %[[c1]], %[[c2]], %[[c3]]]
// CHECK-NEXT:     mgmt_dma.work_item @dma_fw [0 to 2)
// CHECK-NEXT:     %{{.*}} = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma_fw cycles 26 bytes 16
// CHECK-NEXT:     mgmt_dma.work_item @dma0 [0 to 2)
// CHECK-NEXT:     %{{.*}} = task.run @dma0 "in" updates(%[[c0]]) cycles 310 bytes 300
// CHECK-NEXT:     mgmt_dma.work_item @dma1 [0 to 1)
// CHECK-NEXT:     %{{.*}} = task.run @dma1 "weights" updates(%[[c0]]) cycles 200 bytes 190
// CHECK-NEXT:     %[[c5:.*]] = mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma_fw updates(%[[c1]]) cycles 26 bytes 16
// CHECK-NEXT:     mgmt_dma.work_item @dpu0 [0 to 1) done(%[[c5]])
// CHECK-NEXT:     %{{.*}} = task.run @dpu0 "conv" waits(%[[c0]]) updates(%[[c2]]) cycles 400 slots 4
// CHECK-NEXT:     mgmt_dma.work_item @shave0 [0 to 1) done(%[[c5]])
// CHECK-NEXT:     %{{.*}} = task.run @shave0 "act" waits(%[[c2]]) updates(%[[c3]]) cycles 150 slots 2
// CHECK-NEXT:     %{{.*}} = task.run @dma0 "out" waits(%[[c3]]) updates(%[[c1]]) cycles 310 bytes 300
// VERDICT:    @net: proved
task.graph @net {
  %in = task.run @dma0 "in" cycles 310 bytes 300
  %w = task.run @dma1 "weights" cycles 200 bytes 190
  %conv = task.run @dpu0 "conv" after(%in, %w) cycles 400 slots 4
  %act = task.run @shave0 "act" after(%conv) cycles 150 slots 2
  task.run @dma0 "out" after(%act) cycles 310 bytes 300
}
