// RUN: wlm-opt %s --machine tiny -p wlm-insert-dependences | filecheck %s

// Read after write, write after read, write after write; readers need no order among each other.
// CHECK-LABEL: task.graph @conflicts {
// CHECK:         %[[a:.*]] = task.run @dma0 "a" writes(%[[x:.*]]) cycles 3
// CHECK-NEXT:    %[[b:.*]] = task.run @dpu0 "b" after(%[[a]]) reads(%[[x]]) cycles 4
// CHECK-NEXT:    %[[c:.*]] = task.run @shave0 "c" after(%[[a]]) reads(%[[x]]) cycles 5
// CHECK-NEXT:    %[[d:.*]] = task.run @dma1 "d" after(%[[b]], %[[c]]) writes(%[[x]]) cycles 6
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "e" after(%[[d]]) writes(%[[x]]) cycles 7
// CHECK-NEXT:  }
task.graph @conflicts {
  %x = task.buffer "x" cmx 0 scratch size 64
  task.run @dma0 "a" writes(%x) cycles 3
  task.run @dpu0 "b" reads(%x) cycles 4
  task.run @shave0 "c" reads(%x) cycles 5
  task.run @dma1 "d" writes(%x) cycles 6
  task.run @dma0 "e" writes(%x) cycles 7
}

// Views conflict where their bytes overlap: "b" reads what "a" wrote, "c" the other half.
// CHECK-LABEL: task.graph @views {
// CHECK:         %[[a:.*]] = task.run @dma0 "a" writes(%{{.*}}) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" after(%[[a]]) reads(%{{.*}}) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "c" reads(%{{.*}}) cycles 5
// CHECK-NEXT:  }
task.graph @views {
  %x = task.buffer "x" cmx 0 scratch size 64
  %low = task.view %x offset 0 size 32
  %high = task.view %x offset 32 size 32
  %some = task.view %x offset 31 size 1
  task.run @dma0 "a" writes(%low) cycles 3
  task.run @dpu0 "b" reads(%some) cycles 4
  task.run @shave0 "c" reads(%high) cycles 5
}

// With addresses, two buffers can be the same bytes.
// CHECK-LABEL: task.graph @addresses {
// CHECK:         %[[a:.*]] = task.run @dma0 "a" writes(%{{.*}}) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" after(%[[a]]) reads(%{{.*}}) cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "c" reads(%{{.*}}) cycles 5
// CHECK-NEXT:  }
task.graph @addresses {
  %x = task.buffer "x" cmx 0 scratch size 64 address 0
  %y = task.buffer "y" cmx 0 scratch size 64 address 63
  %z = task.buffer "z" cmx 0 scratch size 64 address 64
  task.run @dma0 "a" writes(%x) cycles 3
  task.run @dpu0 "b" reads(%y) cycles 4
  task.run @dpu0 "c" reads(%z) cycles 5
}

// A dependence that was there stays, with or without a conflict.
// CHECK-LABEL: task.graph @given {
// CHECK:         %[[a:.*]] = task.run @dma0 "a" cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" after(%[[a]]) reads(%{{.*}}) cycles 4
task.graph @given {
  %x = task.buffer "x" cmx 0 scratch size 64
  %a = task.run @dma0 "a" cycles 3
  task.run @dpu0 "b" after(%a) reads(%x) cycles 4
}
