// RUN: not wlm-opt %s --machine tiny -p wlm-place-enqueues 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-place-enqueues': wlm-place-enqueues needs a graph in phase physical, but @net is in phase virtual; phase physical is made by wlm-assign-barriers
task.graph @net phase virtual {
  task.run @dma0 "a" cycles 3
}
