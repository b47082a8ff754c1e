// RUN: not wlm-opt %s --machine tiny -p wlm-verify-phase{phase=managed} 2>&1 | filecheck %s

// CHECK:      wlm-opt: error: in pass 'wlm-verify-phase': @net: no tail barrier, so firmware cannot tell when the program is complete [H10]
// CHECK-NEXT: task 'a' is pushed 2 times, but must be once [H6]
// CHECK-NEXT: task 'd' is pushed 0 times, but must be once [H6]
// CHECK-NEXT: task 'c' is fetched 0 times, but must be once [H4]
// CHECK-NEXT: task 'c' is pushed 0 times, but must be once [H6]
task.graph @net phase managed mode full {
  mgmt_dma.work_item @dma0 [0 to 3)
  mgmt_dma.work_item @dma0 [2 to 3)
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 3
  mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 3
  task.run @dma0 "a" cycles 3
  task.run @dpu0 "b" cycles 4
  task.run @dpu0 "c" cycles 4
  task.run @dma1 "d" cycles 4
}
