// RUN: wlm-opt %s --machine tiny -p wlm-reduce-dependences | filecheck %s

// %c comes after %b, which comes after %a: the edge from %a says nothing new.
// CHECK-LABEL: task.graph @implied_by_a_dependence {
// CHECK-NEXT:    %[[a:.*]] = task.run @dma0 "a" cycles 3
// CHECK-NEXT:    %[[b:.*]] = task.run @dpu0 "b" after(%[[a]]) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "c" after(%[[b]]) cycles 5
// CHECK-NEXT:  }
task.graph @implied_by_a_dependence {
  %a = task.run @dma0 "a" cycles 3
  %b = task.run @dpu0 "b" after(%a) cycles 4
  task.run @shave0 "c" after(%a, %b) cycles 5
}

// Serial engines end their tasks in order: %b needs no edge from %a, nor the store one from the first conv.
// CHECK-LABEL: task.graph @implied_by_an_engine {
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "a" cycles 3
// CHECK-NEXT:    %[[b:.*]] = task.run @dpu0 "b" cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "store" after(%[[b]]) cycles 5
// CHECK-NEXT:  }
task.graph @implied_by_an_engine {
  %a = task.run @dpu0 "a" cycles 3
  %b = task.run @dpu0 "b" after(%a) cycles 4
  task.run @dma0 "store" after(%a, %b) cycles 5
}

// "d" follows the predecessor of "e" on the DPU, so "e" knows %a from there.
// CHECK-LABEL: task.graph @implied_by_a_predecessor {
// CHECK:         %{{.*}} = task.run @dpu0 "d" after(%{{.*}}) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "e" cycles 5
task.graph @implied_by_a_predecessor {
  %a = task.run @dma0 "a" cycles 3
  %d = task.run @dpu0 "d" after(%a) cycles 4
  task.run @dpu0 "e" after(%a) cycles 5
}

// Nothing implies these two.
// CHECK-LABEL: task.graph @needed {
// CHECK-NEXT:    %[[a:.*]] = task.run @dma0 "a" cycles 3
// CHECK-NEXT:    %[[b:.*]] = task.run @dma1 "b" cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "c" after(%[[a]], %[[b]]) cycles 5
// CHECK-NEXT:  }
task.graph @needed {
  %a = task.run @dma0 "a" cycles 3
  %b = task.run @dma1 "b" cycles 4
  task.run @dpu0 "c" after(%a, %b) cycles 5
}
