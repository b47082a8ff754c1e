// RUN: not wlm-opt %s --machine tiny -p wlm-verify-phase{phase=physical} 2>&1 | filecheck %s

// CHECK:      wlm-opt: error: in pass 'wlm-verify-phase': @net: barrier v2 has no id; run wlm-assign-barriers
// CHECK-NEXT: task 'c' waits on 2 barriers but @dpu0 allows 1 [H9]
// CHECK-NEXT: b3#0 counts 2 producers, but its users have 1 slots [H9]
// CHECK-NEXT: v2 counts 0 producers, but its users have 1 slots [H9]
// CHECK-NEXT: b4#0 counts 3 consumers, but its users have 1 slots [H9]
task.graph @net phase physical {
  %v = barrier.configure 3 producers 2 consumers 1
  %w = barrier.configure 4 producers 1 consumers 3
  %x = barrier.declare
  task.run @dma0 "a" updates(%v, %x) cycles 3
  task.run @dma0 "b" updates(%w) cycles 3
  task.run @dpu0 "c" waits(%v, %w) cycles 4
}
