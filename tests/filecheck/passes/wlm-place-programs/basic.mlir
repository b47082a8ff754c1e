// RUN: wlm-opt %s --machine tiny -p wlm-place-programs | filecheck %s

// The barrier FIFOs of this machine hold one instance behind the current one: bootstrap loads two of barrier 0, and a
// DMA pushes the third. It may do so once the first is over, so behind "c" on @dma0 or behind "b" on @dma1 (H3), and
// has to before "e", which updates it (H2). Both DMA lists are linked at bootstrap, as long as they became.
// CHECK-LABEL: task.graph @net phase managed mode full {
// CHECK-NEXT:    %[[v0:.*]] = barrier.configure 0 producers 1 consumers 1
// CHECK-NEXT:    %[[v1:.*]] = barrier.configure 0 producers 1 consumers 1
// CHECK:         mgmt_dma.bootstrap [%[[v0]], %[[v1]], %{{.*}}, %{{.*}}, %{{.*}}]
// CHECK:         task.run @dma1 "b" waits(%[[v0]])
// CHECK:         %[[v2:.*]] = barrier.configure 0 producers 1 consumers 1
// CHECK-NEXT:    %{{.*}} = mgmt_dma.program [%[[v2]]] on @{{dma[01]}} cycles 14 bytes 4
// CHECK:         task.run @dma0 "e" waits(%{{.*}}) updates(%[[v2]])
task.graph @net phase physical {
  %v0 = barrier.configure 0 producers 1 consumers 1
  %w0 = barrier.configure 1 producers 1 consumers 1
  %v1 = barrier.configure 0 producers 1 consumers 1
  %w1 = barrier.configure 1 producers 1 consumers 1
  %v2 = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 2 producers 1 consumers 0 tail
  task.run @dma0 "a" updates(%v0) cycles 3
  task.run @dma1 "b" waits(%v0) updates(%w0) cycles 4
  task.run @dma0 "c" waits(%w0) updates(%v1) cycles 5
  task.run @dma1 "d" waits(%v1) updates(%w1) cycles 6
  task.run @dma0 "e" waits(%w1) updates(%v2) cycles 7
  task.run @dma1 "f" waits(%v2) updates(%t) cycles 8
}

// All instances fit the FIFOs: bootstrap loads them, and no DMA is needed.
// CHECK-LABEL: task.graph @short phase managed mode full {
// CHECK:         barrier.configure 2 producers 1 consumers 0 tail irq "lifted"
// CHECK:         mgmt_dma.bootstrap [%{{.*}}, %{{.*}}, %{{.*}}]
// CHECK-NOT:     mgmt_dma.program
// CHECK:         task.run @dma1 "b"
// CHECK:       }
task.graph @short phase physical {
  %v0 = barrier.configure 0 producers 1 consumers 1
  %v1 = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 2 producers 1 consumers 0 tail
  task.run @dma0 "a" updates(%v0) cycles 3
  task.run @dma1 "b" waits(%v0) cycles 4
  task.run @dma1 "c" updates(%v1) cycles 5
  task.run @dma0 "d" waits(%v1) updates(%t) cycles 6
}
