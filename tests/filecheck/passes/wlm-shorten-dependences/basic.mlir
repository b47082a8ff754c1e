// RUN: wlm-opt %s --machine tiny -p wlm-shorten-dependences{span=1} | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-shorten-dependences | filecheck %s --check-prefix=SHORT

// "w" is over at 10. "e" needs it, but "c" and "d" come before "e" on the DPU and start after 10 anyway, so one of them
// waits in its place: what is left of the dependence spans no more than one other wait.
// CHECK-LABEL: task.graph @net {
// CHECK:         %[[w:.*]] = task.run @dma1 "w" cycles 10
// CHECK:         task.run @dpu0 "b" after(%{{[^,]*}}) cycles 100
// CHECK:         task.run @dpu0 "c" after(%{{.*}}, %{{.*}}) cycles 100
// CHECK:         task.run @dpu0 "d" after(%{{[^,]*}}) cycles 100
// CHECK:         task.run @dpu0 "e" after(%{{[^,]*}}) cycles 100

// A quarter of the eight barriers are two: "e" is three waits away from "w", so "d" waits for it.
// SHORT-LABEL: task.graph @net {
// SHORT:         task.run @dpu0 "c" after(%{{[^,]*}}) cycles 100
// SHORT:         task.run @dpu0 "d" after(%{{.*}}, %{{.*}}) cycles 100
// SHORT:         task.run @dpu0 "e" after(%{{[^,]*}}) cycles 100
task.graph @net {
  %w = task.run @dma1 "w" cycles 10
  %a = task.run @dma0 "a" cycles 3
  task.run @dpu0 "b" after(%a) cycles 100
  %x = task.run @dma0 "x" cycles 3
  task.run @dpu0 "c" after(%x) cycles 100
  %y = task.run @dma0 "y" cycles 3
  task.run @dpu0 "d" after(%y) cycles 100
  %z = task.run @dma0 "z" cycles 3
  task.run @dpu0 "e" after(%z, %w) cycles 100
}

// Moving the dependence would hold "b" back: it could start at 3, and "w" ends at 500.
// CHECK-LABEL: task.graph @late {
// CHECK:         task.run @dpu0 "b" after(%{{[^,]*}}) cycles 100
// CHECK:         task.run @dpu0 "c" after(%{{[^,]*}}) cycles 100
// CHECK:         task.run @dpu0 "d" after(%{{.*}}, %{{.*}}) cycles 100
task.graph @late {
  %w = task.run @dma1 "w" cycles 500
  %a = task.run @dma0 "a" cycles 3
  task.run @dpu0 "b" after(%a) cycles 100
  %x = task.run @dma0 "x" cycles 3
  task.run @dpu0 "c" after(%x) cycles 100
  %y = task.run @dma0 "y" cycles 3
  task.run @dpu0 "d" after(%y, %w) cycles 100
}
