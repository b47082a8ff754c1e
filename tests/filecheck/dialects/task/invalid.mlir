// RUN: wlm-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: task.run: cycles is 0 but must be at least 1
task.graph @net { task.run @dma0 "a" cycles 0 }

// -----
// CHECK: task.run: slots is 0 but must be at least 1
task.graph @net { task.run @dma0 "a" cycles 1 slots 0 }

// -----
// CHECK: task.run: bytes is -1 but must be at least 0
task.graph @net { task.run @dma0 "a" cycles 1 bytes -1 }

// -----
// CHECK: buffer 'x': memory is 'sram' but must be ddr or cmx
task.graph @net { %b = task.buffer "x" sram input size 1 }

// -----
// CHECK: buffer 'x': a cmx buffer has a tile, a ddr buffer has none
"task.graph"() <{sym_name = "net"}> ({
  %b = "task.buffer"() <{label = "x", memory = "cmx", role = "input", size = 1 : i64}> : () -> !task.buffer
}) : () -> ()

// -----
// CHECK: buffer 'x': role is 'weights' but must be one of input, output, constant, scratch
task.graph @net { %b = task.buffer "x" ddr weights size 1 }

// -----
// CHECK: task.buffer: size is 0 but must be at least 1
task.graph @net { %b = task.buffer "x" ddr input size 0 }

// -----
// CHECK: task.buffer: address is -4 but must be at least 0
task.graph @net { %b = task.buffer "x" ddr input size 4 address -4 }

// -----
// CHECK: task.buffer: tile is -1 but must be at least 0
task.graph @net { %b = task.buffer "x" cmx -1 input size 4 }

// -----
// CHECK: task.view: offset is -1 but must be at least 0
task.graph @net {
  %b = task.buffer "x" ddr input size 4
  %v = task.view %b offset -1 size 1
}

// -----
// CHECK: task.view: size is 0 but must be at least 1
task.graph @net {
  %b = task.buffer "x" ddr input size 4
  %v = task.view %b offset 0 size 0
}

// -----
// CHECK: phase is 'late' but must be one of graph, virtual, physical, managed
task.graph @net phase late { task.run @dma0 "a" cycles 1 }

// -----
// CHECK: a graph has a mode exactly if its phase is managed
task.graph @net phase managed { task.run @dma0 "a" cycles 1 }

// -----
// CHECK: a graph has a mode exactly if its phase is managed
task.graph @net mode full { task.run @dma0 "a" cycles 1 }

// -----
// CHECK: mode is 'fast' but must be one of firmware, partial, full
task.graph @net phase managed mode fast { task.run @dma0 "a" cycles 1 }

// -----
// CHECK: format 2, but this version reads format 1
task.graph @net format 2 { task.run @dma0 "a" cycles 1 }

// -----
// CHECK: task.run in @net uses 'late' before it is defined: program order must be a valid order of execution [H7]
task.graph @net {
  task.run @dpu0 "conv" after(%late) cycles 1
  %late = task.run @dma0 "load" cycles 1
}

// -----
// CHECK: task.launch @other: the module has no such task.graph
task.graph @net { task.run @dma0 "a" cycles 1 }
%t = task.launch @other
