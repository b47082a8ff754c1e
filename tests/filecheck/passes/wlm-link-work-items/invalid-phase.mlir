// RUN: not wlm-opt %s --machine tiny -p wlm-link-work-items 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-link-work-items': wlm-link-work-items needs a graph in phase physical, but @net is in phase virtual; phase physical is made by wlm-assign-barriers
task.graph @net phase virtual {
  task.run @dma0 "a" cycles 3
}
