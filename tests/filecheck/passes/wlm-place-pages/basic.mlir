// RUN: wlm-opt %s --machine %S/../wlm-assign-barriers/Inputs/four-barriers.toml -p wlm-place-pages,wlm-verify-schedule | filecheck %s

// Pages of two barriers; two instances of each are loaded by bootstrap. Page 4 (the tail) is programmed on page 3,
// behind all of page 2 and before what is pushed into page 4. All tasks of the DPU are protected by their predecessors,
// so that one enqueue pushes them. Dummies keep the DMA queues off the page after the next.
// CHECK-LABEL: task.graph @net phase managed mode full {
// CHECK-NEXT:    %[[v0:.*]] = barrier.configure 0 producers 1 consumers 1
// CHECK-NEXT:    %[[v4:.*]] = barrier.configure 0 producers 2 consumers 1
// CHECK-NEXT:    %[[v1:.*]] = barrier.configure 1 producers 1 consumers 1
// CHECK-NEXT:    %[[v5:.*]] = barrier.configure 1 producers 1 consumers 2
// CHECK-NEXT:    %[[v2:.*]] = barrier.configure 2 producers 1 consumers 1
// CHECK-NEXT:    %[[v6:.*]] = barrier.configure 2 producers 2 consumers 2
// CHECK-NEXT:    %[[v3:.*]] = barrier.configure 3 producers 1 consumers 2
// CHECK-NEXT:    %[[v7:.*]] = barrier.configure 3 producers 2 consumers 1
// CHECK-NEXT:    mgmt_dma.bootstrap [%[[v0]], %[[v4]], %[[v1]], %[[v5]], %[[v2]], %[[v6]], %[[v3]], %[[v7]]]
// CHECK-NEXT:    mgmt_dma.work_item @dma0 [0 to 8)
// CHECK-NEXT:    mgmt_dma.fetch @dpu0 [0 to 2)
// CHECK-NEXT:    mgmt_dma.fetch @dpu0 [2 to 4)
// CHECK-NEXT:    mgmt_dma.enqueue @dpu0 [0 to 4) on @dma0 cycles 26 bytes 16
// CHECK-NEXT:    task.run @dma0 "load0" updates(%[[v0]])
// CHECK-NEXT:    task.run @dpu0 "conv0" waits(%[[v0]]) updates(%[[v1]])
// CHECK-NEXT:    mgmt_dma.work_item @dma1 [0 to 3)
// CHECK-NEXT:    task.run @dma1 "load1" waits(%[[v1]]) updates(%[[v2]])
// CHECK-NEXT:    task.run @dpu0 "conv1" waits(%[[v2]]) updates(%[[v3]])
// CHECK-NEXT:    mgmt_dma.sync on @dma1 waits(%[[v3]]) updates(%[[v4]])
// CHECK-NEXT:    task.run @dma0 "load2" waits(%[[v3]]) updates(%[[v4]])
// CHECK-NEXT:    task.run @dpu0 "conv2" waits(%[[v4]]) updates(%[[v5]])
// CHECK-NEXT:    mgmt_dma.sync on @dma0 waits(%[[v5]]) updates(%[[v6]])
// CHECK-NEXT:    task.run @dma1 "load3" waits(%[[v5]]) updates(%[[v6]])
// CHECK-NEXT:    task.run @dpu0 "conv3" waits(%[[v6]]) updates(%[[v7]])
// CHECK-NEXT:    %[[tail:.*]] = barrier.configure 0 producers 1 consumers 0 tail irq "lifted"
// CHECK-NEXT:    mgmt_dma.program [%[[tail]]] on @dma0 waits(%[[v6]]) updates(%[[v7]]) cycles 14 bytes 4
// CHECK-NEXT:    task.run @dma0 "store" waits(%[[v7]]) updates(%[[tail]])
task.graph @net phase virtual {
  mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 42 bytes 32
  mgmt_dma.fetch @dpu0 [2 to 4) slots [2 to 4) on @dma0 cycles 42 bytes 32
  %a = barrier.declare
  %b = barrier.declare
  %c = barrier.declare
  %d = barrier.declare
  %e = barrier.declare
  %f = barrier.declare
  %g = barrier.declare
  %h = barrier.declare
  %t = barrier.declare tail
  task.run @dma0 "load0" updates(%a) cycles 3
  task.run @dpu0 "conv0" waits(%a) updates(%b) cycles 4
  task.run @dma1 "load1" waits(%b) updates(%c) cycles 5
  task.run @dpu0 "conv1" waits(%c) updates(%d) cycles 6
  task.run @dma0 "load2" waits(%d) updates(%e) cycles 5
  task.run @dpu0 "conv2" waits(%e) updates(%f) cycles 6
  task.run @dma1 "load3" waits(%f) updates(%g) cycles 5
  task.run @dpu0 "conv3" waits(%g) updates(%h) cycles 6
  task.run @dma0 "store" waits(%h) updates(%t) cycles 8
}
