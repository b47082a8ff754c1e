// RUN: WLM_ROUNDTRIP
// RUN: WLM_GENERIC_ROUNDTRIP

// CHECK:       task.graph @net phase physical {
// CHECK-NEXT:    %v = barrier.configure 7 producers 1 consumers 4
// CHECK-NEXT:    %w = barrier.configure 7 producers 2 consumers 0 irq "over"
// CHECK-NEXT:    %t = barrier.configure 63 producers 1 consumers 0 tail irq "lifted" {note = "x"}
// CHECK-NEXT:    %d = barrier.declare {note = "y"}
// CHECK-GENERIC:      %v = "barrier.configure"() <{id = 7 : i64, producers = 1 : i64, consumers = 4 : i64}> : () -> !barrier.barrier
// CHECK-GENERIC-NEXT: %w = "barrier.configure"() <{id = 7 : i64, producers = 2 : i64, consumers = 0 : i64, irq = "over"}> : () -> !barrier.barrier
// CHECK-GENERIC-NEXT: %t = "barrier.configure"() <{id = 63 : i64, producers = 1 : i64, consumers = 0 : i64, tail, irq = "lifted"}> {note = "x"} : () -> !barrier.barrier
// CHECK-GENERIC-NEXT: %d = "barrier.declare"() {note = "y"} : () -> !barrier.barrier
task.graph @net phase physical {
  %v = barrier.configure 7 producers 1 consumers 4
  %w = barrier.configure 7 producers 2 consumers 0 irq "over"
  %t = barrier.configure 63 producers 1 consumers 0 tail irq "lifted" {note = "x"}
  %d = barrier.declare {note = "y"}
}
