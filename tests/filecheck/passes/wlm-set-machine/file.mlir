// RUN: wlm-opt %s -p 'wlm-set-machine{machine="%S/Inputs/three-barriers.toml"}' | filecheck %s
// RUN: wlm-opt %s -p 'wlm-set-machine{machine="%S/Inputs/three-barriers.toml"}' | wlm-opt -p wlm-insert-barriers | filecheck %s --check-prefix=USED

// No preset: all of it is written, times in ticks.
// CHECK: builtin.module attributes {wlm.machine = {{.*}}name = "dma0"{{.*}}barriers = {{.}}count = 3 : i64{{.*}}rearm_delta = 5 : i64
// USED:  task.graph @net phase virtual {
task.graph @net {
  task.run @dma0 "a" cycles 3
}
