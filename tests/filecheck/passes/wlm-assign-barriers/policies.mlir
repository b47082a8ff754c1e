// RUN: wlm-opt %s --machine %S/Inputs/four-barriers.toml -p "wlm-assign-barriers{mode=partial policy=round-robin}" | filecheck %s --check-prefix=ROUND
// RUN: wlm-opt %s --machine %S/Inputs/four-barriers.toml -p "wlm-assign-barriers{mode=partial policy=color-bins}" | filecheck %s --check-prefix=BINS
// RUN: wlm-opt %s --machine %S/Inputs/four-barriers.toml -p "wlm-assign-barriers{mode=partial policy=pages}" | filecheck %s --check-prefix=PAGES
// RUN: not wlm-opt %s --machine %S/Inputs/three-barriers.toml -p "wlm-assign-barriers{mode=partial policy=pages}" 2>&1 | filecheck %s --check-prefix=ODD
// RUN: not wlm-opt %s --machine tiny -p "wlm-assign-barriers{policy=page}" 2>&1 | filecheck %s --check-prefix=UNKNOWN

// In turn; the fifth barrier finds the first over.
// ROUND-LABEL: task.graph @net phase physical {
// ROUND:         barrier.configure 0 producers 1 consumers 1
// ROUND:         barrier.configure 1 producers 1 consumers 1
// ROUND:         barrier.configure 2 producers 1 consumers 1
// ROUND:         barrier.configure 3 producers 1 consumers 1
// ROUND:         barrier.configure 0 producers 1 consumers 1
// ROUND:         barrier.configure 1 producers 1 consumers 0 tail

// 0 and 1 are for dma0, 2 for the DPU, 3 for the SHAVE, which has come the longest way.
// BINS-LABEL:  task.graph @net phase physical {
// BINS:          barrier.configure 0 producers 1 consumers 1
// BINS-NEXT:     task.run @dma0 "load0"
// BINS-NEXT:     barrier.configure 2 producers 1 consumers 1
// BINS-NEXT:     task.run @dpu0 "conv0"
// BINS-NEXT:     barrier.configure 1 producers 1 consumers 1
// BINS-NEXT:     task.run @dma0 "load1"
// BINS-NEXT:     barrier.configure 3 producers 1 consumers 1
// BINS-NEXT:     task.run @dpu0 "conv1"

// Pages of two: 0 and 1, 2 and 3, 0 and 1 again. On the second page each DMA queue that goes on gets a dummy.
// PAGES-LABEL: task.graph @net phase physical {
// PAGES:         barrier.configure 0 producers 1 consumers 1
// PAGES:         barrier.configure 1 producers 1 consumers 1
// PAGES:         barrier.configure 2 producers 1 consumers 1
// PAGES:         %[[last:.*]] = barrier.configure 3 producers 1 consumers 3
// PAGES:         %[[tail:.*]] = barrier.configure 1 producers 2 consumers 0 tail
// PAGES-NEXT:    mgmt_dma.sync on @dma0 waits(%[[last]]) updates(%[[tail]])
// PAGES-NEXT:    mgmt_dma.sync on @dma1 waits(%[[last]])
// PAGES-NEXT:    barrier.configure 0 producers 1 consumers 1
// PAGES-NEXT:    task.run @shave0 "soft"

// ODD: wlm-opt: error: in pass 'wlm-assign-barriers': policy 'pages' needs two halves of equal size, but machine 'tiny' has 3 barriers
// UNKNOWN: wlm-opt: error: in pass 'wlm-assign-barriers': wlm-assign-barriers: there is no policy 'page'; did you mean 'pages'?
task.graph @net phase virtual {
  %a = barrier.declare
  %b = barrier.declare
  %c = barrier.declare
  %d = barrier.declare
  %e = barrier.declare
  %t = barrier.declare tail
  task.run @dma0 "load0" updates(%a) cycles 3
  task.run @dpu0 "conv0" waits(%a) updates(%b) cycles 4
  task.run @dma0 "load1" waits(%b) updates(%c) cycles 5
  task.run @dpu0 "conv1" waits(%c) updates(%d) cycles 6
  task.run @shave0 "soft" waits(%d) updates(%e) cycles 7
  task.run @dma1 "store" waits(%e) updates(%t) cycles 8
}
