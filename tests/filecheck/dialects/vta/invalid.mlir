// RUN: wlm-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK: vta.load: pop_prev is set but module load has no prev neighbour [V1]
vta.program @p { vta.load "INP" x 1 y 1 pop_prev }

// -----
// CHECK: vta.nop: push_prev is set but module load has no prev neighbour [V1]
vta.program @p { vta.nop "load" push_prev }

// -----
// CHECK: vta.store: push_next is set but module store has no next neighbour [V1]
vta.program @p { vta.store x 1 y 1 push_next }

// -----
// CHECK: vta.nop: module is 'fetch' but must be one of load, compute, store
vta.program @p { vta.nop "fetch" }

// -----
// CHECK: vta.load: memory is 'OUT' but must be one of UOP, WGT, INP, ACC, ACC_8BIT [V1]
vta.program @p { vta.load "OUT" x 1 y 1 }

// -----
// CHECK: vta.store: memory 'ACC' cannot be stored; leave it out for OUT [V1]
vta.program @p { vta.store "ACC" x 1 y 1 }

// -----
// CHECK: vta.store: a STORE has no padding [V1]
vta.program @p { vta.store x 1 y 1 pad_left 1 }

// -----
// CHECK: vta.load: sram is 65536 but its field holds 0 to 65535 [V9]
vta.program @p { vta.load "ACC" sram 65536 x 1 y 1 }

// -----
// CHECK: vta.load: pad_top is 16 but its field holds 0 to 15 [V9]
vta.program @p { vta.load "ACC" x 1 y 1 pad_top 16 }

// -----
// CHECK: vta.gemm: iter_out is 16384 but its field holds 0 to 16383 [V9]
vta.program @p { vta.gemm uops [0 to 1) outer 16384 inner 1 }

// -----
// CHECK: vta.gemm: dst_in is -1 but its field holds 0 to 2147483647 [V9]
vta.program @p { vta.gemm uops [0 to 1) outer 1 inner 1 dst -1 }

// -----
// CHECK: vta.gemm: reset is 2 but is a flag
vta.program @p { "vta.gemm"() <{reset = 2 : i64}> : () -> () }

// -----
// CHECK: vta.alu: opcode is 'sub' but must be one of min, max, add, shr, mul [V1]
vta.program @p { vta.alu "sub" uops [0 to 1) outer 1 inner 1 }

// -----
// CHECK: vta.alu: imm is 32768 but its field holds -32768 to 32767 [V9]
vta.program @p { vta.alu "add" imm 32768 uops [0 to 1) outer 1 inner 1 }

// -----
// CHECK: vta.finish is instruction 0 of 2 but must be the last one [V5]
vta.program @p {
  vta.finish
  vta.nop "store"
}

// -----
// CHECK: launches is 0 but must be at least 1
vta.program @p launches 0 {}

// -----
// CHECK: carry_out is [1] but names a count from 0 for l2g, g2l, s2g and g2s
vta.program @p carry_out [1] {}

// -----
// CHECK: a vta.program holds vta operations only, not barrier.declare
vta.program @p { %v = barrier.declare }

// -----
// CHECK: 'vta.finish' expects parent op 'vta.program'
vta.finish
