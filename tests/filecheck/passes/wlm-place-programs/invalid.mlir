// RUN: not wlm-opt %s --machine tiny -p wlm-place-programs 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-place-programs': wlm-place-programs needs a graph in phase physical, but @net is in phase managed; phase physical is made by wlm-assign-barriers
task.graph @net phase managed mode full {
  task.run @dma0 "a" cycles 3
}
