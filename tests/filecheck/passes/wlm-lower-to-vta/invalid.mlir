// RUN: not wlm-opt %s --machine tiny -p 'wlm-lower-to-vta{load=dma0 compute=dpu0 store=dma1}' 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-lower-to-vta': 'softmax' runs on @shave0, but VTA has three modules, here on load=@dma0, compute=@dpu0, store=@dma1
task.graph @net {
  %a = task.run @dma0 "load" cycles 10
  %b = task.run @dpu0 "conv" after(%a) cycles 10
  %c = task.run @shave0 "softmax" after(%b) cycles 10
}
