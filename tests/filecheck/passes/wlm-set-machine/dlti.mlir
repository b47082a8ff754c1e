// RUN: wlm-opt %s -p 'wlm-set-machine{machine=tiny dlti=true},wlm-insert-barriers' | filecheck %s

// Passes find the machine in either place.
// CHECK: task.graph @net phase virtual {
task.graph @net {
  task.run @dma0 "a" cycles 3
}
