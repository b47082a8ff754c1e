// RUN: wlm-opt %s --machine tiny -p wlm-stall-enqueues | filecheck %s --check-prefix=IDLE
// RUN: wlm-opt %s --machine %S/managed_by_data.toml -p wlm-stall-enqueues | filecheck %s
// RUN: wlm-opt %s --machine %S/managed_by_data.toml --pipeline full{starvation=stall} | filecheck %s --check-prefix=FULL

// "next" comes after "w" alone, which ends long before "long": pushed behind "w" it starts no later, and needs no wait.
// "long" itself would start later if it were pushed behind "x".
// CHECK-LABEL: task.graph @net {
// CHECK-NEXT:    %[[x:.*]] = task.run @dma0 "x" cycles 100
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "long" after(%[[x]]) cycles 1000
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "w" cycles 200
// CHECK-NEXT:    %{{.*}} = mgmt_dma.enqueue @dpu0 [1 to 2) on @dma0 cycles 14 bytes 4
// CHECK-NEXT:    %[[next:.*]] = task.run @dpu0 "next" cycles 300
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "store" after(%[[next]]) cycles 100
// CHECK-NEXT:  }

// What fetches are inserted and "long" is pushed with stands in front of it.
// FULL-LABEL: task.graph @net phase managed mode full {
// FULL:         %{{.*}} = mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0
// FULL:         %{{.*}} = task.run @dma0 "w" cycles 200
// FULL-NEXT:    %{{.*}} = mgmt_dma.enqueue @dpu0 [1 to 2) on @dma0
// FULL-NEXT:    %{{.*}} = task.run @dpu0 "next" updates(

// A queue without data knows nothing of "w".
// IDLE-LABEL: task.graph @net {
// IDLE-NOT:     mgmt_dma.enqueue
// IDLE:         %{{.*}} = task.run @dma0 "store" after(%{{.*}}) cycles 100
task.graph @net {
  %x = task.run @dma0 "x" cycles 100
  %long = task.run @dpu0 "long" after(%x) cycles 1000
  %w = task.run @dma0 "w" cycles 200
  %next = task.run @dpu0 "next" after(%w) cycles 300
  task.run @dma0 "store" after(%next) cycles 100
}
