// RUN: wlm-opt %s --machine vta -p wlm-lower-to-vta | filecheck %s
// RUN: wlm-opt %s --machine vta -p 'wlm-lower-to-vta{order=fewest}' | filecheck %s --check-prefix=FEWEST

// Two buffers: load may be two tiles ahead, and the orders that others imply take no token.
// CHECK-LABEL: vta.program @buffers {
// CHECK-NEXT:    vta.nop "load" push_next {task = "tile 0"}
// CHECK-NEXT:    vta.nop "compute" pop_prev push_prev {task = "gemm 0"}
// CHECK-NEXT:    vta.nop "load" push_next {task = "tile 1"}
// CHECK-NEXT:    vta.nop "compute" pop_prev {task = "gemm 1"}
// CHECK-NEXT:    vta.nop "load" pop_next push_next {task = "tile 2"}
// CHECK-NEXT:    vta.nop "compute" pop_prev push_next {task = "gemm 2"}
// CHECK-NEXT:    vta.nop "store" pop_prev push_prev {task = "out"}
// CHECK-NEXT:    vta.finish pop_next
// CHECK-NEXT:  }
// FEWEST-LABEL: vta.program @buffers {
// FEWEST-COUNT-4: push_
// FEWEST-LABEL: vta.program @routes {
task.graph @buffers {
  %l0 = task.run @load "tile 0" cycles 10
  %g0 = task.run @compute "gemm 0" after(%l0) cycles 10
  %l1 = task.run @load "tile 1" cycles 10
  %g1 = task.run @compute "gemm 1" after(%l0, %l1) cycles 10
  %l2 = task.run @load "tile 2" after(%g0) cycles 10
  %g2 = task.run @compute "gemm 2" after(%l1, %l2) cycles 10
  %s = task.run @store "out" after(%g0, %g2) cycles 10
}

// Load and store share no queue: one order goes through an instruction of compute, the other through a NOP.
// CHECK-LABEL: vta.program @routes {
// CHECK-NEXT:    vta.nop "load" push_next {task = "a"}
// CHECK-NEXT:    vta.nop "compute" pop_prev push_next {task = "gemm"}
// CHECK-NEXT:    vta.nop "store" pop_prev push_prev {task = "b"}
// CHECK-NEXT:    vta.nop "compute" pop_next push_prev
// CHECK-NEXT:    vta.nop "load" pop_next push_next {task = "c"}
// CHECK-NEXT:    vta.finish pop_prev
// CHECK-NEXT:  }
task.graph @routes {
  %a = task.run @load "a" cycles 10
  %g = task.run @compute "gemm" cycles 10
  %b = task.run @store "b" after(%a) cycles 10
  %c = task.run @load "c" after(%b) cycles 10
}

// Tasks that are instructions of a program become them again; its tokens and NOPs are replaced.
// CHECK-LABEL: vta.program @copy launches 2 {
// CHECK-NEXT:    vta.load "ACC" dram 64 y 1 x 4 stride 4 push_next
// CHECK-NEXT:    vta.store dram 1024 y 1 x 4 stride 4 pop_prev push_prev
// CHECK-NEXT:    vta.finish pop_next
// CHECK-NEXT:  }
vta.program @copy launches 2 {
  vta.nop "store" push_prev
  vta.load "ACC" dram 64 y 1 x 4 stride 4 pop_next push_next
  vta.store dram 1024 y 1 x 4 stride 4 pop_prev push_prev
  vta.nop "compute" pop_next
  vta.finish
}
task.graph @copy_tasks attributes {vta.program = @copy} {
  %0 = task.run @compute "load" cycles 66 {vta.insn = 1 : i64}
  %1 = task.run @store "store" after(%0) cycles 66 {vta.insn = 2 : i64}
  %2 = task.run @compute "finish" after(%1) cycles 2 {vta.insn = 4 : i64}
}
