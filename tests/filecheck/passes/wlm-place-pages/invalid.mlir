// RUN: not wlm-opt %s --machine %S/../wlm-assign-barriers/Inputs/three-barriers.toml -p wlm-place-pages 2>&1 | filecheck %s
// RUN: not wlm-opt %s --machine tiny -p wlm-place-pages 2>&1 | filecheck %s --check-prefix=UNFETCHED

// CHECK: wlm-opt: error: in pass 'wlm-place-pages': policy 'pages' needs two halves of equal size, but machine 'tiny' has 3 barriers
// UNFETCHED: wlm-opt: error: in pass 'wlm-place-pages': task 'conv0' is never fetched; run wlm-insert-page-fetches first [H4]
task.graph @net phase virtual {
  %t = barrier.declare tail
  task.run @dpu0 "conv0" updates(%t) cycles 4
}
