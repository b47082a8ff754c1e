// RUN: not wlm-opt %s --machine tiny -p 'wlm-order-tasks{policy=lists}' 2>&1 | filecheck %s --check-prefix=POLICY
// RUN: not wlm-opt %s --machine tiny -p 'wlm-order-tasks{policy=list}' 2>&1 | filecheck %s --check-prefix=MANAGED
// RUN: not wlm-opt %s --machine tiny -p 'wlm-order-tasks{policy=barriers restarts=-1}' 2>&1 | filecheck %s --check-prefix=RESTARTS
// RUN: not wlm-opt %s --machine tiny -p 'wlm-order-tasks{policy=barriers trials=0}' 2>&1 | filecheck %s --check-prefix=TRIALS
// RUN: not wlm-opt %s --machine tiny -p wlm-insert-barriers,wlm-order-tasks 2>&1 | filecheck %s --check-prefix=PHASE

// POLICY: wlm-opt: error: pass 'wlm-order-tasks': incompatible types: given ('lists',), expected typing.Literal['time', 'list', 'barriers']
// MANAGED: wlm-opt: error: in pass 'wlm-order-tasks': wlm-order-tasks: policy 'list' moves tasks on their engine, but @net has management already ('fetch dpu0[0:1]'); run it before wlm-insert-fetches
// RESTARTS: wlm-opt: error: in pass 'wlm-order-tasks': wlm-order-tasks: restarts is -1 but must be at least 0
// TRIALS: wlm-opt: error: in pass 'wlm-order-tasks': wlm-order-tasks: trials is 0 but must be at least 1
// PHASE: wlm-opt: error: in pass 'wlm-order-tasks': wlm-order-tasks needs a graph in phase graph, but @net is in phase virtual; phase graph is made by a front end or wlm-insert-dependences
task.graph @net {
  %f = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
  task.run @dpu0 "conv" cycles 5
}
