// RUN: WLM_ROUNDTRIP
// RUN: WLM_GENERIC_ROUNDTRIP

builtin.module attributes {wlm.machine = "tiny"} {
// CHECK:       task.graph @net format 1 attributes {author = "me"} {
// CHECK-NEXT:    %in = task.buffer "image" ddr input size 602112
// CHECK-NEXT:    %rows = task.view %in offset 0 size 301056
// CHECK-NEXT:    %w = task.buffer "conv1.w" cmx 0 scratch size 4096 address 65536
// CHECK-NEXT:    %a = task.run @dma0 "load" reads(%rows) writes(%w) cycles 310 bytes 4096
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "conv1" after(%a) reads(%w) cycles 4200 slots 4 {layer = "x"}
// CHECK-NEXT:  }
// CHECK-GENERIC:       "task.graph"() <{sym_name = "net", format = 1 : i64}> ({
// CHECK-GENERIC-NEXT:    %in = "task.buffer"() <{label = "image", memory = "ddr", role = "input", size = 602112 : i64}> : () -> !task.buffer
// CHECK-GENERIC-NEXT:    %rows = "task.view"(%in) <{offset = 0 : i64, size = 301056 : i64}> : (!task.buffer) -> !task.buffer
// CHECK-GENERIC-NEXT:    %w = "task.buffer"() <{label = "conv1.w", memory = "cmx", tile = 0 : i64, role = "scratch", size = 4096 : i64, address = 65536 : i64}> : () -> !task.buffer
// CHECK-GENERIC-NEXT:    %a = "task.run"(%rows, %w) <{engine = @dma0, label = "load", cycles = 310 : i64, bytes = 4096 : i64, operandSegmentSizes = array<i32: 0, 1, 1, 0, 0>}> : (!task.buffer, !task.buffer) -> !task.token
task.graph @net format 1 attributes {author = "me"} {
  %in = task.buffer "image" ddr input size 602112
  %rows = task.view %in offset 0 size 301056
  %w = task.buffer "conv1.w" cmx 0 scratch size 4096 address 65536
  %a = task.run @dma0 "load" reads(%rows) writes(%w) cycles 310 bytes 4096
  task.run @dpu0 "conv1" after(%a) reads(%w) cycles 4200 slots 4 {layer = "x"}
}

// CHECK:       task.graph @virtual phase virtual {
// CHECK-NEXT:    %v = barrier.declare
// CHECK-NEXT:    %t = barrier.declare tail
// CHECK-NEXT:    %{{.*}} = task.run @dma0 "a \22quoted\22 name" updates(%v) cycles 1
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" waits(%v) updates(%t) cycles 1
task.graph @virtual phase virtual {
  %v = barrier.declare
  %t = barrier.declare tail
  task.run @dma0 "a \"quoted\" name" updates(%v) cycles 1
  task.run @dpu0 "b" waits(%v) updates(%t) cycles 1
}

// CHECK:       %ticks = task.launch @net {note = 1 : i64}
// CHECK-GENERIC: %ticks = "task.launch"() <{graph = @net}> {note = 1 : i64} : () -> i64
%ticks = task.launch @net {note = 1 : i64}
}
