// RUN: wlm-opt %s --machine tiny -p wlm-insert-fetches{mode=partial} | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-insert-fetches{mode=firmware} | filecheck %s --check-prefix=FIRMWARE

// Four descriptor slots, a FIFO of 4: groups of two in two halves, the first one alone. A fetch comes after the last
// task of the group that had its slots before.
// CHECK-LABEL: task.graph @net {
// CHECK-NEXT:    %{{.*}} = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @[[dma:dma[01]]] cycles 26 bytes 16
// CHECK-DAG:     %[[a:.*]] = task.run @dpu0 "a" cycles 200
// CHECK-DAG:     mgmt_dma.fetch @dpu0 [1 to 3) slots [2 to 4) on @[[dma]] cycles 42 bytes 32
// CHECK-DAG:     mgmt_dma.fetch @dpu0 [3 to 5) slots [0 to 2) on @[[dma]] after(%[[a]]) cycles 42 bytes 32
// CHECK:         %{{.*}} = task.run @dpu0 "d" cycles 200
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "e" cycles 200
// CHECK-NEXT:  }

// The firmware builds one at a time (machine: fetch_batch), on its own channel.
// FIRMWARE-LABEL: task.graph @net {
// FIRMWARE-NEXT:    %{{.*}} = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma_fw cycles 26 bytes 16
// FIRMWARE-DAG:     %[[a:.*]] = task.run @dpu0 "a" cycles 200
// FIRMWARE-DAG:     mgmt_dma.fetch @dpu0 [1 to 2) slots [1 to 2) on @dma_fw cycles 26 bytes 16
// FIRMWARE-DAG:     %[[b:.*]] = task.run @dpu0 "b" cycles 200
// FIRMWARE-DAG:     mgmt_dma.fetch @dpu0 [2 to 3) slots [0 to 1) on @dma_fw after(%[[a]]) cycles 26 bytes 16
// FIRMWARE-DAG:     mgmt_dma.fetch @dpu0 [3 to 4) slots [1 to 2) on @dma_fw after(%[[b]]) cycles 26 bytes 16
task.graph @net {
  task.run @dpu0 "a" cycles 200
  task.run @dpu0 "b" cycles 200
  task.run @dpu0 "c" cycles 200
  task.run @dpu0 "d" cycles 200
  task.run @dpu0 "e" cycles 200
}

// Two tasks of 100 ticks keep the engine busy until firmware, which takes 140 for it, can push the next group.
// CHECK-LABEL: task.graph @short {
// CHECK-NEXT:    %{{.*}} = mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @[[dma:dma[01]]] cycles 42 bytes 32
// CHECK-DAG:     %[[b:.*]] = task.run @dpu0 "b" cycles 100
// CHECK-DAG:     mgmt_dma.fetch @dpu0 [2 to 4) slots [2 to 4) on @[[dma]] cycles 42 bytes 32
// CHECK-DAG:     mgmt_dma.fetch @dpu0 [4 to 5) slots [0 to 1) on @[[dma]] after(%[[b]]) cycles 26 bytes 16
task.graph @short {
  task.run @dpu0 "a" cycles 100
  task.run @dpu0 "b" cycles 100
  task.run @dpu0 "c" cycles 100
  task.run @dpu0 "d" cycles 100
  task.run @dpu0 "e" cycles 100
}

// Descriptors of DMAs stay in DDR.
// CHECK-LABEL: task.graph @dma_only {
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" cycles 100
// CHECK-NEXT:  }
task.graph @dma_only {
  task.run @dma0 "a" cycles 100
}
