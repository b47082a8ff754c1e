// RUN: not wlm-opt %s --machine tiny -p wlm-verify-schedule 2>&1 | filecheck %s

// The program DMA is awaited by load2 only, so conv2 may find b0#1 in place of b0#2.
// CHECK: @net is refuted: 'conv2' on dpu0 may be at head before b0#2 is armed, because nothing orders the end of 'program 2 barriers' on dma1 (it programs b0#2) before it [H1]
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
  task.run @dma0 "load0" updates(%a0) cycles 100
  task.run @dpu0 "conv0" waits(%a0) updates(%b0) cycles 200
  task.run @dma0 "store0" waits(%b0) updates(%s) cycles 100
  mgmt_dma.program [%a2, %b2] on @dma1 waits(%s) updates(%r) cycles 20
  task.run @dma0 "load1" updates(%a1) cycles 100
  task.run @dpu0 "conv1" waits(%a1) updates(%b1) cycles 200
  task.run @dma0 "store1" waits(%b1) cycles 100
  task.run @dma0 "load2" writes(%w) waits(%r) updates(%a2) cycles 100
  task.run @dpu0 "conv2" reads(%w) waits(%a2) updates(%b2) cycles 200
  task.run @dma0 "store2" waits(%b2) updates(%x) cycles 100
  task.run @dma1 "log" writes(%w) waits(%x) updates(%t) cycles 100
  task.run @dma0 "last" updates(%t) cycles 100
}
