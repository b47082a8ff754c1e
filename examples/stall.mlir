// A stream of convolutions, each with weights of its own: for "wlm-opt -p wlm-stall-enqueues" (docs/modes.md).
task.graph @stall {
  %w1 = task.run @dma0 "weights1" cycles 100
  %c1 = task.run @dpu0 "conv1" after(%w1) cycles 800
  %w2 = task.run @dma0 "weights2" cycles 200
  %c2 = task.run @dpu0 "conv2" after(%w2) cycles 300
  task.run @dma0 "store" after(%c2) cycles 100
}
