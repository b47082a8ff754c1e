// RUN: not wlm-opt %s --machine tiny -p wlm-relieve-firmware 2>&1 | filecheck %s

// CHECK: wlm-opt: error: in pass 'wlm-relieve-firmware': wlm-relieve-firmware needs a graph in phase virtual, but @net is in phase graph; phase virtual is made by wlm-insert-barriers
task.graph @net {
  task.run @dma0 "a" cycles 3
}
