// RUN: not wlm-opt %s --machine tiny -p 'wlm-link-work-items{mode=partial}' 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-link-work-items': task 'a' is never fetched; run wlm-insert-fetches{mode=partial} first [H4]
task.graph @net phase physical {
  task.run @dpu0 "a" cycles 3
}
