// "conv1" on the DPU and "act" on the SHAVE wait on one instance of barrier 0: nothing wrong with that. What "conv2"
// waits on next has a physical barrier of its own.
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @two_engines phase managed mode full {
    %loaded = barrier.configure 0 producers 1 consumers 2
    %again = barrier.configure 1 producers 1 consumers 1
    %activated = barrier.configure 2 producers 2 consumers 1
    %tail = barrier.configure 3 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%loaded, %again, %activated, %tail]
    mgmt_dma.work_item @dma0 [0 to 7)
    %0 = mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 42 bytes 32
    %1 = mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0 cycles 18 bytes 8
    %2 = mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
    %3 = mgmt_dma.enqueue @shave0 [0 to 1) on @dma0 cycles 14 bytes 4
    %4 = task.run @dma0 "load" updates(%loaded) cycles 100
    %5 = task.run @dpu0 "conv1" waits(%loaded) updates(%activated) cycles 400
    %6 = task.run @shave0 "act" waits(%loaded) updates(%activated) cycles 200
    %7 = task.run @dma0 "load more" waits(%activated) updates(%again) cycles 100
    %8 = task.run @dpu0 "conv2" waits(%again) updates(%tail) cycles 400
    %9 = mgmt_dma.sync on @dma0 updates(%tail) cycles 10
  }
}
