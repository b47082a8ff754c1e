// RUN: wlm-opt %s --machine tiny -p wlm-order-tasks | filecheck %s

// By estimated start: both loads at 0, the second conv at 20, the first at 100. Each engine keeps its list.
// CHECK-LABEL: task.graph @by_time {
// CHECK-NEXT:    %[[a:.*]] = task.run @dma0 "a" cycles 100
// CHECK-NEXT:    %[[b:.*]] = task.run @dma1 "b" cycles 20
// CHECK-NEXT:    %[[s:.*]] = task.run @shave0 "soft" after(%[[b]]) cycles 5
// CHECK-NEXT:    %[[c:.*]] = task.run @dpu0 "conv" after(%[[a]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "add" after(%[[s]], %[[c]]) cycles 5
// CHECK-NEXT:  }
task.graph @by_time {
  %a = task.run @dma0 "a" cycles 100
  %c = task.run @dpu0 "conv" after(%a) cycles 5
  %b = task.run @dma1 "b" cycles 20
  %s = task.run @shave0 "soft" after(%b) cycles 5
  task.run @dpu0 "add" after(%c, %s) cycles 5
}

// Ties stay as they are.
// CHECK-LABEL: task.graph @ties {
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "first" cycles 7
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "second" cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "third" cycles 3
// CHECK-NEXT:  }
task.graph @ties {
  task.run @shave0 "first" cycles 7
  task.run @dma0 "second" cycles 3
  task.run @dma0 "third" cycles 3
}

// CHECK-LABEL: task.graph @empty {
task.graph @empty {
}
