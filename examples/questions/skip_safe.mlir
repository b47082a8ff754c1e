// "add" reads what the first loads wrote, half a network earlier, and waits for neither of them. It need not: "x" was
// there before "layer1" started, and "mask" before "weights", the next on its queue, without which "layer1" did not
// start. From "layer1" on each task waits for the one before.
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @skip phase managed mode full {
    %mask = task.buffer "mask" ddr scratch size 64
    %x = task.buffer "x" ddr scratch size 64
    %y = task.buffer "y" ddr scratch size 64
    %loaded = barrier.configure 0 producers 2 consumers 1
    %first = barrier.configure 1 producers 1 consumers 1
    %second = barrier.configure 2 producers 1 consumers 1
    %third = barrier.configure 3 producers 1 consumers 1
    %added = barrier.configure 4 producers 1 consumers 1
    %tail = barrier.configure 5 producers 2 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%loaded, %first, %second, %third, %added, %tail]
    mgmt_dma.work_item @dma0 [0 to 7)
    %0 = mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 42 bytes 32
    %1 = mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0 cycles 18 bytes 8
    %2 = mgmt_dma.fetch @shave0 [0 to 2) slots [0 to 2) on @dma0 cycles 42 bytes 32
    %3 = mgmt_dma.enqueue @shave0 [0 to 2) on @dma0 cycles 18 bytes 8
    %4 = task.run @dma0 "load x" writes(%x) updates(%loaded) cycles 100
    mgmt_dma.work_item @dma1 [0 to 2)
    %5 = task.run @dma1 "load mask" writes(%mask) updates(%tail) cycles 80
    %6 = task.run @dma1 "load weights" updates(%loaded) cycles 200
    %7 = task.run @dpu0 "layer1" reads(%x) waits(%loaded) updates(%first) cycles 400
    %8 = task.run @shave0 "layer2" waits(%first) updates(%second) cycles 200
    %9 = task.run @dpu0 "layer3" waits(%second) updates(%third) cycles 400
    %10 = task.run @shave0 "add" reads(%x, %mask) writes(%y) waits(%third) updates(%added) cycles 100
    %11 = task.run @dma0 "store" reads(%y) waits(%added) cycles 100
    %12 = mgmt_dma.sync on @dma0 updates(%tail) cycles 10
  }
}
