// A schedule that no pass of ours has made: the dump of another compiler, say, rewritten line by line. Three layers of
// load, conv and store; the barriers of the third are programmed by a DMA. `wlm verify` checks any managed program and
// lists everything that is wrong: here three faults that have nothing to do with one another.
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @dump phase managed mode full {
    %weights = task.buffer "weights" cmx 0 scratch size 64
    %in0 = barrier.configure 0 producers 1 consumers 1
    %in1 = barrier.configure 0 producers 1 consumers 1
    %in2 = barrier.configure 0 producers 1 consumers 1
    %out0 = barrier.configure 1 producers 1 consumers 1
    %out1 = barrier.configure 1 producers 1 consumers 1
    %out2 = barrier.configure 1 producers 1 consumers 1
    %stored = barrier.configure 2 producers 1 consumers 1
    %ready = barrier.configure 3 producers 1 consumers 1
    %log = barrier.configure 5 producers 1 consumers 1
    %done = barrier.configure 5 producers 2 consumers 0 tail irq "lifted"    // 1. behind %log, which may still be in use
    mgmt_dma.bootstrap [%in0, %in1, %out0, %out1, %stored, %ready, %log, %done]
    mgmt_dma.work_item @dma0 [0 to 11)
    mgmt_dma.work_item @dma1 [0 to 2)
    mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 20
    mgmt_dma.fetch @dpu0 [2 to 3) slots [2 to 3) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0 cycles 20
    mgmt_dma.enqueue @dpu0 [2 to 3) on @dma0 cycles 20
    task.run @dma0 "load0" updates(%in0) cycles 100
    task.run @dpu0 "conv0" waits(%in0) updates(%out0) cycles 200
    task.run @dma0 "store0" waits(%out0) updates(%stored) cycles 100
    mgmt_dma.program [%in2, %out2] on @dma1 updates(%ready) cycles 20    // 2. the FIFOs may still be full
    task.run @dma0 "load1" waits(%ready) updates(%in1) cycles 100
    task.run @dpu0 "conv1" waits(%in1) updates(%out1) cycles 200
    task.run @dma0 "store1" waits(%out1) cycles 100
    task.run @dma0 "load2" writes(%weights) updates(%in2) cycles 100
    task.run @dpu0 "conv2" reads(%weights) waits(%in2) updates(%out2) cycles 200
    task.run @dma0 "store2" waits(%out2) updates(%log) cycles 100
    task.run @dma1 "log" writes(%weights) waits(%stored, %log) updates(%done) cycles 100
    task.run @dma0 "last" reads(%weights) updates(%done) cycles 100    // 3. while 'log' writes
  }
}
