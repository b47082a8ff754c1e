// RUN: not wlm-opt %s --machine tiny -p wlm-insert-fetches 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-insert-fetches': wlm-insert-fetches needs a graph in phase graph, but @net is in phase virtual; phase graph is made by
task.graph @net phase virtual {
  task.run @dpu0 "a" cycles 100
}
