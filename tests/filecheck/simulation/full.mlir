// RUN: wlm run %s | filecheck %s

// By hand, machine tiny: the DMAs run one after the other on @dma0, the conv is at head when its enqueue lands at 40
// and starts when "load" has lifted %a at 50. It ends at 100, "store" at 110. Bootstrap: 1000 and, per barrier
// instance, 2, and per work item 20.
// CHECK:      @net on tiny, full: finished in 110 ticks (0.11 us)
// CHECK:      tasks {{ *}}3
// CHECK-NEXT: makespan, ticks {{ *}}110
// CHECK-NEXT: bootstrap, ticks {{ *}}1,026
// CHECK-NEXT: interrupts {{ *}}0
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a = barrier.configure 0 producers 1 consumers 1
    %b = barrier.configure 1 producers 1 consumers 1
    %t = barrier.configure 2 producers 1 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a, %b, %t]
    mgmt_dma.work_item @dma0 [0 to 4)
    mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26
    mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 14
    task.run @dma0 "load" updates(%a) cycles 10
    task.run @dpu0 "conv" waits(%a) updates(%b) cycles 50
    task.run @dma0 "store" waits(%b) updates(%t) cycles 10
  }
}
