// RUN: wlm-opt %s --machine tiny -p 'wlm-lower-to-vta{load=dma0 compute=dpu0 store=dma1}' | filecheck %s

// Any three engines can be the modules.
// CHECK-LABEL: vta.program @net {
// CHECK-NEXT:    vta.nop "load" push_next {task = "load"}
// CHECK-NEXT:    vta.nop "compute" pop_prev push_next {task = "conv"}
// CHECK-NEXT:    vta.nop "store" pop_prev push_prev {task = "store"}
// CHECK-NEXT:    vta.finish pop_next
task.graph @net {
  %a = task.run @dma0 "load" cycles 10
  %b = task.run @dpu0 "conv" after(%a) cycles 10
  %c = task.run @dma1 "store" after(%b) cycles 10
}
