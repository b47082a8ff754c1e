"""What each mode costs: nine networks, three modes, four machines. `python benchmarks/modes.py --json FILE`.

The rows of `wlm compare --networks all --machine npu37xx,npu40xx:1,npu40xx:4,npu40xx:6`, with the relations that must
hold between them. Exit 1 if one does not hold.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

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


def main() -> int:
    """Print a line per network and machine, then what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write all rows")
    parser.add_argument("--networks", default=",".join(api.network_names()))
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print(f"{'network':<14}{'machine':<11}{'ideal/bound':>11}" + "".join(f"{m + '/ideal':>16}" for m in api.MODES))
    for network in args.networks.split(","):
        for machine in MACHINES:
            made = api.compare([network], [machine])
            rows += made
            ratios = "".join(f"{r['makespan'] / r['ideal']:>16.4f}" if r["makespan"] else f"{'-':>16}" for r in made)
            print(f"{network:<14}{machine:<11}{made[0]['ideal'] / made[0]['bound']:>11.3f}{ratios}", flush=True)
    mean = sum(r["ideal"] / r["bound"] for r in rows) / len(rows)
    print(f"ideal / bound, mean: {mean:.3f} (at most {MEAN_BOUND} wanted)")
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    problems = broken(rows)
    for text in problems:
        print(text)
    return 1 if problems or mean > MEAN_BOUND else 0


if __name__ == "__main__":
    sys.exit(main())
