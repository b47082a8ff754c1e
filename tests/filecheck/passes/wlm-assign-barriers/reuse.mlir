// RUN: wlm-opt %s --machine %S/Inputs/three-barriers.toml -p wlm-assign-barriers{mode=partial} | filecheck %s
// RUN: wlm-opt %s --machine %S/Inputs/three-barriers.toml -p wlm-assign-barriers{mode=full} | filecheck %s

// Five barriers on three physical ones. When "d" updates %y, %v is over: "c" follows "b", which waited on it.
// %v and %w are in use when %x comes, so each has a physical barrier of its own.
// CHECK-LABEL: task.graph @net phase physical {
// CHECK:         barrier.configure [[v:[0-2]]] producers 1 consumers 1
// CHECK:         task.run @dma0 "a"
// CHECK:         barrier.configure [[w:[0-2]]] producers 1 consumers 1
// CHECK:         task.run @dma1 "b"
// CHECK:         barrier.configure [[x:[0-2]]] producers 1 consumers 1
// CHECK:         task.run @dma0 "c"
// CHECK:         barrier.configure [[v]] producers 1 consumers 1
// CHECK:         task.run @dma1 "d"
// CHECK:         barrier.configure [[w]] producers 1 consumers 0 tail
// CHECK:         task.run @dma0 "e"
task.graph @net phase virtual {
  %v = barrier.declare
  %w = barrier.declare
  %x = barrier.declare
  %y = barrier.declare
  %t = barrier.declare tail
  task.run @dma0 "a" updates(%v) cycles 3
  task.run @dma1 "b" waits(%v) updates(%w) cycles 4
  task.run @dma0 "c" waits(%w) updates(%x) cycles 5
  task.run @dma1 "d" waits(%x) updates(%y) cycles 6
  task.run @dma0 "e" waits(%y) updates(%t) cycles 7
}
