// RUN: wlm run %s | filecheck %s

// By hand, machine tiny: "load" ends at 10, "conv" starts, and %a is over. The interrupt takes 100, programming the next
// instance of barrier 0 20, so %a2 is armed at 130; the pushes take 20 each: "conv2" is at head at 150 and ends at 200,
// "store", at head since 170, then starts and ends at 210. Bootstrap: 1000, 2 per instance, 20 per work item.
// CHECK:      @net on tiny, partial: finished in 210 ticks (0.21 us)
// CHECK:      tasks {{ *}}4
// CHECK-NEXT: makespan, ticks {{ *}}210
// CHECK-NEXT: bootstrap, ticks {{ *}}1,044
// CHECK-NEXT: interrupts {{ *}}1
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode partial {
    %a = barrier.configure 0 producers 1 consumers 1 irq "over"
    %a2 = barrier.configure 0 producers 1 consumers 1
    %t = barrier.configure 2 producers 1 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a, %t]
    mgmt_dma.work_item @dma0 [0 to 1)
    mgmt_dma.work_item @dma1 [0 to 1)
    mgmt_dma.work_item @dma0 [1 to 2) at(%a)
    mgmt_dma.work_item @dma1 [1 to 2) at(%a)
    task.run @dma0 "load" updates(%a) cycles 10
    task.run @dma1 "conv" waits(%a) cycles 50
    task.run @dma0 "conv2" updates(%a2) cycles 50
    task.run @dma1 "store" waits(%a2) updates(%t) cycles 10
  }
}
