"""The embedding surface: load, compile, run, verify, compare. Tools can do nothing that this module cannot."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from wlm_dialect.dialects.task import MODES
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel, load_machine
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.checker.orders import require_orders, required_orders
from wlm_dialect.passes.choices import parse_mode, split_modes
from wlm_dialect.passes.insert_dependences import InsertDependencesPass
from wlm_dialect.passes.limit_barriers import LimitBarriersPass
from wlm_dialect.passes.pipelines import PIPELINES, barriers, build
from wlm_dialect.passes.place_pages import PlacePagesPass
from wlm_dialect.passes.verify_phase import VerifyPhasePass
from wlm_dialect.program import Kind, Program, encode_module

if TYPE_CHECKING:
    from wlm_dialect.frontends.numbers import Numbers
    from wlm_dialect.passes.vta.explain import Explanation
    from wlm_dialect.passes.vta.findings import VtaVerdict
    from wlm_dialect.program.vta import VtaProgram
    from wlm_dialect.runtime.report import Report
    from wlm_dialect.runtime.result import RunResult
    from wlm_dialect.runtime.vta.costs import Costs
    from wlm_dialect.runtime.vta.result import VtaResult
    from wlm_dialect.runtime.vta.timing import VtaTimes
    from wlm_dialect.runtime.witness import Stress
    from wlm_dialect.verification import Verification

UNMANAGED = "none"
"""In place of a mode: barriers, but nobody who manages them."""

__all__ = [
    "MODES",
    "Compiled",
    "Stage",
    "barrier_stats",
    "compare",
    "compile_program",
    "dump_graph",
    "load",
    "load_numbers",
    "machine",
    "network_names",
    "pipeline",
    "read_constants",
    "report",
    "run",
    "sample_inputs",
    "split_modes",
    "stress",
    "verify",
    "vta_check",
    "vta_explain",
    "vta_graph",
    "vta_load",
    "vta_lower",
    "vta_run",
    "vta_split",
    "vta_time",
    "write_constants",
]


@dataclass(frozen=True)
class Stage:
    """What one pass did: its specification, seconds of CPU time, and what there is after it. A pass that repairs shows
    what that costs as more joins and waits than before it."""

    name: str
    seconds: float
    tasks: int
    barriers: int
    joins: int  # SYNC DMAs
    waits: int  # of all tasks on all barriers


@dataclass(frozen=True, eq=False)
class Compiled:
    """A graph and the managed program made from it."""

    graph: Program
    program: Program
    stages: tuple[Stage, ...]

    @property
    def module(self) -> ModuleOp:
        """The managed program as IR, machine included."""
        return encode_module(self.program)


def machine(spec: str | MachineModel) -> MachineModel:
    """A machine by name, from a TOML file, or as it is."""
    return load_machine(spec) if isinstance(spec, str) else spec


def network_names() -> tuple[str, ...]:
    """Short names of the networks that ship with the `onnx` package."""
    from wlm_dialect import frontends

    return tuple(frontends.network_names())


def load(source: str, on: str | MachineModel, **options: Any) -> Program:
    """A network (short name, ONNX file), a JSON task graph or IR as a program on machine `on`.

    Options are those of `wlm_dialect.frontends.load`: shapes, unknown_ops, durations.
    """
    from wlm_dialect import frontends

    return frontends.load(source, machine(on), **options)


def load_numbers(source: str, on: str | MachineModel, **options: Any) -> "Numbers":
    """A network with its numbers: the program says what its tasks compute, constants and model come along.

    Options are those of `wlm_dialect.frontends.numbers.load_numbers`: shapes, seed.
    """
    from wlm_dialect.frontends import numbers

    return numbers.load_numbers(source, machine(on), **options)


def write_constants(numbers: "Numbers", path: str) -> Program:
    """Write the constants of a network to a .npz file; its program, which names the file and its hash."""
    from pathlib import Path

    from wlm_dialect.frontends import constants_file

    return constants_file.write_constants(numbers.program, numbers.constants, Path(path))


def read_constants(program: Program, folder: str) -> dict[str, Any]:
    """The constants that a program names, from its file in `folder`."""
    from pathlib import Path

    from wlm_dialect.frontends import constants_file

    return dict(constants_file.read_constants(program, Path(folder)))


def sample_inputs(program: Program, seed: int, model: Any = None) -> dict[str, Any]:
    """Seeded random inputs of a program with a payload; `model`, if it wants integers somewhere."""
    from wlm_dialect.frontends import samples

    return dict(samples.sample_inputs(program, seed, model))


def dump_graph(graph: Program) -> str:
    """A graph as a JSON task graph (docs/frontends.md), which `load` reads back."""
    from wlm_dialect.frontends.json_graph import dump_json

    return dump_json(graph)


def pipeline(mode: str) -> tuple[ModulePass, ...]:
    """The passes of a mode, say `full` or `full{policy=pages}`; ScheduleError with a suggestion if there is no such."""
    return build(mode)


def compile_program(
    graph: Program, mode: str, passes: Sequence[ModulePass] | None = None, *, validate: bool = False
) -> Compiled:
    """Lower a graph (phase graph) to a managed program, on flat arrays, without IR in between.

    `passes` replaces the pipeline of the mode. `validate` sees after each pass that all orders the graph requires still
    hold. Raises ScheduleError where a pass cannot do its work, or lost an order.
    """
    program = graph
    stages: list[Stage] = []
    orders = required_orders(graph) if validate else None
    for step in pipeline(mode) if passes is None else passes:
        began = time.process_time()
        if not isinstance(step, ProgramPass):
            raise ScheduleError(f"pass {step.name} does not work on programs; use wlm-opt")
        program = step.run(program)
        seconds = time.process_time() - began
        joins = int((program.kind == Kind.SYNC).sum())
        stages.append(Stage(str(step), seconds, len(program), len(program.barriers), joins, len(program.waits.index)))
        if orders is not None:
            require_orders(orders, program, step.name)
    return Compiled(graph, program, tuple(stages))


def run(program: Program, **options: Any) -> "RunResult":
    """Execute a program of any phase on the model of its machine. Options are those of `wlm_dialect.runtime.run.run`.

    A graph runs with unlimited barriers and no management: the ideal that modes are measured against.
    """
    from wlm_dialect.runtime.run import run as execute

    return execute(program, **options)


def report(result: "RunResult", ideal: "RunResult | None" = None, *, what_if: bool = False) -> "Report":
    """What a run cost and why: utilisation, stalls, traffic, critical path, where the ticks went.

    With the run of the graph (`ideal`) it says what the delay comes from; `what_if` runs the program again with each
    class of management cost at its minimum.
    """
    from wlm_dialect.runtime.report import make_report

    return make_report(result, ideal, free=what_if)


def stress(program: Program, runs: int, *, seed: int = 0, repeat: int = 2) -> "Stress":
    """Runs under timings of every kind, with races by happens-before and a look at the end state."""
    from wlm_dialect.runtime.witness import stress as witness

    return witness(program, runs, seed=seed, repeat=repeat)


def verify(program: Program, *, replays: int = 20) -> "Verification":
    """Prove a managed program safe for every timing, or show by runs (of the first `replays` findings) how it fails."""
    from wlm_dialect.verification import verify as decide

    return decide(program, replays=replays)


def barrier_stats(program: Program, mode: str = "none", policy: str = "chains") -> dict[str, Any]:
    """What barriers a program needs and what their number costs, as plain values; times are ticks, management free.

    A graph is lowered until its barriers are bound by `policy`, as in `mode` or, for "none", without any management; a
    program with virtual barriers is bound; any other is described as it is. `stages` has a row per pass but
    checks, the source first; the rest is described in `wlm_dialect.passes.analysis.barrier_stats`.
    """
    from wlm_dialect.passes.analysis.barrier_stats import barrier_stats as figures

    steps = _until_bound(mode, policy)
    if program.phase != "graph":
        steps = steps[-1:] if program.phase == "virtual" else ()
    stages = [{"pass": "", "tasks": len(program), "barriers": len(program.barriers)}]
    bound, wanted = program, program
    for step in steps:
        if wanted is program and isinstance(step, LimitBarriersPass | AssignBarriersPass):
            wanted = bound  # as it would be with barriers enough
        bound = step.run(bound)
        if isinstance(step, VerifyPhasePass):
            continue
        stages.append({"pass": str(step), "tasks": len(bound), "barriers": len(bound.barriers)})
    graph = program if program.phase == "graph" else None
    return {"program": program.name, "machine": program.machine.name, "stages": stages, **figures(bound, wanted, graph)}


def _until_bound(mode: str, policy: str) -> tuple[ProgramPass, ...]:
    """The passes of a mode up to the one that binds barriers."""
    if mode == UNMANAGED:
        return (InsertDependencesPass(), *_program_passes(barriers()), AssignBarriersPass("firmware", policy))
    name, choices = parse_mode(mode, (*PIPELINES, UNMANAGED))
    steps = _program_passes(PIPELINES[name](replace(choices, policy=policy)))
    last = next(n for n, step in enumerate(steps) if isinstance(step, AssignBarriersPass | PlacePagesPass))
    return steps[: last + 1]


def _program_passes(steps: Sequence[ModulePass]) -> tuple[ProgramPass, ...]:
    return tuple(step for step in steps if isinstance(step, ProgramPass))


def vta_load(folder: str) -> "VtaProgram":
    """A VTA program from a folder with a program.json (docs/vta.md)."""
    from wlm_dialect.program.vta import read_folder

    return read_folder(folder)


def vta_run(program: "VtaProgram", **options: Any) -> "VtaResult":
    """Execute a VTA program, bit-exact with its simulator. Options are those of `wlm_dialect.runtime.vta.run.run`."""
    from wlm_dialect.runtime.vta.run import run as execute

    return execute(program, **options)


def vta_check(program: "VtaProgram", **options: Any) -> "VtaVerdict":
    """Prove a VTA program's tokens right for every timing, or refute them. Options: `passes.vta.check.check`."""
    from wlm_dialect.passes.vta.check import check as prove

    return prove(program, **options)


def vta_explain(program: "VtaProgram", *, fragment: bool = False) -> "Explanation":
    """What each token of a VTA program is for; `passes.vta.story.tell` makes paragraphs of it."""
    from wlm_dialect.passes.vta.explain import explain

    return explain(program, fragment=fragment)


def vta_time(program: "VtaProgram", hardware: str = "sim", **options: Any) -> "VtaTimes":
    """Execute a VTA program in time, with the queues of `hardware`. Options: `runtime.vta.timing.run_timing`."""
    from wlm_dialect.program.vta.hardware import find_hardware
    from wlm_dialect.runtime.vta.timing import run_timing

    return run_timing(program, find_hardware(hardware), **options)


def vta_graph(
    program: "VtaProgram",
    dependences: Literal["tokens", "data"] = "tokens",
    *,
    model: str | MachineModel = "vta",
    costs: "Costs | None" = None,
) -> Program:
    """A VTA program as a task graph: what its tokens order, or only what its data need. Durations are `costs`."""
    from wlm_dialect.passes.vta.graph import graph_of
    from wlm_dialect.runtime.vta.costs import Costs

    return graph_of(program, (costs or Costs()).durations(program), machine(model), dependences)


def vta_lower(graph: Program, source: "VtaProgram | None" = None, **options: Any) -> "VtaProgram":
    """A task graph as a VTA program with the fewest tokens; tasks of `vta_graph` become instructions of `source` again.

    Options: `passes.vta.lower.lower`.
    """
    from wlm_dialect.passes.vta.lower import lower

    return lower(graph, source, **options).program


def vta_split(program: "VtaProgram", contexts: int = 2, **options: Any) -> "VtaProgram":
    """A VTA program with virtual threads, the same outputs byte for byte. Options: `passes.vta.contexts.split`."""
    from wlm_dialect.passes.vta.contexts import split

    return split(program, contexts, **options).program


Progress = Callable[[str], None]


def compare(
    networks: Iterable[str],
    machines: Iterable[str | MachineModel],
    modes: Iterable[str] = MODES,
    *,
    progress: Progress | None = None,
    what_if: bool = False,
    **options: Any,
) -> list[dict[str, Any]]:
    """One row per network, machine and mode: what management costs there.

    A row whose program cannot be lowered or is not proved has no figures (None), and says why in `error`. Times are
    ticks; tasks count management, virtual barriers are instances. `ideal`: same order and durations, original
    dependences, no management; `bound`: the longer of critical path and busiest engine. `why` has the causes of the
    makespan and of its delay against ideal (docs/why.md), with `what_if` what each class of cost at its minimum would
    save. `progress` is called with the name of each row before it is made.
    """
    from wlm_dialect.runtime.ideal import ideal

    models = [machine(m) for m in machines]
    names, wanted = list(networks), list(modes)
    rows: list[dict[str, Any]] = []
    for name in names:
        for model in models:
            graph = load(name, model, **options)
            free = ideal(graph)
            base = _base_row(name, graph, free)
            for mode in wanted:
                if progress is not None:
                    progress(f"{name} {model.name} {mode}")
                rows.append({**base, **_mode_row(graph, free, mode, what_if)})
    return rows


def _base_row(name: str, graph: Program, free: "RunResult") -> dict[str, Any]:
    from wlm_dialect.runtime.ideal import bound

    buffers = graph.buffers
    in_cmx = buffers.memory >= 0
    return {
        "network": name,
        "machine": graph.machine.name,
        "ideal": free.makespan,
        "bound": bound(graph),
        "peak_cmx": int((buffers.address + buffers.offset + buffers.size)[in_cmx].max(initial=0)),
    }


_FIGURES = (
    "tasks",
    "virtual_barriers",
    "makespan",
    "bootstrap",
    "interrupts",
    "refills",
    "management_dmas",
    "management_bytes",
    "stalls",
    "why",
)


def _mode_row(graph: Program, free: "RunResult", mode: str, what_if: bool) -> dict[str, Any]:
    from wlm_dialect.runtime.report_data import why_dict

    try:
        compiled = compile_program(graph, mode)
    except ScheduleError as error:
        # one combination that cannot be lowered must not cost the others their row
        verdict = {2: "refuted", 3: "undecided"}.get(error.exit_code, "failed")
        nothing = dict.fromkeys(_FIGURES)
        return {"mode": mode, **nothing, "hazards": 0, "deadlock": False, "verdict": verdict, "error": str(error)}
    result = run(compiled.program)
    costs = report(result, free, what_if=what_if)
    return {
        "mode": mode,
        "tasks": len(compiled.program),
        "virtual_barriers": len(compiled.program.barriers),
        "makespan": result.makespan,
        "bootstrap": result.bootstrap,
        "hazards": 0 if result.hazard is None else 1,
        "deadlock": result.outcome == "deadlock",
        "verdict": verify(compiled.program).status,
        "interrupts": result.interrupts,
        "refills": costs.refills,
        "management_dmas": sum(t.count for t in costs.traffic),
        "management_bytes": sum(t.bytes for t in costs.traffic),
        "stalls": costs.stalls,
        "why": why_dict(costs),
        "error": None,
    }
