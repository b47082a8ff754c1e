// RUN: not wlm-opt %s 2>&1 | filecheck %s
// RUN: not wlm-opt %s -p wlm-insert-bariers 2>&1 | filecheck %s --check-prefix=PASS
// RUN: not wlm-opt %s --machine npu40xx:9 2>&1 | filecheck %s --check-prefix=MACHINE

// CHECK:      wlm-opt: error: {{.*}}wlm-opt-errors.mlir:8:3: operation task.rum is not registered; did you mean 'task.run'?
// CHECK-NEXT: task.rum @dma0 "load" cycles 310
task.graph @net {
  task.rum @dma0 "load" cycles 310
}

// PASS: wlm-opt: error: unknown pass 'wlm-insert-bariers'; did you mean 'wlm-insert-barriers'?
// MACHINE: wlm-opt: error: unknown machine 'npu40xx:9'; did you mean 'npu40xx:
