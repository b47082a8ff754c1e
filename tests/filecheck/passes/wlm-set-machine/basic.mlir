// RUN: wlm-opt %s -p 'wlm-set-machine{machine="npu40xx:4"}' | filecheck %s
// RUN: wlm-opt %s -p 'wlm-set-machine{machine="npu40xx:4" dlti=true}' | filecheck %s --check-prefix=DLTI
// RUN: wlm-opt %s -p 'wlm-set-machine{machine="npu40xx:4" dlti=true},wlm-set-machine{machine=tiny}' | filecheck %s --check-prefix=AGAIN

// CHECK:      builtin.module attributes {wlm.machine = "npu40xx:4"} {
// CHECK-NEXT:   task.graph @net {
// DLTI:       builtin.module attributes {dlti.target_system_spec = #dlti.target_system_spec<"NPU" = #dlti.target_device_spec<"wlm.machine" = "npu40xx:4">>} {
// AGAIN:      builtin.module attributes {wlm.machine = "tiny"} {
task.graph @net {
  task.run @dma0 "a" cycles 3
}
