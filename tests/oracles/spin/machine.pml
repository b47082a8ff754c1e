/* The machine of design section 3 for SPIN, driven by tables (machine.h): one option per start, end and firmware step.
 * Compiled once; each schedule is read from the file that WLM_SCHEDULE names. */
c_decl {
\#include "machine.h"
}
c_state "Machine m" "Global"

#define S(t) :: atomic { c_expr { now.m.may_start[t] } -> c_code { start(&now.m, t); } }
#define E(t) :: atomic { c_expr { now.m.may_end[t] } -> c_code { end(&now.m, t); } }
#define TEN(X, n) X(n) X(n + 1) X(n + 2) X(n + 3) X(n + 4) X(n + 5) X(n + 6) X(n + 7) X(n + 8) X(n + 9)

active proctype machine() {
  c_code { boot(&now.m); };
  do
  :: c_expr { now.m.bad } -> assert(false)
  :: c_expr { now.m.done && !now.m.bad } -> break
  TEN(S, 0) TEN(S, 10) TEN(S, 20) TEN(S, 30)
  TEN(E, 0) TEN(E, 10) TEN(E, 20) TEN(E, 30)
  :: atomic { c_expr { now.m.may_serve } -> c_code { firmware(&now.m); } }
  od
}
