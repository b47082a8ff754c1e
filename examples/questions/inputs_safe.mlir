// "conv" has two inputs, and a DPU task waits on one barrier at most. Both loads update that one: it lifts when the
// second of them has ended, whichever that is.
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @inputs phase managed mode full {
    %x = task.buffer "x" ddr scratch size 64
    %w = task.buffer "w" ddr scratch size 64
    %loaded = barrier.configure 0 producers 2 consumers 1
    %tail = barrier.configure 1 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%loaded, %tail]
    mgmt_dma.work_item @dma0 [0 to 4)
    %0 = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
    %1 = mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 14 bytes 4
    %2 = task.run @dma0 "load x" writes(%x) updates(%loaded) cycles 100
    mgmt_dma.work_item @dma1 [0 to 1)
    %3 = task.run @dma1 "load w" writes(%w) updates(%loaded) cycles 300
    %4 = task.run @dpu0 "conv" reads(%x, %w) waits(%loaded) updates(%tail) cycles 400
    %5 = mgmt_dma.sync on @dma0 updates(%tail) cycles 10
  }
}
