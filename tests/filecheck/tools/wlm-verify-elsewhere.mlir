// A schedule that no pass made is checked as it stands, and all its faults are listed.
// RUN: not wlm verify %S/../../../examples/elsewhere.mlir | filecheck %s
// CHECK: @dump: refuted
// CHECK: 'last' on dma0 may end before the tail b5#1 is armed{{.*}}[H2]
// CHECK: not replayed: no run that was tried shows it before another fault stops the machine
// CHECK: 'program 2 barriers' on dma1 may push b0#2 while its FIFO still holds 1{{.*}}[H3]
// CHECK: replayed: H3 at tick 20
// CHECK: 'program 2 barriers' on dma1 may push b1#2 while its FIFO still holds 1{{.*}}[H3]
// CHECK: 'last' on dma0 may start before 'log' on dma1 ends{{.*}}[H8]
// The faults before it are kept from showing: both stop a run earlier.
// CHECK-NEXT: replayed: H8 at tick 1,280
// CHECK-NEXT: no timing breaks these before the above:

// The generic form, as other tools of MLIR write it, says the same.
// RUN: wlm-opt --print-op-generic %S/../../../examples/elsewhere.mlir -o %t.mlir
// RUN: not wlm verify %t.mlir | filecheck %s --check-prefix GENERIC
// GENERIC: @dump: refuted
// GENERIC: [H2]
// GENERIC: [H8]
