// RUN: not wlm-opt %s --machine tiny -p wlm-place-enqueues 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-place-enqueues': task 'a' is never fetched; run wlm-insert-fetches{mode=full} first [H4]
task.graph @net phase physical {
  task.run @dpu0 "a" cycles 3
}
