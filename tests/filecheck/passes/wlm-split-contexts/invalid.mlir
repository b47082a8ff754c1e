// RUN: not wlm-opt %s -p wlm-split-contexts 2>&1 | filecheck %s
// RUN: not wlm-opt %s -p 'wlm-split-contexts{memories=INP,WTG}' 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not wlm-opt %s -p 'wlm-split-contexts{contexts=1}' 2>&1 | filecheck %s --check-prefix=ONE

// CHECK: wlm-opt: error: in pass 'wlm-split-contexts': copy: no tile of INP, WGT, ACC takes the place of one that another module uses, so there is nothing to split
// NAME: wlm-opt: error: in pass 'wlm-split-contexts': memory 'WTG'; did you mean 'WGT'?
// ONE: wlm-opt: error: in pass 'wlm-split-contexts': contexts is 1 but has to be at least 2
vta.program @copy {
  vta.load "ACC" dram 64 y 1 x 4 stride 4 push_next
  vta.store dram 1024 y 1 x 4 stride 4 pop_prev push_prev
  vta.finish pop_next
}
