// RUN: wlm-opt %s --machine tiny -p wlm-merge-waits | filecheck %s

// "y" may wait on one barrier, the DMA "d" on as many as it likes. "x" still waits on the first barrier alone.
// CHECK-LABEL: task.graph @merged phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %[[vw:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]], %[[vw]]) cycles 3
// CHECK-NEXT:    %[[w:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "b" updates(%[[w]], %[[vw]]) cycles 3
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "x" waits(%[[v]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "y" waits(%[[vw]]) cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "d" waits(%[[v]], %[[w]]) cycles 5
// CHECK-NEXT:  }
task.graph @merged phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dma1 "b" updates(%w) cycles 3
  task.run @shave0 "x" waits(%v) cycles 5
  task.run @dpu0 "y" waits(%v, %w) cycles 5
  task.run @dma1 "d" waits(%v, %w) cycles 5
}

// A barrier of this machine counts 8 producers. When "x" starts, at tick 20, %v has lifted: the wait moves there.
// CHECK-LABEL: task.graph @moved phase virtual {
// CHECK:         %{{.*}} = task.run @dpu0 "x" waits(%[[v:.*]]) cycles 5
// CHECK:         %{{.*}} = task.run @dpu0 "y" waits(%[[w:.*]]) cycles 5
// CHECK-NOT:     sync
// CHECK:       }
task.graph @moved phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @dpu0 "long" cycles 20
  task.run @shave0 "a" updates(%v) cycles 3 slots 5
  task.run @dma1 "b" cycles 30
  task.run @dma1 "c" updates(%w) cycles 3 slots 4
  task.run @dpu0 "x" cycles 5
  task.run @dpu0 "y" waits(%v, %w) cycles 5
}

// Nothing of "y" starts late enough: a SYNC waits for both.
// CHECK-LABEL: task.graph @joined phase virtual {
// CHECK:         %{{.*}} = task.run @dma1 "c" updates(%{{.*}}) cycles 3 slots 4
// CHECK-NEXT:    %[[j:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 waits(%{{.*}}, %{{.*}}) updates(%[[j]]) cycles 10
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "y" waits(%[[j]]) cycles 5
// CHECK-NEXT:  }
task.graph @joined phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  task.run @shave0 "a" updates(%v) cycles 3 slots 5
  task.run @dma1 "c" updates(%w) cycles 3 slots 4
  task.run @dpu0 "y" waits(%v, %w) cycles 5
}
