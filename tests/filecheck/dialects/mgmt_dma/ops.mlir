// RUN: WLM_ROUNDTRIP
// RUN: WLM_GENERIC_ROUNDTRIP

// CHECK:       task.graph @net phase managed mode full {
// CHECK-NEXT:    %v = barrier.configure 0 producers 1 consumers 4
// CHECK-NEXT:    %w = barrier.configure 1 producers 1 consumers 0 tail irq "lifted"
// CHECK-NEXT:    mgmt_dma.bootstrap [%v, %w]
// CHECK-NEXT:    mgmt_dma.work_item @dma0 [0 to 3)
// CHECK-NEXT:    %f = mgmt_dma.fetch @dpu0 [0 to 32) slots [4 to 36) on @dma0 updates(%v) cycles 580 bytes 25600
// CHECK-NEXT:    %{{.*}} = mgmt_dma.enqueue @dpu0 [0 to 32) on @dma0 waits(%v) cycles 20
// CHECK-NEXT:    %{{.*}} = mgmt_dma.program [%v, %w] on @dma0 waits(%v) updates(%w) cycles 20 bytes 8
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 after(%f) cycles 1 {why = "join"}
// CHECK-NEXT:    mgmt_dma.work_item @dma0 [3 to 4) at(%v) done(%f)
// CHECK-GENERIC:      "mgmt_dma.bootstrap"(%v, %w) : (!barrier.barrier, !barrier.barrier) -> ()
// CHECK-GENERIC-NEXT: "mgmt_dma.work_item"() <{engine = @dma0, low = 0 : i64, high = 3 : i64, operandSegmentSizes = array<i32: 0, 0>}> : () -> ()
// CHECK-GENERIC-NEXT: %f = "mgmt_dma.fetch"(%v) <{target = @dpu0, low = 0 : i64, high = 32 : i64, slot = 4 : i64, engine = @dma0, cycles = 580 : i64, bytes = 25600 : i64, operandSegmentSizes = array<i32: 0, 0, 0, 0, 1>}> : (!barrier.barrier) -> !task.token
task.graph @net phase managed mode full {
  %v = barrier.configure 0 producers 1 consumers 4
  %w = barrier.configure 1 producers 1 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%v, %w]
  mgmt_dma.work_item @dma0 [0 to 3)
  %f = mgmt_dma.fetch @dpu0 [0 to 32) slots [4 to 36) on @dma0 updates(%v) cycles 580 bytes 25600
  mgmt_dma.enqueue @dpu0 [0 to 32) on @dma0 waits(%v) cycles 20
  mgmt_dma.program [%v, %w] on @dma0 waits(%v) updates(%w) cycles 20 bytes 8
  mgmt_dma.sync on @dma0 after(%f) cycles 1 {why = "join"}
  mgmt_dma.work_item @dma0 [3 to 4) at(%v) done(%f)
}
