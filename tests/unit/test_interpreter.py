"""Host IR that launches task graphs, in xDSL's interpreter."""

import pytest
from xdsl.dialects.arith import Arith
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import Func
from xdsl.interpreter import Interpreter
from xdsl.interpreters.arith import ArithFunctions
from xdsl.interpreters.func import FuncFunctions
from xdsl.utils.exceptions import VerifyException

from tests.ir_text import parse
from wlm_dialect.dialects.task import LaunchOp
from wlm_dialect.errors import SimulationError
from wlm_dialect.runtime.interpreter import TaskFunctions

HOST = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @a {
    %l = task.run @dma0 "load" cycles 310
    task.run @dpu0 "conv" after(%l) cycles 40
  }
  task.graph @b {
    task.run @dma0 "load" cycles 7
  }
  func.func @main() -> i64 {
    %x = task.launch @a
    %y = task.launch @b
    %sum = arith.addi %x, %y : i64
    func.return %sum : i64
  }
}
"""


def interpreter_of(module: ModuleOp, tasks: TaskFunctions) -> Interpreter:
    interpreter = Interpreter(module)
    for functions in (FuncFunctions(), ArithFunctions(), tasks):
        interpreter.register_implementations(functions)
    return interpreter


def test_launches_run_one_after_the_other_and_their_ticks_add_up() -> None:
    tasks = TaskFunctions()
    assert interpreter_of(parse(HOST, Arith, Func), tasks).call_op("main", ()) == (310 + 40 + 7,)
    assert [(r.program.name, r.makespan) for r in tasks.results] == [("a", 350), ("b", 7)]


def test_options_reach_the_simulator() -> None:
    with pytest.raises(SimulationError, match=r"task\.launch @a ended with limit"):
        interpreter_of(parse(HOST, Arith, Func), TaskFunctions(limit=100)).call_op("main", ())


def test_launch_needs_a_graph_of_that_name() -> None:
    with pytest.raises(VerifyException, match=r"task\.launch @c: the module has no such task\.graph"):
        parse(HOST.replace("launch @b", "launch @c"), Arith, Func)
    with pytest.raises(VerifyException, match=r"task\.launch @main: the module has no such task\.graph"):
        parse(HOST.replace("launch @b", "launch @main"), Arith, Func)


def test_a_launch_built_in_python_prints_like_a_parsed_one() -> None:
    module = parse(HOST, Arith, Func)
    parsed = [op for op in module.walk() if isinstance(op, LaunchOp)][1]
    assert LaunchOp("b").is_structurally_equivalent(parsed)
    assert LaunchOp("b").target() is None
