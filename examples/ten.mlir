// Ten tasks on all kinds of engines: three convolutions, two of them with weights of their own, and an early result.
task.graph @ten {
  %image = task.run @dma0 "image" cycles 120
  %w1 = task.run @dma1 "weights1" cycles 150
  %conv1 = task.run @dpu0 "conv1" after(%image, %w1) cycles 260 slots 2
  %w2 = task.run @dma1 "weights2" cycles 180
  %relu = task.run @shave0 "relu" after(%conv1) cycles 120
  %early = task.run @dma0 "early" after(%relu) cycles 90
  %conv2 = task.run @dpu0 "conv2" after(%w2, %relu) cycles 300 slots 2
  %pool = task.run @shave0 "pool" after(%conv2) cycles 110
  %conv3 = task.run @dpu0 "conv3" after(%pool) cycles 220 slots 2
  task.run @dma0 "store" after(%conv3, %early) cycles 100
}
