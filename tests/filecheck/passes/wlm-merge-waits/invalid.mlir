// RUN: not wlm-opt %s --machine tiny -p wlm-merge-waits 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-merge-waits': wlm-merge-waits needs a graph in phase virtual, but @net is in phase graph; phase virtual is made by wlm-insert-barriers
task.graph @net {
  task.run @dma0 "a" cycles 3
}
