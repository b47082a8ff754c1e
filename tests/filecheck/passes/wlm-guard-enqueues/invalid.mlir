// RUN: not wlm-opt %s --machine tiny -p wlm-guard-enqueues 2>&1 | filecheck %s

// CHECK: wlm-guard-enqueues needs a graph in phase physical, but @net is in phase graph; phase physical is made by wlm-assign-barriers
task.graph @net {
  task.run @dpu0 "a" cycles 10
}
