// RUN: not wlm-opt %s --machine tiny -p wlm-verify-phase{phase=virtual} 2>&1 | filecheck %s

// CHECK:      wlm-opt: error: in pass 'wlm-verify-phase': @net: task 't0' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't1' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't2' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't3' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't4' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't5' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't6' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't7' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't8' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't9' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't10' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't11' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't12' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't13' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't14' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't15' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't16' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't17' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't18' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: task 't19' has dependences (after), but from phase virtual on barriers order tasks
// CHECK-NEXT: and 3 more
task.graph @net phase virtual {
  %a = task.run @dma0 "a" cycles 3
  %t0 = task.run @dma0 "t0" after(%a) cycles 1
  %t1 = task.run @dma0 "t1" after(%a) cycles 1
  %t2 = task.run @dma0 "t2" after(%a) cycles 1
  %t3 = task.run @dma0 "t3" after(%a) cycles 1
  %t4 = task.run @dma0 "t4" after(%a) cycles 1
  %t5 = task.run @dma0 "t5" after(%a) cycles 1
  %t6 = task.run @dma0 "t6" after(%a) cycles 1
  %t7 = task.run @dma0 "t7" after(%a) cycles 1
  %t8 = task.run @dma0 "t8" after(%a) cycles 1
  %t9 = task.run @dma0 "t9" after(%a) cycles 1
  %t10 = task.run @dma0 "t10" after(%a) cycles 1
  %t11 = task.run @dma0 "t11" after(%a) cycles 1
  %t12 = task.run @dma0 "t12" after(%a) cycles 1
  %t13 = task.run @dma0 "t13" after(%a) cycles 1
  %t14 = task.run @dma0 "t14" after(%a) cycles 1
  %t15 = task.run @dma0 "t15" after(%a) cycles 1
  %t16 = task.run @dma0 "t16" after(%a) cycles 1
  %t17 = task.run @dma0 "t17" after(%a) cycles 1
  %t18 = task.run @dma0 "t18" after(%a) cycles 1
  %t19 = task.run @dma0 "t19" after(%a) cycles 1
  %t20 = task.run @dma0 "t20" after(%a) cycles 1
  %t21 = task.run @dma0 "t21" after(%a) cycles 1
  %t22 = task.run @dma0 "t22" after(%a) cycles 1
}
