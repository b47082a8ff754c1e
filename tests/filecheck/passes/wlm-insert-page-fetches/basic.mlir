// RUN: wlm-opt %s --machine tiny -p wlm-insert-page-fetches | filecheck %s
// RUN: wlm-opt %s --machine %S/Inputs/two-slots.toml -p wlm-insert-page-fetches | filecheck %s --check-prefix=SINGLE

// Four slots: groups of two. The first two are fetched at once. The third stands in front of "w3", a DMA of the same
// queue between the first and the last task of the second, with its dependences. The fourth finds none: it makes "c5",
// the last task of the third, wait.
// CHECK-LABEL: task.graph @net {
// CHECK-NEXT:    mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0 cycles 42 bytes 32
// CHECK-NEXT:    mgmt_dma.fetch @dpu0 [2 to 4) slots [2 to 4) on @dma0 cycles 42 bytes 32
// CHECK-NEXT:    %[[w0:.*]] = task.run @dma0 "w0"
// CHECK-NEXT:    task.run @dpu0 "c0" after(%[[w0]])
// CHECK-NEXT:    task.run @dpu0 "c1"
// CHECK-NEXT:    %[[c2:.*]] = task.run @dpu0 "c2"
// CHECK-NEXT:    mgmt_dma.fetch @dpu0 [4 to 6) slots [0 to 2) on @dma0 after(%[[c2]]) cycles 42 bytes 32
// CHECK-NEXT:    %[[w3:.*]] = task.run @dma0 "w3" after(%[[c2]])
// CHECK-NEXT:    task.run @dpu0 "c3" after(%[[w3]])
// CHECK-NEXT:    %[[c4:.*]] = task.run @dpu0 "c4"
// CHECK-NEXT:    %[[f:.*]] = mgmt_dma.fetch @dpu0 [6 to 7) slots [2 to 3) on @dma0 after(%[[c4]]) cycles 26 bytes 16
// CHECK-NEXT:    task.run @dpu0 "c5" after(%[[f]])
// CHECK-NEXT:    task.run @dpu0 "c6"

// Two slots: nothing fits between the first and the last task of a group of one. The fetch follows the group before.
// SINGLE-LABEL: task.graph @net {
// SINGLE:         %[[c0:.*]] = task.run @dpu0 "c0"
// SINGLE-NEXT:    mgmt_dma.fetch @dpu0 [2 to 3) slots [0 to 1) on @dma0 after(%[[c0]])
// SINGLE-NEXT:    %[[c1:.*]] = task.run @dpu0 "c1"
// SINGLE-NEXT:    mgmt_dma.fetch @dpu0 [3 to 4) slots [1 to 2) on @dma0 after(%[[c1]])
task.graph @net {
  %w0 = task.run @dma0 "w0" cycles 30 bytes 30
  %c0 = task.run @dpu0 "c0" after(%w0) cycles 40
  %c1 = task.run @dpu0 "c1" cycles 40
  %c2 = task.run @dpu0 "c2" cycles 40
  %w3 = task.run @dma0 "w3" after(%c2) cycles 30 bytes 30
  %c3 = task.run @dpu0 "c3" after(%w3) cycles 40
  %c4 = task.run @dpu0 "c4" cycles 40
  %c5 = task.run @dpu0 "c5" cycles 40
  %c6 = task.run @dpu0 "c6" cycles 40
}
