// RUN: wlm-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: mgmt_dma.fetch: range [4 to 4) is empty or negative
task.graph @net { mgmt_dma.fetch @dpu0 [4 to 4) slots [0 to 0) on @dma0 cycles 1 }

// -----
// CHECK: a fetch needs as many slots as it has descriptors
task.graph @net { mgmt_dma.fetch @dpu0 [0 to 4) slots [0 to 3) on @dma0 cycles 1 }

// -----
// CHECK: mgmt_dma.fetch: slot is -1 but must be at least 0
task.graph @net { mgmt_dma.fetch @dpu0 [0 to 4) slots [-1 to 3) on @dma0 cycles 1 }

// -----
// CHECK: mgmt_dma.enqueue: range [-1 to 4) is empty or negative
task.graph @net { mgmt_dma.enqueue @dpu0 [-1 to 4) on @dma0 cycles 1 }

// -----
// CHECK: mgmt_dma.program: programs no barrier
task.graph @net { mgmt_dma.program [] on @dma0 cycles 1 }

// -----
// CHECK: mgmt_dma.sync: cycles is 0 but must be at least 1
task.graph @net { mgmt_dma.sync on @dma0 cycles 0 }

// -----
// CHECK: mgmt_dma.sync: bytes is -1 but must be at least 0
task.graph @net { mgmt_dma.sync on @dma0 cycles 1 bytes -1 }

// -----
// CHECK: mgmt_dma.work_item: range [3 to 2) is empty or negative
task.graph @net { mgmt_dma.work_item @dma0 [3 to 2) }
