// shave_order_safe.mlir on npu37xx, where the two SHAVEs of a tile pull one FIFO (a pool of two servers). They take the
// kernels in order and work on both at once; "right" ends first, and "store" reads "left" while it is being written.
builtin.module attributes {wlm.machine = "npu37xx"} {
  task.graph @shave_order phase managed mode full {
    %left = task.buffer "left" ddr scratch size 64
    %right = task.buffer "right" ddr scratch size 64
    %done = barrier.configure 0 producers 1 consumers 1
    %tail = barrier.configure 1 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%done, %tail]
    mgmt_dma.work_item @dma0 [0 to 4)
    %0 = mgmt_dma.fetch @shave0 [0 to 2) slots [0 to 2) on @dma0 cycles 212 bytes 272
    %1 = mgmt_dma.enqueue @shave0 [0 to 2) on @dma0 cycles 172 bytes 8
    %2 = task.run @shave0 "left" writes(%left) updates(%tail) cycles 4000
    %3 = task.run @shave0 "right" writes(%right) updates(%done) cycles 2000
    %4 = task.run @dma0 "store" reads(%left, %right) waits(%done) cycles 500
    %5 = mgmt_dma.sync on @dma0 updates(%tail) cycles 170
  }
}
