"""What each mode costs: nine networks, three modes, four machines. `python benchmarks/modes.py --json FILE`.

The rows of `wlm compare --networks all --machine npu37xx,npu40xx:1,npu40xx:4,npu40xx:6`, with the relations that must
hold between them. Exit 1 if one does not hold.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Arguments, tool, write_json

from wlm_dialect import api

MACHINES = ("npu37xx", "npu40xx:1", "npu40xx:4", "npu40xx:6")
ALLOWED = 1.005  # full over partial, partial over firmware
MEAN_BOUND = 1.15  # ideal over bound, on average


def broken(rows: list[dict[str, Any]]) -> list[str]:
    """Relations that do not hold, in words."""
    out = [f"{_name(r)}: {r['verdict']}" for r in rows if r["verdict"] != "proved" or r["hazards"] or r["deadlock"]]
    out += [f"{_name(r)}: faster than ideal" for r in rows if r["makespan"] is not None and r["makespan"] < r["ideal"]]
    by_place: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        if row["makespan"] is not None:
            by_place.setdefault((row["network"], row["machine"]), {})[row["mode"]] = row["makespan"]
    for (network, machine), makespan in by_place.items():
        for slower, faster in (("partial", "full"), ("firmware", "partial")):
            if slower in makespan and faster in makespan and makespan[faster] > ALLOWED * makespan[slower]:
                ratio = makespan[faster] / makespan[slower]
                out.append(f"{network} on {machine}: {faster} is {ratio:.4f} of {slower}")
    return out


def _name(row: dict[str, Any]) -> str:
    return f"{row['network']} on {row['machine']}, {row['mode']}"


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per network and machine, then what does not hold."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_networks(api.network_names(), api.network_names())
    args = parser.parse_args(argv)
    rows: list[dict[str, Any]] = []
    print(f"{'network':<14}{'machine':<11}{'ideal/bound':>11}" + "".join(f"{m + '/ideal':>16}" for m in api.MODES))
    for network in args.networks:
        for machine in MACHINES:
            made = api.compare([network], [machine])
            rows += made
            ratios = "".join(f"{r['makespan'] / r['ideal']:>16.4f}" if r["makespan"] else f"{'-':>16}" for r in made)
            print(f"{network:<14}{machine:<11}{made[0]['ideal'] / made[0]['bound']:>11.3f}{ratios}", flush=True)
    mean = sum(r["ideal"] / r["bound"] for r in rows) / len(rows)
    print(f"ideal / bound, mean: {mean:.3f} (at most {MEAN_BOUND} wanted)")
    if args.json:
        write_json(args.json, rows)
    problems = broken(rows)
    for text in problems:
        print(text)
    return 1 if problems or mean > MEAN_BOUND else 0


if __name__ == "__main__":
    sys.exit(main())
