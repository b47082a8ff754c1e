// RUN: not wlm-opt %s --machine tiny -p wlm-place-programs 2>&1 | filecheck %s

// Three instances in a row that one task of the only queue updates: no place between the end of the first and that of
// the third knows that the first is over, since what waits on it runs elsewhere and tells nobody.
// CHECK: wlm-opt: error: in pass 'wlm-place-programs': @net: no DMA queue has a place for the refills of physical barrier 0
task.graph @net phase physical {
  %v0 = barrier.configure 0 producers 1 consumers 1
  %v1 = barrier.configure 0 producers 1 consumers 1
  %v2 = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 2 producers 4 consumers 0 tail
  task.run @dma0 "a" updates(%v0) cycles 3
  task.run @dpu0 "b" waits(%v0) updates(%t) cycles 4
  task.run @dma0 "c" updates(%v1) cycles 5
  task.run @dpu0 "d" waits(%v1) updates(%t) cycles 6
  task.run @dma0 "e" updates(%v2, %t) cycles 7
  task.run @dpu0 "f" waits(%v2) updates(%t) cycles 8
}
