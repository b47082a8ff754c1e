task.graph @pipeline {
  %l0 = task.run @load "tile 0" cycles 290
  %g0 = task.run @compute "gemm 0" after(%l0) cycles 260
  %l1 = task.run @load "tile 1" cycles 290
  %g1 = task.run @compute "gemm 1" after(%l0, %l1) cycles 260
  %l2 = task.run @load "tile 2" after(%g0) cycles 290
  %g2 = task.run @compute "gemm 2" after(%l2) cycles 260
  %s = task.run @store "result" after(%g0, %g2) cycles 130
  %n = task.run @load "result again" after(%s) cycles 100
}
