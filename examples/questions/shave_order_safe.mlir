// Two kernels on one SHAVE with a FIFO of its own (npu40xx): the second does not start before the first has ended, so
// "store" waits for the second alone.
builtin.module attributes {wlm.machine = "npu40xx:1"} {
  task.graph @shave_order phase managed mode full {
    %left = task.buffer "left" ddr scratch size 64
    %right = task.buffer "right" ddr scratch size 64
    %done = barrier.configure 0 producers 1 consumers 1
    %tail = barrier.configure 1 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%done, %tail]
    mgmt_dma.work_item @dma0_ddr [0 to 4)
    %0 = mgmt_dma.fetch @shave0_0 [0 to 2) slots [0 to 2) on @dma0_ddr cycles 212 bytes 272
    %1 = mgmt_dma.enqueue @shave0_0 [0 to 2) on @dma0_ddr cycles 172 bytes 8
    %2 = task.run @shave0_0 "left" writes(%left) updates(%tail) cycles 4000
    %3 = task.run @shave0_0 "right" writes(%right) updates(%done) cycles 2000
    %4 = task.run @dma0_ddr "store" reads(%left, %right) waits(%done) cycles 500
    %5 = mgmt_dma.sync on @dma0_ddr updates(%tail) cycles 170
  }
}
