// RUN: wlm-opt %s --machine tiny -p wlm-link-work-items{mode=partial} | filecheck %s

// What waits for nothing that firmware does is pushed at bootstrap, and the first instance of each barrier loaded.
// The DPU task is pushed once the pulse of its fetch is over (H4). "d" uses instance 1 of barrier 0, so firmware pushes
// it after the interrupt of instance 0, in which it programs instance 1 (H1, H2); so it does for "c" before it.
// CHECK-LABEL: task.graph @net phase managed mode partial {
// CHECK-NEXT:    %[[v:.*]] = barrier.configure 0 producers 1 consumers 1 irq "over"
// CHECK-NEXT:    %[[w:.*]] = barrier.configure 1 producers 1 consumers 1
// CHECK-NEXT:    %[[pulse:.*]] = barrier.configure 2 producers 1 consumers 0 irq "over"
// CHECK-NEXT:    %[[t:.*]] = barrier.configure 3 producers 1 consumers 0 tail irq "lifted"
// CHECK-NEXT:    mgmt_dma.bootstrap [%[[v]], %[[w]], %[[pulse]], %[[t]]]
// CHECK:         mgmt_dma.work_item @dma0 [0 to 2)
// CHECK:         mgmt_dma.work_item @dpu0 [0 to 1) at(%[[pulse]])
// CHECK:         mgmt_dma.work_item @dma0 [2 to 3) at(%[[v]])
// CHECK:         %[[v2:.*]] = barrier.configure 0 producers 1 consumers 1
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "c" waits(%[[w]]) updates(%[[v2]])
// CHECK:         mgmt_dma.work_item @dma1 [0 to 1) at(%[[v]])
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "d" waits(%[[v2]]) updates(%[[t]])
task.graph @net phase physical {
  %p = barrier.configure 2 producers 1 consumers 0
  %v = barrier.configure 0 producers 1 consumers 1
  %w = barrier.configure 1 producers 1 consumers 1
  %v2 = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 3 producers 1 consumers 0 tail
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 updates(%p) cycles 26 bytes 16
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) updates(%w) cycles 4
  task.run @dma0 "c" waits(%w) updates(%v2) cycles 5
  task.run @dma1 "d" waits(%v2) updates(%t) cycles 6
}
