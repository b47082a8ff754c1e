// RUN: wlm run %s --machine tiny --mode ideal | filecheck %s

// No management: "conv" starts when "load" ends at 10, "store" when "conv" ends at 60.
// CHECK: finished in 70 ticks
task.graph @net {
  %a = task.run @dma0 "load" cycles 10
  %b = task.run @dpu0 "conv" after(%a) cycles 50
  task.run @dma0 "store" after(%b) cycles 10
}
