// RUN: wlm-opt %s --machine tiny -p wlm-insert-pulses{mode=partial} | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-insert-pulses{mode=firmware} | filecheck %s --check-prefix=FIRMWARE

// Two fetches in a row end in order: one pulse after the second tells of both. At the head of the queue a SYNC updates
// it, so that the fetches touch no barrier. "load" comes between them and the third, which tells itself.
// CHECK-LABEL: task.graph @fetches phase virtual {
// CHECK-NEXT:    %{{.*}} = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
// CHECK-NEXT:    %{{.*}} = mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 updates(%[[v]]) cycles 10
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "load" cycles 300
// CHECK-NEXT:    %[[w:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = mgmt_dma.fetch @dpu0 [1 to 2) slots [2 to 3) on @dma0 updates(%[[w]]) cycles 26
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "a" cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "b" cycles 5
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "c" cycles 6
// CHECK-NEXT:  }

// Firmware builds its fetches itself: their DMA interrupts tell.
// FIRMWARE-LABEL: task.graph @fetches phase virtual {
// FIRMWARE-NOT:     barrier.declare
// FIRMWARE:         %{{.*}} = task.run @dpu0 "c" cycles 6
task.graph @fetches phase virtual {
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
  mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
  task.run @dma0 "load" cycles 300
  mgmt_dma.fetch @dpu0 [1 to 2) slots [2 to 3) on @dma0 cycles 26
  task.run @dpu0 "a" cycles 4
  task.run @shave0 "b" cycles 5
  task.run @dpu0 "c" cycles 6
}

// Fetches on two queues that end within the time of an interrupt (100 ticks) share one.
// CHECK-LABEL: task.graph @together phase virtual {
// CHECK-NEXT:    %{{.*}} = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma0 updates(%[[v]]) cycles 10
// CHECK-NEXT:    %{{.*}} = mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma1 cycles 26
// CHECK-NEXT:    %{{.*}} = mgmt_dma.sync on @dma1 updates(%[[v]]) cycles 10
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "a" cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "b" cycles 5
// CHECK-NEXT:  }
task.graph @together phase virtual {
  mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
  mgmt_dma.fetch @shave0 [0 to 1) slots [0 to 1) on @dma1 cycles 26
  task.run @dpu0 "a" cycles 4
  task.run @shave0 "b" cycles 5
}

// The FIFO of @dma0 takes 4 behind the head, so "e" needs evidence that "a" or a later one has ended: half a FIFO
// ahead of it "c" pulses, which serves "f" as well.
// CHECK-LABEL: task.graph @room phase virtual {
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "b" cycles 1
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "c" updates(%[[v]]) cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "d" cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "e" cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "f" cycles 1
// CHECK-NEXT:  }
// FIRMWARE-LABEL: task.graph @room phase virtual {
// FIRMWARE:         %{{.*}} = task.run @dma0 "c" updates(%{{.*}}) cycles 1
task.graph @room phase virtual {
  task.run @dma0 "a" cycles 1
  task.run @dma0 "b" cycles 1
  task.run @dma0 "c" cycles 1
  task.run @dma0 "d" cycles 1
  task.run @dma0 "e" cycles 1
  task.run @dma0 "f" cycles 1
}

// Another barrier tells already: it is over only after "c" has ended.
// CHECK-LABEL: task.graph @credit phase virtual {
// CHECK:         %[[v:.*]] = barrier.declare
// CHECK-NOT:     barrier.declare
// CHECK:         %{{.*}} = task.run @dma0 "c" updates(%[[v]]) cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "x" waits(%[[v]]) cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "d" cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "e" cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "f" cycles 1
// CHECK-NEXT:  }
task.graph @credit phase virtual {
  %v = barrier.declare
  task.run @dma0 "a" cycles 1
  task.run @dma0 "b" cycles 1
  task.run @dma0 "c" updates(%v) cycles 1
  task.run @dma1 "x" waits(%v) cycles 1
  task.run @dma0 "d" cycles 1
  task.run @dma0 "e" cycles 1
  task.run @dma0 "f" cycles 1
}
