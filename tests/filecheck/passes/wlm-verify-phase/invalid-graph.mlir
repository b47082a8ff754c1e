// RUN: not wlm-opt %s --machine tiny -p wlm-verify-phase{phase=graph} 2>&1 | filecheck %s

// CHECK:      wlm-opt: error: in pass 'wlm-verify-phase': @net: 1 barriers, but phase graph has none
// CHECK-NEXT: 'enqueue dma0[0:1]' pushes DMAs, which only phases physical and managed may hold
// CHECK-NEXT: 'program 1 barriers' is management that only phase managed may hold
// CHECK-NEXT: work items or a bootstrap, which only phase managed may hold
task.graph @net {
  %v = barrier.declare
  mgmt_dma.bootstrap [%v]
  mgmt_dma.program [%v] on @dma1 cycles 3
  mgmt_dma.enqueue @dma0 [0 to 1) on @dma1 cycles 3
  task.run @dma0 "a" cycles 3
}
