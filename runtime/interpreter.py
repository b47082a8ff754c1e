"""xDSL interpreter plug-in: host code that launches task graphs runs with the graphs in the simulator.

interpreter = Interpreter(module)
interpreter.register_implementations(FuncFunctions())
interpreter.register_implementations(TaskFunctions())
(ticks,) = interpreter.call_op("main", ())
"""

from typing import Any

from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from wlm_dialect.dialects.task import GraphOp, LaunchOp
from wlm_dialect.errors import SimulationError
from wlm_dialect.program import decode
from wlm_dialect.runtime.result import FINISHED, RunResult
from wlm_dialect.runtime.run import run


@register_impls
class TaskFunctions(InterpreterFunctions):
    """Implements `task.launch`. Options are those of `wlm_dialect.runtime.run.run`.

    `results` holds the run of every launch, in order. A graph is decoded and run once per launch: nothing is cached,
    so host code that rewrites a graph between launches sees the change.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options
        self.results: list[RunResult] = []

    @impl(LaunchOp)
    def launch(self, interpreter: Interpreter, op: LaunchOp, args: PythonValues) -> PythonValues:
        """The makespan in ticks; SimulationError if the graph does not finish."""
        graph = op.target()
        assert isinstance(graph, GraphOp), "the verifier has seen to it"
        result = run(decode(graph), **self.options)
        self.results.append(result)
        if result.outcome != FINISHED:
            reason = f": {result.hazard.text}" if result.hazard is not None else ""
            raise SimulationError(f"task.launch @{graph.sym_name.data} ended with {result.outcome}{reason}")
        return (result.makespan,)
