// RUN: not wlm-opt %s --machine tiny -p wlm-place-enqueues 2>&1 | filecheck %s

// "d" is at head from the start, long before the first instance of b0 is over; a DMA list is never split.
// CHECK: wlm-opt: error: in pass 'wlm-place-enqueues': task 'd' may be at head on @dma1 before the barrier it waits on is armed, and the list of a DMA queue is enqueued whole; assign barriers with wlm-assign-barriers{mode=full} [H1]
task.graph @net phase physical {
  %v = barrier.configure 0 producers 1 consumers 1
  %w = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 1 producers 1 consumers 0 tail
  task.run @dma1 "a" updates(%v) cycles 3
  task.run @dma0 "b" waits(%v) cycles 4
  task.run @dma0 "c" updates(%w) cycles 4
  task.run @dma1 "d" waits(%w) updates(%t) cycles 5
}
