// RUN: not wlm-opt %s --machine tiny -p wlm-insert-fetches 2>&1 | filecheck %s
// RUN: not wlm-opt %s --machine tiny -p wlm-insert-fetches{mode=fast} 2>&1 | filecheck %s --check-prefix=MODE

// CHECK: wlm-opt: error: in pass 'wlm-insert-fetches': wlm-insert-fetches: @net has fetches already
// MODE: wlm-opt: error: pass 'wlm-insert-fetches': {{.*}}'fast'{{.*}}'firmware', 'partial', 'full'
task.graph @net {
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
  task.run @dpu0 "a" cycles 100
}
