// RUN: not wlm-opt %s --machine tiny -p wlm-verify-schedule 2>&1 | filecheck %s

// CHECK: wlm-verify-schedule needs a graph in phase managed, but @net is in phase virtual
task.graph @net phase virtual {
  task.run @dma0 "a" cycles 3
}
