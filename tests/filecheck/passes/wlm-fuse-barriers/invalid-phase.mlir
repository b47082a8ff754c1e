// RUN: not wlm-opt %s --machine tiny -p wlm-fuse-barriers 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-fuse-barriers': wlm-fuse-barriers needs a graph in phase virtual, but @net is in phase graph; phase virtual is made by wlm-insert-barriers
task.graph @net {
  task.run @dma0 "a" cycles 3
}
