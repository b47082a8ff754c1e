// RUN: not wlm-opt %s --machine tiny --pipeline full 2>&1 | filecheck %s
// RUN: not wlm-opt %s --pipeline full 2>&1 | filecheck %s --check-prefix=MACHINE

// CHECK: wlm-opt: error: in pass 'wlm-{{.*}}needs a graph in phase graph, but @net is in phase virtual
// MACHINE: @net: no machine model: give --machine, or run wlm-set-machine{machine="npu40xx:4"} first
task.graph @net phase virtual {
  task.run @dma0 "a" cycles 3
}
