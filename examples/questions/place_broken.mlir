// place_safe.mlir with the refill one place earlier, still behind a DMA. That DMA is "load1", which %first waits for:
// when it has ended "conv1" may not have started, the FIFO of barrier 0 is full, and %third has no room.
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @place phase managed mode full {
    %first = barrier.configure 0 producers 1 consumers 1
    %second = barrier.configure 0 producers 1 consumers 1
    %third = barrier.configure 0 producers 1 consumers 1
    %one = barrier.configure 1 producers 1 consumers 1
    %two = barrier.configure 2 producers 1 consumers 1
    %tail = barrier.configure 3 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%first, %second, %one, %two, %tail]
    mgmt_dma.work_item @dma0 [0 to 8)
    %0 = mgmt_dma.fetch @dpu0 [0 to 3) slots [0 to 3) on @dma0 cycles 58 bytes 48
    %1 = mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0 cycles 18 bytes 8
    %2 = task.run @dma0 "load1" updates(%first) cycles 100
    %3 = task.run @dpu0 "conv1" waits(%first) updates(%one) cycles 400
    %4 = mgmt_dma.program [%third] on @dma0 cycles 14 bytes 4
    %5 = task.run @dma0 "copy1" waits(%one) updates(%second) cycles 100
    %6 = mgmt_dma.enqueue @dpu0 [2 to 3) on @dma0 cycles 14 bytes 4
    %7 = task.run @dpu0 "conv2" waits(%second) updates(%two) cycles 400
    %8 = task.run @dma0 "copy2" waits(%two) updates(%third) cycles 100
    %9 = task.run @dpu0 "conv3" waits(%third) updates(%tail) cycles 400
    %10 = mgmt_dma.sync on @dma0 updates(%tail) cycles 10
  }
}
