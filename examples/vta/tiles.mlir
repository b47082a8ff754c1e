vta.program @tiles {
  vta.segment "UOP" at 4096 element 4 dense<[0, 0, 0, 0, -128, 0, 64, 0]> : tensor<8xi8>
  vta.segment "INP" at 8192 element 16 dense<3> : tensor<6144xi8>
  vta.segment "WGT" at 16384 element 256 dense<2> : tensor<1536xi8>
  vta.output at 32768 size 4096 element 16
  vta.load "UOP" dram 1024 y 1 x 2 stride 2
  vta.gemm reset uops [0 to 2) outer 1 inner 128 dst 1 push_prev
  vta.load "INP" dram 512 y 1 x 128 stride 128 pop_next
  vta.load "WGT" dram 64 y 1 x 2 stride 2 push_next
  vta.gemm uops [0 to 2) outer 1 inner 128 dst 1 src 1 pop_prev push_prev
  vta.load "INP" dram 640 y 1 x 128 stride 128 pop_next
  vta.load "WGT" dram 66 y 1 x 2 stride 2 push_next
  vta.gemm uops [0 to 2) outer 1 inner 128 dst 1 src 1 pop_prev push_prev
  vta.load "INP" dram 768 y 1 x 128 stride 128 pop_next
  vta.load "WGT" dram 68 y 1 x 2 stride 2 push_next
  vta.gemm uops [0 to 2) outer 1 inner 128 dst 1 src 1 pop_prev push_next
  vta.store dram 2048 y 1 x 256 stride 256 pop_prev push_prev
  vta.nop "compute" pop_next
  vta.finish
}
