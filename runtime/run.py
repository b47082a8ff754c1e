"""Run a program on the model of the machine."""

from wlm_dialect.errors import SimulationError
from wlm_dialect.program import Program
from wlm_dialect.runtime.boot import bootstrap_ticks
from wlm_dialect.runtime.compiled import available
from wlm_dialect.runtime.conflicts import as_virtual
from wlm_dialect.runtime.events_run import run_events, with_race
from wlm_dialect.runtime.hazards import check_counts
from wlm_dialect.runtime.maxplus import Plan, Times, plan
from wlm_dialect.runtime.maxplus_run import run_sweep
from wlm_dialect.runtime.options import Options
from wlm_dialect.runtime.result import FINISHED, RunResult
from wlm_dialect.runtime.tables import Prepared, prepare
from wlm_dialect.runtime.timing import Timing, check_timing

COMPILE_FROM = 50_000  # tasks; below, loading compiled code takes longer than the run


def run(
    program: Program,
    *,
    timing: Timing | None = None,
    engine: str = "auto",
    compiled: bool | None = None,
    limit: int | None = None,
    repeat: int = 1,
    ties: int = 0,
    counts: bool = True,
) -> RunResult:
    """Execute `program` until it ends, breaks a rule, is stuck or passes tick `limit`.

    A managed program runs as its machine manages it. In the phases before, management is free: a graph or virtual
    program has unlimited barriers, a physical one arms an instance the tick its predecessor is over.
    `engine` is "events", "maxplus" (SimulationError where it does not apply) or "auto"; `compiled` asks for numba.
    `repeat` runs the program again from its end state. `ties` permutes what happens in the same phase of a tick; a safe
    program does not notice. `counts` False skips the check of configured counts (H9) before the run.
    """
    options = Options(engine, compiled, limit, repeat, ties, counts)
    options.check()
    return run_prepared(program, prepare_run(program, timing), options)


def prepare_run(program: Program, timing: Timing | None = None) -> Prepared:
    """The tables `run_prepared` needs; worth keeping when a program runs many times."""
    if timing is not None:
        check_timing(program, timing)
    return prepare(as_virtual(program) if program.phase == "graph" else program, timing)


def run_prepared(program: Program, ready: Prepared, options: Options) -> RunResult:
    """`run` of a program whose tables are there already."""
    compiled = options.compiled
    if compiled is None:
        compiled = len(program) >= COMPILE_FROM and available()
    compiled = compiled and ready.fits
    hazard = check_counts(program) if options.counts and program.phase in ("physical", "managed") else None
    if hazard is None and options.engine != "events":
        made = _plan(ready, options)
        if isinstance(made, Plan):
            times = run_sweep(ready, made, compiled)
            if times is not None and (options.limit is None or int(times.end.max(initial=0)) <= options.limit):
                return _swept(program, ready, times, compiled)
        elif options.engine == "maxplus":
            raise SimulationError(f"@{program.name} cannot run by max-plus sweep: {made}; use engine events or auto")
    return run_events(program, ready, options, compiled, hazard)


def _plan(ready: Prepared, options: Options) -> Plan | str:
    if options.repeat > 1:
        return "a sweep has no end state to run again from"
    if not options.counts:
        return "a sweep trusts the counts of barriers"
    return ready.plan(plan)


def _swept(program: Program, ready: Prepared, times: Times, compiled: bool) -> RunResult:
    instances = slice(None) if program.phase != "graph" else slice(0, 0)
    tail = program.barriers.tail
    result = RunResult(
        program=program,
        outcome=FINISHED,
        makespan=int(times.lifted[tail]) if tail >= 0 else int(times.end.max(initial=0)),
        bootstrap=bootstrap_ticks(program),
        enqueued=times.enqueued,
        head=times.head,
        start=times.start,
        end=times.end,
        armed=times.armed[instances],
        lifted=times.lifted[instances],
        over=times.over[instances],
        events=len(program),
        engine_of_execution="maxplus+numba" if compiled else "maxplus",
    )
    return with_race(result, ready)
