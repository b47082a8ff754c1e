// RUN: not wlm-opt %s --machine tiny -p wlm-fuse-barriers{tolerance=-1} 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-fuse-barriers': wlm-fuse-barriers: tolerance is -1 but must be at least 0 (percent)
task.graph @net phase virtual {
  task.run @dma0 "a" cycles 3
}
