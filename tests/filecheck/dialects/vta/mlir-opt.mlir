// The generic form is what mlir-opt reads; it comes back from there unchanged, but for the names of values.
// REQUIRES: mlir-opt
// RUN: wlm-opt %S/ops.mlir --print-op-generic | mlir-opt --allow-unregistered-dialect --mlir-print-op-generic > %t.1
// RUN: wlm-opt %t.1 | wlm-opt --print-op-generic | mlir-opt --allow-unregistered-dialect --mlir-print-op-generic > %t.2
// RUN: diff %t.1 %t.2
