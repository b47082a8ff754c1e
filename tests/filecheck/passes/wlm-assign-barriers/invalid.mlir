// RUN: not wlm-opt %s --machine tiny -p wlm-assign-barriers 2>&1 | filecheck %s
// RUN: not wlm-opt %s --machine tiny -p wlm-assign-barriers{mode=fast} 2>&1 | filecheck %s --check-prefix=MODE

// CHECK: wlm-opt: error: in pass 'wlm-assign-barriers': wlm-assign-barriers needs a graph in phase virtual, but @net is in phase graph; phase virtual is made by wlm-insert-barriers
// MODE: wlm-opt: error: pass 'wlm-assign-barriers': {{.*}}'fast'{{.*}}'firmware', 'partial', 'full'
task.graph @net {
  task.run @dma0 "a" cycles 3
}
