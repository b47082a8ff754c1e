// RUN: not wlm-opt %s --machine tiny -p wlm-reduce-dependences 2>&1 | filecheck %s
// RUN: not wlm-opt %s -p wlm-reduce-dependences 2>&1 | filecheck %s --check-prefix=MACHINE

// CHECK: wlm-opt: error: in pass 'wlm-reduce-dependences': wlm-reduce-dependences needs a graph in phase graph, but @net is in phase virtual; phase graph is made by
// MACHINE: wlm-opt: error: in pass 'wlm-reduce-dependences': @net: no machine model: give --machine, or run wlm-set-machine{machine="npu40xx:4"} first
task.graph @net phase virtual {
  %v = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) cycles 4
}
