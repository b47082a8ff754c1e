// RUN: not wlm-opt %s --machine tiny -p wlm-shorten-dependences 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-shorten-dependences': wlm-shorten-dependences needs a graph in phase graph, but @net is in phase virtual; phase graph is made by
task.graph @net phase virtual {
  task.run @dma0 "a" cycles 3
}
