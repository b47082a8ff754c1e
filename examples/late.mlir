// managed.mlir with the descriptor of conv1 fetched by another queue than the one that enqueues it: nothing orders the
// two. The nominal timing is kind, so a run finishes; it is a fetch that may come too late all the same (H4).
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @five phase managed mode full {
    %loaded = barrier.configure 0 producers 2 consumers 4
    %tail = barrier.configure 0 producers 1 consumers 0 tail irq "lifted"
    %convolved = barrier.configure 1 producers 4 consumers 1
    %normalised = barrier.configure 2 producers 1 consumers 1
    mgmt_dma.bootstrap [%loaded, %tail, %convolved, %normalised]
    mgmt_dma.work_item @dma0 [0 to 5)
    %0 = mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
    %1 = mgmt_dma.enqueue @shave0 [0 to 1) on @dma0 cycles 14 bytes 4
    %3 = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
    %2 = task.run @dma0 "load image" updates(%loaded) cycles 310
    mgmt_dma.work_item @dma1 [0 to 2)
    %5 = task.run @dma1 "load weights" updates(%loaded) cycles 500
    %4 = mgmt_dma.enqueue @dpu0 [0 to 1) on @dma1 cycles 14 bytes 4
    %6 = task.run @dpu0 "conv1" waits(%loaded) updates(%convolved) cycles 4200 slots 4
    %7 = task.run @shave0 "softmax" waits(%convolved) updates(%normalised) cycles 900
    %8 = task.run @dma0 "store" waits(%normalised) updates(%tail) cycles 200
  }
}
