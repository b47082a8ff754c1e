"""Starvation as synchronisation, and who carries management: `python benchmarks/starvation.py`; `--json FILE`.

Full mode on nine networks, on npu40xx:4 and :6, with management on any queue, on a channel of its own (dma_fw) and on
the first data channel; with neither, a barrier per work FIFO, and stalls by enqueue. Each program is proved by its
pipeline. Exit 1 if a stall costs a tick or a barrier somewhere, or saves none anywhere.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Arguments, tool, write_json

from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel
from wlm_dialect.passes.pipelines import STARVATION
from wlm_dialect.program import Kind, Program

MACHINES = ("npu40xx:4", "npu40xx:6")
QUEUES = ("", "dma_fw", "dma0_ddr")
MANAGEMENT = (Kind.FETCH, Kind.ENQUEUE, Kind.PROGRAM, Kind.SYNC)

Row = dict[str, Any]


def row_of(graph: Program, network: str, machine: str, queue: str, starvation: str) -> Row:
    """One program: what it takes, nulls where full mode refuses it."""
    began = time.process_time()
    row: Row = {"network": network, "machine": machine, "queue": queue or "any", "starvation": starvation}
    try:
        program = api.compile_program(graph, f"full{{starvation={starvation}}}").program
    except ScheduleError as error:
        return row | {"makespan": None, "error": str(error)}
    kinds = program.kind.tolist()
    return row | {
        "makespan": api.run(program).makespan,
        "barriers": len(program.barriers),
        "physical": len(set(program.barriers.pid.tolist())),
        "dmas": sum(kinds.count(kind) for kind in MANAGEMENT),
        "syncs": kinds.count(Kind.SYNC),
        "waiting": sum(1 for t in range(len(program)) if kinds[t] == Kind.RUN and len(program.waits[t])),
        "seconds": round(time.process_time() - began, 2),
    }


def managed_by(machine: str, queue: str) -> MachineModel:
    """The machine with management on one queue, on any if `queue` is empty."""
    return api.machine(machine).with_(**{"management.queue": queue})


def rows(networks: Sequence[str], machines: Sequence[str], queues: Sequence[str]) -> Iterator[Row]:
    """Rows in order: per network, machine and queue the options side by side."""
    for network in networks:
        for name in machines:
            for queue in queues:
                graph = api.load(network, managed_by(name, queue))
                for starvation in STARVATION:
                    yield row_of(graph, network, name, queue, starvation)


def problems(found: Sequence[Row]) -> list[str]:
    """What is not as it should be."""
    places: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in found:
        places.setdefault((row["network"], row["machine"], row["queue"]), {})[row["starvation"]] = row
    out: list[str] = []
    saved = 0
    for place, options in places.items():
        neither, stall = options["neither"], options["stall"]
        if neither["makespan"] is None:
            out.append(f"{' '.join(place)}: {neither['error']}")
        elif stall["makespan"] is None:
            out.append(f"{' '.join(place)}: stall: {stall['error']}")
        else:
            saved += neither["barriers"] - stall["barriers"]
            for what in ("makespan", "barriers"):
                if stall[what] > neither[what]:
                    out.append(f"{' '.join(place)}: stall: {what} {stall[what]:,} > {neither[what]:,}")
    if not saved:
        out.append("stalls save no barrier anywhere")
    return out


def table(found: Sequence[Row]) -> str:
    """Rows as text: barriers / physical ones / management DMAs and makespan per option."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for row in found:
        cells = places.setdefault((row["network"], row["machine"], row["queue"]), [])
        if row["makespan"] is None:
            cells.append(f"{'refused':>30}")
        else:
            counts = f"{row['barriers']}/{row['physical']}/{row['dmas']}"
            cells.append(f"{counts:>15} {row['makespan']:>14,}")
    head = f"{'network':13} {'machine':10} {'queue':9}" + "".join(f"{name:>31}" for name in STARVATION)
    lines = [f"{n:13} {m:10} {q:9} " + " ".join(cells) for (n, m, q), cells in places.items()]
    return "\n".join([head, *lines])


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """0 if stalls are free and save something."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_networks(api.network_names(), api.network_names())
    parser.add_machines(MACHINES)
    parser.add_argument("--queues", metavar="NAMES", default=",".join(QUEUES), help="by comma; empty for any")
    args = parser.parse_args(argv)
    queues = args.queues.split(",")
    for name in args.machines:
        for queue in queues:
            managed_by(name, queue)  # refused before anything is measured
    found = list(rows(args.networks, args.machines, queues))
    print(table(found))
    if args.json:
        write_json(args.json, found)
    wrong = problems(found)
    for text in wrong:
        print(f"starvation: {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
