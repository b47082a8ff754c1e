// RUN: wlm-opt %s -p wlm-split-contexts | filecheck %s
// RUN: wlm-opt %s -p 'wlm-split-contexts{memories=INP}' | filecheck %s --check-prefix=INP

// Three tiles, one after the other in one place of INP and WGT. The second goes to the other half, and its GEMM gets
// micro-ops that read there. Load waits only for who used the half before: the GEMM of two tiles ago.
// CHECK-LABEL: vta.program @tiles {
// CHECK:         vta.segment "UOP" at 36864 element 4 dense<[0, 16, 64, 0, 1, 24, 64, 0]> : tensor<8xi8> {file = "uop_copies.bin"}
// CHECK-NEXT:    vta.output at 32768 size 32 element 16
// CHECK-NEXT:    vta.load "UOP" dram 1024 y 1 x 2 stride 2
// CHECK-NEXT:    vta.gemm reset uops [0 to 2) outer 1 inner 1
// CHECK-NEXT:    vta.load "INP" dram 512 y 1 x 2 stride 2
// CHECK-NEXT:    vta.load "WGT" dram 48 y 1 x 1 stride 1 push_next
// CHECK-NEXT:    vta.gemm uops [0 to 2) outer 1 inner 1 pop_prev push_prev
// CHECK-NEXT:    vta.load "INP" sram 2 dram 514 y 1 x 2 stride 2
// CHECK-NEXT:    vta.load "WGT" sram 1 dram 49 y 1 x 1 stride 1 push_next
// CHECK-NEXT:    vta.load "UOP" sram 2 dram 9216 y 1 x 2 stride 2
// CHECK-NEXT:    vta.gemm uops [2 to 4) outer 1 inner 1 pop_prev
// CHECK-NEXT:    vta.load "INP" dram 516 y 1 x 2 stride 2 pop_next
// CHECK-NEXT:    vta.load "WGT" dram 50 y 1 x 1 stride 1 push_next
// CHECK-NEXT:    vta.gemm uops [0 to 2) outer 1 inner 1 pop_prev push_next
// CHECK-NEXT:    vta.store dram 2048 y 1 x 2 stride 2 pop_prev push_prev
// CHECK-NEXT:    vta.finish pop_next
// CHECK-NEXT:  }

// WGT in one place: each of its loads waits for the GEMM before.
// INP:      vta.load "INP" sram 2 dram 514 y 1 x 2 stride 2
// INP-NEXT: vta.load "WGT" dram 49 y 1 x 1 stride 1 pop_next push_next
vta.program @tiles {
  vta.segment "UOP" at 4096 element 4 dense<[0, 0, 0, 0, 1, 8, 0, 0]> : tensor<8xi8>
  vta.segment "INP" at 8192 element 16 dense<3> : tensor<96xi8>
  vta.segment "WGT" at 12288 element 256 dense<2> : tensor<768xi8>
  vta.output at 32768 size 32 element 16
  vta.load "UOP" dram 1024 y 1 x 2 stride 2
  vta.gemm reset uops [0 to 2) outer 1 inner 1 push_prev
  vta.load "INP" dram 512 y 1 x 2 stride 2 pop_next
  vta.load "WGT" dram 48 y 1 x 1 stride 1 push_next
  vta.gemm uops [0 to 2) outer 1 inner 1 pop_prev push_prev
  vta.load "INP" dram 514 y 1 x 2 stride 2 pop_next
  vta.load "WGT" dram 49 y 1 x 1 stride 1 push_next
  vta.gemm uops [0 to 2) outer 1 inner 1 pop_prev push_prev
  vta.load "INP" dram 516 y 1 x 2 stride 2 pop_next
  vta.load "WGT" dram 50 y 1 x 1 stride 1 push_next
  vta.gemm uops [0 to 2) outer 1 inner 1 pop_prev push_next
  vta.store dram 2048 y 1 x 2 stride 2 pop_prev push_prev
  vta.nop "compute" pop_next
  vta.finish
}
