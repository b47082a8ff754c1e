task.graph @five {
  %image = task.run @dma0 "load image" cycles 310
  %weights = task.run @dma1 "load weights" cycles 500
  %conv = task.run @dpu0 "conv1" after(%image, %weights) cycles 4200 slots 4
  %soft = task.run @shave0 "softmax" after(%conv) cycles 900
  %store = task.run @dma0 "store" after(%soft) cycles 200
}
