// RUN: WLM_ROUNDTRIP
// RUN: WLM_GENERIC_ROUNDTRIP

// CHECK:       vta.program @all config {LOG_BLOCK = 5 : i64, TARGET = "pynq"} launches 2 initial [0, 0, 1, 0] carry_out [0, 1, 0, 0] attributes {note = "x"} {
// CHECK-NEXT:    vta.segment "UOP" at 4096 element 4 dense<[0, 1, -1, 3]> : tensor<4xi8> {file = "uop.bin"}
// CHECK-NEXT:    vta.output at 8192 size 4 element 16 expected dense<[1, 2, 3, 4]> : tensor<4xi8>
// CHECK-NEXT:    vta.output at 12288 size 64 element 16
// CHECK-NEXT:    vta.nop "store" push_prev
// CHECK-NEXT:    vta.load "INP" sram 144 dram 3584 y 8 x 14 stride 14 pad_top 1 pad_left 1 pad_right 1 pop_next push_next
// CHECK-NEXT:    vta.load "ACC_8BIT" dram 7 y 1 x 1 pop_prev pop_next push_prev push_next
// CHECK-NEXT:    vta.gemm reset uops [0 to 14) outer 8 dst 98 inner 7 dst 14
// CHECK-NEXT:    vta.gemm uops [28 to 154) outer 8 dst 98 wgt 9 inner 7 dst 14 src 16 push_prev
// CHECK-NEXT:    vta.alu "shr" imm -8 uops [280 to 281) outer 1 inner 784 dst 1 src 1
// CHECK-NEXT:    vta.alu "max" imm 0 uops [280 to 281) outer 1 inner 784
// CHECK-NEXT:    vta.alu "mul" uops [0 to 4) outer 1 inner 1 push_next
// CHECK-NEXT:    vta.alu "add" idle 7 uops [0 to 4) outer 1 inner 1
// CHECK-NEXT:    vta.store sram 3 dram 256 y 64 x 4 stride 16 pop_prev push_prev
// CHECK-NEXT:    vta.store "WGT" y 3 pop_prev
// CHECK-NEXT:    vta.finish {unused = array<i64: 0, -1>}
// CHECK-GENERIC: "vta.gemm"() <{reset = 1 : i64, dst_out = 98 : i64, dst_in = 14 : i64, uop_end = 14 : i64, iter_out = 8 : i64, iter_in = 7 : i64}> : () -> ()
vta.program @all config {LOG_BLOCK = 5 : i64, TARGET = "pynq"} launches 2 initial [0, 0, 1, 0] carry_out [0, 1, 0, 0] attributes {note = "x"} {
  vta.segment "UOP" at 4096 element 4 dense<[0, 1, -1, 3]> : tensor<4xi8> {file = "uop.bin"}
  vta.output at 8192 size 4 element 16 expected dense<[1, 2, 3, 4]> : tensor<4xi8>
  vta.output at 12288 size 64 element 16
  vta.nop "store" push_prev
  vta.load "INP" sram 144 dram 3584 y 8 x 14 stride 14 pad_top 1 pad_left 1 pad_right 1 pop_next push_next
  vta.load "ACC_8BIT" sram 0 dram 7 y 1 x 1 pop_prev pop_next push_prev push_next
  vta.gemm reset uops [0 to 14) outer 8 dst 98 inner 7 dst 14
  vta.gemm uops [28 to 154) outer 8 dst 98 wgt 9 inner 7 dst 14 src 16 push_prev
  vta.alu "shr" imm -8 uops [280 to 281) outer 1 inner 784 dst 1 src 1
  vta.alu "max" imm 0 uops [280 to 281) outer 1 inner 784
  vta.alu "mul" uops [0 to 4) outer 1 inner 1 push_next
  vta.alu "add" idle 7 uops [0 to 4) outer 1 inner 1
  vta.store sram 3 dram 256 y 64 x 4 stride 16 pop_prev push_prev
  vta.store "WGT" y 3 pop_prev
  vta.finish {unused = array<i64: 0, -1>}
}

// CHECK: vta.program @fragment partial {
// CHECK: }
vta.program @fragment partial {}
