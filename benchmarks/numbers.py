"""Do managed schedules compute their networks? `python benchmarks/numbers.py --json FILE`.

Eleven networks in three modes on two machines: outputs and every layer against onnxruntime, under the nominal timing,
with each engine late in turn, and under five random timings, which must all give the same bytes. Then dropped
dependences, the time beside plain numpy, and memory. Exit 1 if anything that is wanted does not hold; docs/numbers.md.
"""

import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line per row, then what does not hold."""
    from command_line import tool

    return tool(_main)(argv)


def _main(argv: Sequence[str] | None = None) -> int:
    import resource

    import numbers_rows as rows
    from command_line import Arguments, at_least, write_json

    known = (*rows.api.network_names(), *rows.MODELS)
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_networks(known, known, files=(".onnx",))
    parser.add_machines(rows.MACHINES)
    parser.add_argument("--no-networks", action="store_true", help="the campaign alone")
    parser.add_argument(
        "--drops", type=at_least(0), default=rows.DROPS, metavar="N", help="per program; 0: no campaign"
    )
    args = parser.parse_args(argv)
    networks = () if args.no_networks else args.networks
    data = {"networks": [], "memory": [], "drops": {}, "dropped": [], "graph_dropped": [], "speed": {}}
    for name in networks:
        for machine in args.machines:
            for row in rows.network_rows(name, machine):
                data["networks"].append(row)
                error = f"{row['output_error']:.1e} {row['layer_error']:.1e}"
                state = "ok" if not row["wrong"] and row["distinct"] == 1 else "WRONG"
                print(f"{name:<13}{machine:<11}{row['mode']:<10}{row['runs']:>3} runs {error} {state}", flush=True)
            data["memory"].append(rows.memory_row(name, machine))
    if "resnet50" in networks:
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
        write_json(args.json, data)
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
