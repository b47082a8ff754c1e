// RUN: not wlm-opt %s --machine tiny -p wlm-verify-phase{phase=virtual} 2>&1 | filecheck %s

// CHECK:      wlm-opt: error: in pass 'wlm-verify-phase': @net is in phase graph, not virtual
task.graph @net {
  task.run @dma0 "a" cycles 3
}
