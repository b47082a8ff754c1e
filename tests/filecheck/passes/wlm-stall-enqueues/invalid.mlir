// RUN: not wlm-opt %s --machine tiny -p wlm-insert-fetches,wlm-stall-enqueues 2>&1 | filecheck %s
// RUN: not wlm-opt %s --machine tiny --pipeline full{starvation=stal} 2>&1 | filecheck %s --check-prefix=CHOICE

// CHECK: wlm-stall-enqueues: @net has fetches or enqueues already; it stands before wlm-insert-fetches
// CHOICE: starvation is 'stal'; did you mean 'stall'?
task.graph @net {
  task.run @dpu0 "a" cycles 10
}
