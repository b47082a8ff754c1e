// RUN: wlm-opt %s --machine tiny -p wlm-verify-phase{phase=graph} | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-insert-barriers,wlm-verify-phase{phase=virtual} | filecheck %s --check-prefix=VIRTUAL

// The pass checks and changes nothing.
// CHECK:      task.graph @net {
// CHECK-NEXT:   %a = task.run @dma0 "a" cycles 3
// CHECK-NEXT:   %{{.*}} = task.run @dpu0 "b" after(%a) cycles 4
// CHECK-NEXT: }
// VIRTUAL:    task.graph @net phase virtual {
task.graph @net {
  %a = task.run @dma0 "a" cycles 3
  task.run @dpu0 "b" after(%a) cycles 4
}
