// RUN: wlm-opt %s --machine tiny -p 'wlm-order-tasks{policy=list}' | filecheck %s
// RUN: wlm-opt %s --machine tiny -p 'wlm-order-tasks{policy=barriers}' | filecheck %s

// "b" has the longer way to the end, so it goes first on its queue.
// CHECK-LABEL: task.graph @longest_path_first {
// CHECK-NEXT:    %[[b:.*]] = task.run @dma0 "b" cycles 10
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" cycles 10
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "conv" after(%[[b]]) cycles 500
// CHECK-NEXT:  }
task.graph @longest_path_first {
  task.run @dma0 "a" cycles 10
  %b = task.run @dma0 "b" cycles 10
  task.run @dpu0 "conv" after(%b) cycles 500
}

// The second load overwrites what the first conv reads, so it stays behind although its way is longer. The first load
// has to stay before its conv: only the buffer says so, by an order that the pass names.
// CHECK-LABEL: task.graph @buffers_are_dependences {
// CHECK-NEXT:    %[[x:.*]] = task.buffer "x" cmx 0 scratch size 64
// CHECK-NEXT:    %[[l:.*]] = task.run @dma0 "load" writes(%[[x]]) cycles 10
// CHECK-NEXT:    %[[c:.*]] = task.run @dpu0 "conv" after(%[[l]]) reads(%[[x]]) cycles 10
// CHECK-NEXT:    %[[b:.*]] = task.run @dma0 "reload" after(%[[c]]) writes(%[[x]]) cycles 10
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "long" after(%[[b]]) reads(%[[x]]) cycles 500
// CHECK-NEXT:  }
task.graph @buffers_are_dependences {
  %x = task.buffer "x" cmx 0 scratch size 64
  %a = task.run @dma0 "load" writes(%x) cycles 10
  %c = task.run @dpu0 "conv" reads(%x) cycles 10
  %b = task.run @dma0 "reload" writes(%x) cycles 10
  task.run @dpu0 "long" reads(%x) cycles 500
}

// CHECK-LABEL: task.graph @one {
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "alone" cycles 3
// CHECK-NEXT:  }
task.graph @one {
  task.run @dma0 "alone" cycles 3
}
