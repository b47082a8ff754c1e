// RUN: wlm-opt %s --machine %S/Inputs/pool.toml -p "wlm-insert-fetches{slots=halves}" | filecheck %s

// The tasks of a pool end in any order: a fetch comes after all tasks of the group that had its slots.
// CHECK-LABEL: task.graph @net {
// CHECK-DAG:     %[[a:.*]] = task.run @shave0 "a" cycles 100
// CHECK-DAG:     %[[b:.*]] = task.run @shave0 "b" cycles 100
// CHECK-DAG:     %[[c:.*]] = task.run @shave0 "c" cycles 100
// CHECK-DAG:     mgmt_dma.fetch @shave0 [3 to 5) slots [0 to 2) on @{{.*}} after(%[[a]])
// CHECK-DAG:     %[[d:.*]] = task.run @shave0 "d" cycles 100
// CHECK-DAG:     mgmt_dma.fetch @shave0 [5 to 6) slots [2 to 3) on @{{.*}} after(%[[b]], %[[c]])
task.graph @net {
  task.run @shave0 "a" cycles 100
  task.run @shave0 "b" cycles 100
  task.run @shave0 "c" cycles 100
  task.run @shave0 "d" cycles 100
  task.run @shave0 "e" cycles 100
  task.run @shave0 "f" cycles 100
}
