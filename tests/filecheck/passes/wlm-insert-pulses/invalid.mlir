// RUN: not wlm-opt %s --machine tiny -p wlm-insert-pulses 2>&1 | filecheck %s
// RUN: not wlm-opt %s --machine tiny -p wlm-insert-pulses{mode=full} 2>&1 | filecheck %s --check-prefix=MODE

// CHECK: wlm-opt: error: in pass 'wlm-insert-pulses': wlm-insert-pulses needs a graph in phase virtual, but @net is in phase graph; phase virtual is made by wlm-insert-barriers
// MODE: wlm-opt: error: pass 'wlm-insert-pulses': {{.*}}'full'{{.*}}'firmware', 'partial'
task.graph @net {
  task.run @dma0 "a" cycles 3
}
