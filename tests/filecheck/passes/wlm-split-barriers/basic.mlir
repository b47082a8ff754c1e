// RUN: wlm-opt %s --machine tiny -p wlm-split-barriers | filecheck %s

// On this machine a barrier counts up to 8 producers, 8 consumers and 12 of both.

// 9 slots of consumers: the one that does not fit gets a barrier of its own, with the same producer.
// CHECK-LABEL: task.graph @consumers phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %[[w:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]], %[[w]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" waits(%[[v]]) cycles 4 slots 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "c" waits(%[[v]]) cycles 5 slots 4
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "d" waits(%[[w]]) cycles 6
// CHECK-NEXT:  }
task.graph @consumers phase virtual {
  %v = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dpu0 "b" waits(%v) cycles 4 slots 4
  task.run @shave0 "c" waits(%v) cycles 5 slots 4
  task.run @dma1 "d" waits(%v) cycles 6
}

// 10 slots of producers: a SYNC stands for 7 of them, another for 3.
// CHECK-LABEL: task.graph @producers phase virtual {
// CHECK-NEXT:    %[[x:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "a" updates(%[[x]]) cycles 3 slots 7
// CHECK-NEXT:    %[[y:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "b" updates(%[[y]]) cycles 4 slots 3
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 waits(%[[x]]) updates(%[[v]]) cycles 10
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 waits(%[[y]]) updates(%[[v]]) cycles 10
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "c" waits(%[[v]]) cycles 5
// CHECK-NEXT:  }
task.graph @producers phase virtual {
  %v = barrier.declare
  task.run @dpu0 "a" updates(%v) cycles 3 slots 7
  task.run @shave0 "b" updates(%v) cycles 4 slots 3
  task.run @dma1 "c" waits(%v) cycles 5
}

// Each side fits, the sum does not: 7 and 6 are more than 12.
// CHECK-LABEL: task.graph @sum phase virtual {
// CHECK-NEXT:    %[[x:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "a" updates(%[[x]]) cycles 3 slots 7
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 waits(%[[x]]) updates(%[[v]]) cycles 10
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "b" waits(%[[v]]) cycles 4 slots 6
// CHECK-NEXT:  }
task.graph @sum phase virtual {
  %v = barrier.declare
  task.run @dpu0 "a" updates(%v) cycles 3 slots 7
  task.run @shave0 "b" waits(%v) cycles 4 slots 6
}

// The tail has no consumer, so what joins its producers stands at the end.
// CHECK-LABEL: task.graph @tail phase virtual {
// CHECK:         %[[t:.*]] = barrier.declare tail
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 waits(%{{.*}}) updates(%[[t]]) cycles 10
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 waits(%{{.*}}) updates(%[[t]]) cycles 10
// CHECK-NEXT:  }
task.graph @tail phase virtual {
  %t = barrier.declare tail
  task.run @dpu0 "a" updates(%t) cycles 3 slots 7
  task.run @shave0 "b" updates(%t) cycles 4 slots 3
}

// All fits: nothing changes.
// CHECK-LABEL: task.graph @fits phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "a" updates(%[[v]]) cycles 3 slots 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "b" waits(%[[v]]) cycles 4 slots 8
// CHECK-NEXT:  }
task.graph @fits phase virtual {
  %v = barrier.declare
  task.run @dpu0 "a" updates(%v) cycles 3 slots 4
  task.run @shave0 "b" waits(%v) cycles 4 slots 8
}
