"""Do managed schedules compute their networks? `python benchmarks/numbers.py --json FILE`.

Eleven networks in three modes on two machines: outputs and every layer against onnxruntime, under the nominal timing,
with each engine late in turn, and under five random timings, which must all give the same bytes. Then dropped
dependences, the time beside plain numpy, and memory. Exit 1 if anything that is wanted does not hold; docs/numbers.md.
"""

import os
import sys
import sysconfig
from pathlib import Path


def main() -> int:
    """Print a line per row, then what does not hold."""
    import argparse
    import json
    import resource

    import numbers_rows as rows

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write all rows")
    parser.add_argument("--networks", default=",".join((*rows.api.network_names(), *rows.MODELS)))
    parser.add_argument("--machines", default=",".join(rows.MACHINES))
    parser.add_argument(
        "--drops", type=int, default=rows.DROPS, metavar="N", help="per program of the campaign; 0 for none"
    )
    args = parser.parse_args()
    data = {"networks": [], "memory": [], "drops": {}, "dropped": [], "graph_dropped": [], "speed": {}}
    for name in filter(None, args.networks.split(",")):
        for machine in filter(None, args.machines.split(",")):
            for row in rows.network_rows(name, machine):
                data["networks"].append(row)
                error = f"{row['output_error']:.1e} {row['layer_error']:.1e}"
                state = "ok" if not row["wrong"] and row["distinct"] == 1 else "WRONG"
                print(f"{name:<13}{machine:<11}{row['mode']:<10}{row['runs']:>3} runs {error} {state}", flush=True)
            data["memory"].append(rows.memory_row(name, machine))
    if "resnet50" in args.networks.split(","):
        data["speed"] = rows.speed_row()
        print(f"resnet50: {data['speed']}", flush=True)
    if args.drops:
        for name, machine in rows.CAMPAIGN:
            found = list(rows.drop_rows(name, machine, args.drops))
            data["dropped"] += [{"network": name, "machine": machine, **row} for row in found]
            print(f"drops {name} {machine}: {rows.summary(found)}", flush=True)
            some = list(rows.graph_drop_rows(name, machine, min(args.drops, rows.GRAPH_DROPS)))
            data["graph_dropped"] += [{"network": name, "machine": machine, **row} for row in some]
        data["drops"] = rows.summary(data["dropped"])
        data["graph_drops"] = rows.summary(data["graph_dropped"])
        print(f"drops: {data['drops']}\nbefore lowering: {data['graph_drops']}")
    data["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if args.json:
        Path(args.json).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    problems = rows.problems(data)
    for text in problems:
        print(text)
    return 1 if problems else 0


if __name__ == "numbers":
    # numpy, in another script of this folder, asked for the standard library
    exec((Path(sysconfig.get_path("stdlib")) / "numbers.py").read_text(encoding="utf-8"))
elif __name__ == "__main__":
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [*(p for p in sys.path if p != here), here]  # behind the standard library
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # processor time of two threads says little on a busy machine
    sys.exit(main())
