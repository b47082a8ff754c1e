"""How fast the simulators are, against bare loops on the same program in the same process.

CPU seconds, least of several runs. "loop" is the loop alone on tables that are there already, as the bare loops have
theirs; "run" is everything from a `Program` to a `RunResult`. Bytes are the growth of the resident set in a process
that only reads the program and runs it.
"""

import argparse
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import bare
import generate
from command_line import Arguments, at_least, tool, write_json

from wlm_dialect.program import Program
from wlm_dialect.runtime import compiled as compiled_loop
from wlm_dialect.runtime import loop
from wlm_dialect.runtime import state as k
from wlm_dialect.runtime.boot import boot
from wlm_dialect.runtime.maxplus import Plan, plan
from wlm_dialect.runtime.maxplus_run import sweep_serial_prepared
from wlm_dialect.runtime.run import prepare_run, run


def least(setup: Callable[[], Any], work: Callable[[Any], Any], runs: int) -> float:
    """Least CPU seconds of `work` on a fresh `setup`."""
    best = float("inf")
    for _ in range(runs):
        ready = setup()
        begin = time.process_time()
        work(ready)
        best = min(best, time.process_time() - begin)
    return best


def measure(program: Program, runs: int) -> dict[str, dict[str, float]]:
    """Seconds by engine of execution."""
    engines = len(program.machine.engines)
    arrays = bare.arrays(program)
    lists = {name: table.tolist() for name, table in arrays.items()}
    ready = prepare_run(program)
    ready.lists
    made = plan(ready)
    assert isinstance(made, Plan), made

    def fresh(compiled: bool) -> Any:
        s = ready.state(compiled)
        s.reg[k.STOP] = s.reg[k.SENTINEL]
        boot(program, s)
        return s

    forms = {"events": (loop.simulate, False), "events+numba": (compiled_loop.simulate, True)}
    out: dict[str, dict[str, float]] = {}
    for name, (simulate, compiled) in forms.items():
        numba = name.partition("+")[2]
        if numba and not compiled_loop.available():
            continue
        bare_work, bare_setup = _bare("heap_loop", arrays, lists, engines, bool(numba))
        bare_work(bare_setup())  # compiles
        simulate(fresh(compiled))
        out[name] = {
            "bare": least(bare_setup, bare_work, runs),
            "loop": least(lambda c=compiled: fresh(c), simulate, runs),
            "run": least(lambda: None, lambda _, c=compiled: run(program, engine="events", compiled=c), runs),
        }
    for numba in ("", "+numba"):
        if numba and not compiled_loop.available():
            continue
        bare_work, bare_setup = _bare("maxplus_pass", arrays, lists, engines, bool(numba))
        sweep = sweep_serial_prepared(ready, made, bool(numba))
        bare_work(bare_setup())
        sweep(())
        out[f"maxplus{numba}"] = {
            "bare": least(bare_setup, bare_work, runs),
            "loop": least(lambda: (), sweep, runs),
            "run": least(lambda: None, lambda _, c=bool(numba): run(program, engine="maxplus", compiled=c), runs),
        }
    return out


def _bare(name: str, arrays: dict[str, Any], lists: dict[str, Any], engines: int, numba: bool) -> Any:
    if not numba:
        function = getattr(bare, name)
        return lambda _: function(lists, engines), lambda: None
    import bare_numba

    function = getattr(bare_numba, name)
    return lambda _: function(engines, *arrays.values()), lambda: None


def memory(path: str, engine: str, compiled: bool) -> None:
    """In a process of its own: print how far a run grows the resident set."""
    with open(path, "rb") as file:
        program = pickle.load(file)
    run(generate.generate(100), engine=engine, compiled=compiled)  # code that is loaded once is not counted
    before = _resident("VmRSS")
    run(program, engine=engine, compiled=compiled)
    print(_resident("VmHWM") - before)


def _resident(key: str) -> int:
    """Bytes of resident memory (VmRSS) or the most there ever were (VmHWM); getrusage would count the parent's too."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{key}:"))


@tool
def main(argv: Sequence[str] | None = None) -> int:
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_argument("--tasks", metavar="N", type=at_least(1), default=100_000)
    parser.add_argument("--runs", metavar="N", type=at_least(1), default=5, help="of each, the fastest counts")
    parser.add_argument("--memory", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.memory:
        path, engine, compiled = options.memory
        memory(path, engine, compiled == "True")
        return 0
    program = generate.generate(options.tasks)
    result = measure(program, options.runs)
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        pickle.dump(program, file)
        file.flush()
        for name, row in result.items():
            kind, _, numba = name.partition("+")
            command = [sys.executable, __file__, "--memory", file.name, kind, str(bool(numba))]
            grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            row["bytes per task"] = grown / len(program)
    for row in result.values():
        row["ratio"] = row["bare"] / row["loop"]
        row["tasks per second"] = len(program) / row["loop"]
    print(f"{len(program)} tasks, {len(program.barriers)} barrier instances, CPU seconds, least of {options.runs}")
    print(f"{'':14}{'bare':>9}{'loop':>9}{'run':>9}{'bare/loop':>11}{'Mtasks/s':>10}{'B/task':>8}")
    for name, row in result.items():
        numbers = f"{row['bare']:9.4f}{row['loop']:9.4f}{row['run']:9.4f}{row['ratio']:11.2f}"
        print(f"{name:14}{numbers}{row['tasks per second'] / 1e6:10.2f}{row['bytes per task']:8.0f}")
    if options.json:
        write_json(options.json, {"tasks": len(program), "engines": result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
