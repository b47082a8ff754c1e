// RUN: not wlm-opt %s --machine tiny -p 'wlm-link-work-items{mode=partial}' 2>&1 | filecheck %s

// The FIFO takes four behind the head.
// CHECK: wlm-opt: error: in pass 'wlm-link-work-items': nothing tells that the FIFO of @dma0 has room for 'e'; run wlm-insert-pulses first [H6]
task.graph @net phase physical {
  task.run @dma0 "a" cycles 1
  task.run @dma0 "b" cycles 1
  task.run @dma0 "c" cycles 1
  task.run @dma0 "d" cycles 1
  task.run @dma0 "e" cycles 1
}
