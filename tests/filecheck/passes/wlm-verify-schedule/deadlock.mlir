// RUN: not wlm-opt %s --machine tiny -p wlm-verify-schedule 2>&1 | filecheck %s

// load0 waits for conv1, which comes after conv0, which waits for load0.
// CHECK: @net is refuted: 'load0' on dma0 may be at head before b1#1 is armed
// CHECK: deadlock: each of these events waits for the one before: the end of 'load0' on dma0 -> the start of 'conv0' on dpu0 ->
task.graph @net phase managed mode full {
  %w = task.buffer "w" cmx 0 scratch size 64
  %a0 = barrier.configure 0 producers 1 consumers 1
  %a1 = barrier.configure 0 producers 1 consumers 1
  %a2 = barrier.configure 0 producers 1 consumers 1
  %b0 = barrier.configure 1 producers 1 consumers 1
  %b1 = barrier.configure 1 producers 1 consumers 1
  %b2 = barrier.configure 1 producers 1 consumers 1
  %s = barrier.configure 2 producers 1 consumers 1
  %r = barrier.configure 3 producers 1 consumers 1
  %x = barrier.configure 5 producers 1 consumers 1
  %t = barrier.configure 4 producers 2 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%a0, %a1, %b0, %b1, %s, %r, %x, %t]
  mgmt_dma.work_item @dma0 [0 to 11)
  mgmt_dma.work_item @dma1 [0 to 2)
  mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 20
  mgmt_dma.fetch @dpu0 [2 to 3) slots [2 to 3) on @dma0 cycles 20
  mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0 cycles 20
  mgmt_dma.enqueue @dpu0 [2 to 3) on @dma0 cycles 20
  task.run @dma0 "load0" waits(%b1) updates(%a0) cycles 100
  task.run @dpu0 "conv0" waits(%a0) updates(%b0) cycles 200
  task.run @dma0 "store0" waits(%b0) updates(%s) cycles 100
  mgmt_dma.program [%a2, %b2] on @dma1 waits(%s) updates(%r) cycles 20
  task.run @dma0 "load1" waits(%r) updates(%a1) cycles 100
  task.run @dpu0 "conv1" waits(%a1) updates(%b1) cycles 200
  task.run @dma0 "store1" cycles 100
  task.run @dma0 "load2" writes(%w) updates(%a2) cycles 100
  task.run @dpu0 "conv2" reads(%w) waits(%a2) updates(%b2) cycles 200
  task.run @dma0 "store2" waits(%b2) updates(%x) cycles 100
  task.run @dma1 "log" writes(%w) waits(%x) updates(%t) cycles 100
  task.run @dma0 "last" updates(%t) cycles 100
}
