// RUN: not wlm-opt %s --machine tiny -p wlm-verify-phase{phase=virtual} 2>&1 | filecheck %s

// CHECK:      wlm-opt: error: in pass 'wlm-verify-phase': @net: task 'b' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: b3#0 has an id, but in phase virtual no barrier is assigned
// CHECK-NEXT: barrier v1 has no producer, so nothing lifts it [H7]
task.graph @net phase virtual {
  %v = barrier.configure 3 producers 1 consumers 1
  %w = barrier.declare
  %a = task.run @dma0 "a" cycles 3
  task.run @dpu0 "b" after(%a) waits(%w) updates(%v) cycles 4
}
