// RUN: wlm-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK: barrier id is -1 but must be at least 0 [H9]
task.graph @net phase physical { %v = barrier.configure -1 producers 1 consumers 1 }

// -----
// CHECK: barrier 3 is configured with 0 producers but needs at least one: nothing else can lift it [H7]
task.graph @net phase physical { %v = barrier.configure 3 producers 0 consumers 1 }

// -----
// CHECK: barrier 3: consumers is -1 but at least 0 [H9]
task.graph @net phase physical { %v = barrier.configure 3 producers 1 consumers -1 }

// -----
// CHECK: irq is 'always' but must be one of over, lifted
task.graph @net phase physical { %v = barrier.configure 3 producers 1 consumers 1 irq "always" }
