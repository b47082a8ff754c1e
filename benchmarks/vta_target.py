"""What placing tokens anew and virtual threads do to recorded VTA programs: tokens, ticks of `wlm vta time`, seconds.

Every program made is executed, and its outputs are compared byte for byte with what the folder expects. CPU seconds are
those of one call, checks included.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Arguments, to_folder, tool, write_json

from wlm_dialect import api
from wlm_dialect.errors import ScheduleError, SimulationError
from wlm_dialect.program.vta import VtaProgram, read_folder


def tokens(program: VtaProgram) -> int:
    """How many pushes there are."""
    return int(program.moves[1].sum())


def measured(name: str, make: Callable[[], VtaProgram]) -> dict[str, Any]:
    """Tokens, NOPs, ticks and seconds of one way to make the program; `error` where it cannot be made."""
    before = time.process_time()
    try:
        program = make()
    except ScheduleError as error:
        return {"way": name, "error": str(error)}
    seconds = time.process_time() - before
    result = api.vta_run(program)
    if result.problems or result.mismatches:
        raise SimulationError(f"{program.name}, {name}: {[*result.problems, *map(str, result.mismatches)]}")
    figures = {"tokens": tokens(program), "nops": int(program.nop.sum()), "ticks": api.vta_time(program).makespan}
    return {"way": name, **figures, "seconds": round(seconds, 2)}


def rows_of(program: VtaProgram) -> list[dict[str, Any]]:
    """As recorded, with tokens anew (exact, fewest), and in two contexts."""
    graph = api.vta_graph(program, "data")
    return [
        measured("recorded", lambda: program),
        measured("anew", lambda: api.vta_lower(graph, program)),
        measured("fewest", lambda: api.vta_lower(graph, program, order="fewest")),
        measured("two contexts", lambda: api.vta_split(program)),
    ]


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per program and way."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_argument("folders", nargs="+", type=to_folder, help="program folders with expected outputs")
    args = parser.parse_args(argv)
    rows = []
    for path in args.folders:
        program = read_folder(path)
        for row in rows_of(program):
            rows.append({"program": path.name, "instructions": len(program), **row})
            print("  ".join(str(value) for value in rows[-1].values()), flush=True)
    if args.json:
        write_json(args.json, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
