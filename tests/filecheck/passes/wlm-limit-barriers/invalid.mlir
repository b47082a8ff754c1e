// RUN: not wlm-opt %s --machine tiny -p wlm-limit-barriers{limit=1} 2>&1 | filecheck %s

// While "b" runs the barrier that it waited on and the one that it updates are both in use.
// CHECK: wlm-opt: error: in pass 'wlm-limit-barriers': @net: more than 1 barriers are in use at once and too few of them can be joined; use a machine with more barriers [H7]
task.graph @net phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) updates(%w) cycles 4
  task.run @shave0 "c" waits(%w) cycles 5
}
