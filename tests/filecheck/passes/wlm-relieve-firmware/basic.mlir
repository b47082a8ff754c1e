// RUN: wlm-opt %s --machine %S/Inputs/slow.toml -p wlm-relieve-firmware{mode=firmware} | filecheck %s
// RUN: wlm-opt %s --machine tiny -p wlm-relieve-firmware | filecheck %s --check-prefix=FREE

// There is one physical barrier, so firmware would program a second instance, 540 ticks, while the network takes 200.
// With one barrier for both it programs none; that "x" starts 20 ticks later is cheaper.
// CHECK-LABEL: task.graph @net phase virtual {
// CHECK-NEXT:    %[[v:.*]] = barrier.declare
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a" updates(%[[v]]) cycles 80
// CHECK-NEXT:    %{{.*}} = task.run @dma1 "b" updates(%[[v]]) cycles 100
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "x" waits(%[[v]]) cycles 100
// CHECK-NEXT:    %{{.*}} = task.run @shave0 "y" waits(%[[v]]) cycles 100
// CHECK-NEXT:  }

// Eight barriers are enough for all: firmware has nothing to program.
// FREE-LABEL: task.graph @net phase virtual {
// FREE-COUNT-2: barrier.declare
task.graph @net phase virtual {
  %v0 = barrier.declare
  %v1 = barrier.declare
  task.run @dma0 "a" updates(%v0) cycles 80
  task.run @dma1 "b" updates(%v1) cycles 100
  task.run @dpu0 "x" waits(%v0) cycles 100
  task.run @shave0 "y" waits(%v1) cycles 100
}
