// RUN: not wlm-opt %s -p 'wlm-set-machine{machine=npu40x}' 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: not wlm-opt %s -p 'wlm-set-machine{machine="no/such.toml"}' 2>&1 | filecheck %s --check-prefix=FILE
// RUN: not wlm-opt %s -p wlm-set-machine 2>&1 | filecheck %s --check-prefix=NONE

// UNKNOWN: wlm-opt: error: in pass 'wlm-set-machine': unknown machine 'npu40x'; did you mean 'npu40xx:
// FILE:    wlm-opt: error: in pass 'wlm-set-machine': machine file no/such.toml: No such file or directory
// NONE:    wlm-opt: error: pass 'wlm-set-machine': {{.*}}machine
task.graph @net {
  task.run @dma0 "a" cycles 3
}
