// RUN: wlm-opt %s --machine tiny | filecheck %s
// RUN: wlm-opt %s --machine tiny --pipeline full --print-ir-after=wlm-insert-barriers -o %t.mlir 2>&1 | filecheck %s --check-prefix=AFTER
// RUN: wlm-opt %t.mlir | filecheck %s --check-prefix=FULL

// CHECK:       builtin.module attributes {wlm.machine = "tiny"} {
// CHECK-NEXT:    task.graph @net {
// AFTER:       IR after wlm-insert-barriers
// AFTER:       task.graph @net phase virtual {
// FULL:        task.graph @net phase managed mode full {
task.graph @net {
  %a = task.run @dma0 "load" cycles 310
  task.run @dpu0 "conv1" after(%a) cycles 4200
}
