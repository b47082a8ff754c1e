// RUN: wlm-opt %s --machine npu37xx -p wlm-reduce-dependences | filecheck %s

// Two servers share the FIFO of @shave0: its tasks may end in any order, so an edge between neighbours stays.
// CHECK-LABEL: task.graph @net {
// CHECK-NEXT:    %[[a:.*]] = task.run @shave0 "a" cycles 3
// CHECK-NEXT:    %[[b:.*]] = task.run @shave0 "b" after(%[[a]]) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "store" after(%[[b]]) cycles 5
// CHECK-NEXT:  }
task.graph @net {
  %a = task.run @shave0 "a" cycles 3
  %b = task.run @shave0 "b" after(%a) cycles 4
  task.run @dma0 "store" after(%a, %b) cycles 5
}
