"""What firmware costs, swept: `python benchmarks/firmware.py --json FILE`; `--quick` for a part of it.

An event is one interrupt that programs the next instance of a barrier and pushes one work item; all steps of firmware
are scaled so that an event takes 0.5 to 10 us. *handlers* is the sum of the costs of all handlers that a program
needs, whenever they run; *law* is (V - N (1 + F)) C / k with F instances preloaded and k programmed per interrupt.
Exit 1 if a makespan is below one of these, or, from 2 us on with one instance per interrupt and tasks as long as they
are, more than 1.10 of the larger of handlers and *ideal*: the same order and durations without management. Where
wlm-relieve-firmware has made handlers fewer until neither is what takes the time, handlers are those without it; such
rows are listed.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import networks
from command_line import Arguments, tool, write_json

from wlm_dialect import api
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_OVER
from wlm_dialect.runtime.ideal import ideal
from wlm_dialect.runtime.law import find_law

TOP_UPS = ((0, 1), (1, 1), (1, 2), (3, 1), (3, 2), (3, 4), (4, 4))  # F and k; the first is that of the presets
DEEP_COSTS = (5.0,)
COSTS = (0.5, 1.0, 2.0, 5.0, 10.0)  # us per event
DIVISORS = (1, 4, 16)  # of the durations of tasks
QUICK = ("shufflenet", "squeezenet", "alexnet")
QUICK_COSTS = (1.0, 2.0, 10.0)
QUICK_DIVISORS = (1, 16)
ALLOWED = 1.10  # makespan over the larger of ideal and handlers, divisor 1
RELIEF = "wlm-relieve-firmware"
FROM = 2.0  # us per event: below, other latencies count as much
HURTS = 1.05  # makespan over ideal

Row = dict[str, Any]


def with_firmware(machine: MachineModel, microseconds: float, preload: int = 0, top_up: int = 1) -> MachineModel:
    """The machine with all steps of firmware scaled: interrupt, program and push together take so long."""
    firmware = machine.firmware
    event = firmware.interrupt + firmware.program + firmware.push
    wanted = round(microseconds * machine.clock_mhz)
    steps = {
        name: max(1, -(-getattr(firmware, name) * wanted // event))
        for name in ("interrupt", "program", "push", "build_fetch")
    }
    return replace(machine, firmware=replace(firmware, preload=preload, top_up=top_up, **steps))


def handler_ticks(program: Program) -> int:
    """The sum of the costs of all handlers that a managed program needs; 0 in full mode.

    Counted on the program alone, without a run: every interrupt that is on, every instance that bootstrap does not
    load, every work item that is not pushed there, every fetch in one of those in firmware mode. All must be over when
    the tail lifts: each instance is waited for or updated, each item holds tasks, each interrupt leads to one of them.
    """
    if program.mode == "full":
        return 0
    cost, items = program.machine.firmware, program.items
    late = np.diff(items.at.start) + np.diff(items.done.start) > 0
    interrupts = int(np.count_nonzero(program.barriers.irq == IRQ_OVER)) + len(np.unique(items.done.index))
    programmed = len(program.barriers) - len(program.bootstrap)
    total = interrupts * cost.interrupt + programmed * cost.program + int(late.sum()) * cost.push
    if program.mode == "firmware":
        for n in np.nonzero(late)[0].tolist():
            tasks = program.lists[int(items.engine[n])][int(items.low[n]) : int(items.high[n])]
            total += int(np.count_nonzero(program.kind[tasks] == Kind.FETCH)) * cost.build_fetch
    return total


@lru_cache(maxsize=2)
def load(network: str, machine: str, divisor: int) -> tuple[Program, int]:
    """The graph with shorter durations, and its ideal makespan."""
    graph = networks.load(network, api.machine(machine))
    graph = graph.with_(cycles=np.maximum(1, np.round(graph.cycles / divisor)).astype(np.int64))
    return graph, ideal(graph).makespan


def measure(network: str, machine: str, divisor: int, mode: str, cost: float, top_up: tuple[int, int] = (0, 1)) -> Row:
    """One program at one cost of firmware."""
    graph, best = load(network, machine, divisor)
    program = api.compile_program(graph.with_(machine=with_firmware(graph.machine, cost, *top_up)), mode).program
    result, law = api.run(program), find_law(program)
    row: Row = {"network": network, "machine": machine, "divisor": divisor, "mode": mode, "cost_us": cost}
    row |= {"preload": top_up[0], "top_up": top_up[1], "ideal": best, "handlers": handler_ticks(program)}
    row |= {"law": 0 if law is None else law.ticks, "makespan": result.makespan, "interrupts": result.interrupts}
    row |= {"instances": len(program.barriers), "outcome": result.outcome, "unrelieved": row["handlers"]}
    if asked(row) and row["makespan"] > ALLOWED * max(best, row["handlers"]):
        steps = [step for step in api.pipeline(mode) if step.name != RELIEF]
        row["unrelieved"] = handler_ticks(
            api.compile_program(graph.with_(machine=program.machine), mode, steps).program
        )
    return row


def asked(row: Row) -> bool:
    """Whether a makespan within 1.10 of ideal or handlers is asked for."""
    return row["mode"] != "full" and row["divisor"] == 1 and not row["preload"] and row["cost_us"] >= FROM


def measured(
    names: Iterable[str], machines: Sequence[str], divisors: Sequence[int], costs: Sequence[float]
) -> Iterator[Row]:
    """All rows, those of one graph next to each other; full mode needs no firmware and so only one cost."""
    for network in names:
        for machine in machines:
            for divisor in divisors:
                for mode in api.MODES:
                    for cost in costs if mode != "full" else costs[:1]:
                        yield measure(network, machine, divisor, mode, cost)


def deepened(names: Iterable[str], machines: Sequence[str]) -> Iterator[Row]:
    """Rows with ever deeper top-ups, tasks as long as they are and a quarter of that."""
    for network in names:
        for machine in machines:
            for divisor in (1, 4):
                for mode in api.MODES[:2]:
                    for cost in DEEP_COSTS:
                        for top_up in TOP_UPS:
                            yield measure(network, machine, divisor, mode, cost, top_up)


def broken(rows: Iterable[Row]) -> list[str]:
    """What should hold and does not, in words."""
    out: list[str] = []
    for row in rows:
        name = _name(row)
        if row["outcome"] != "finished":
            out.append(f"{name}: {row['outcome']}")
            continue
        least = max(row["ideal"], row["unrelieved"])
        for bound in ("handlers", "law", "ideal"):
            if row["makespan"] < row[bound]:
                out.append(f"{name}: makespan {row['makespan']:,} is less than {bound}, {row[bound]:,}")
        if asked(row) and row["makespan"] > ALLOWED * least:
            out.append(f"{name}: makespan is {row['makespan'] / least:.3f} of what ideal and handlers allow")
    return out


def _name(row: Row) -> str:
    depth = f" with preload {row['preload']}, top-ups of {row['top_up']}" if row["preload"] else ""
    return f"{row['network']}/{row['divisor']} on {row['machine']}, {row['mode']} at {row['cost_us']:g} us{depth}"


def print_relieved(rows: list[Row]) -> None:
    """The rows that are above 1.10 of what is left for handlers to do, and what they would have had to do."""
    found = [r for r in rows if r["unrelieved"] != r["handlers"]]
    print(f"\n{len(found)} of {sum(map(asked, rows))} rows are above {ALLOWED:.2f} of ideal and handlers as relieved\n")
    for row in found:
        parts = " ".join(f"{what} {_over(row, row[what])}" for what in ("ideal", "handlers", "unrelieved"))
        print(f"{_name(row)}: makespan / {parts}")


def hurts_from(rows: Iterable[Row]) -> dict[tuple[str, str, int, str], float | None]:
    """Network, machine, divisor and mode -> the least cost at which makespan is above 1.05 of ideal; None: never."""
    out: dict[tuple[str, str, int, str], float | None] = {}
    for row in sorted(rows, key=lambda r: float(r["cost_us"])):
        key = row["network"], row["machine"], row["divisor"], row["mode"]
        hurt = row["makespan"] > HURTS * row["ideal"]
        if out.get(key) is None:
            out[key] = row["cost_us"] if hurt else None
    return out


def print_hurts(rows: list[Row]) -> None:
    """A line per network, machine and divisor: from which cost on each mode hurts."""
    print(f"\nus per event from which makespan > {HURTS} ideal, of those swept\n")
    print(f"{'network':<14}{'machine':<11}{'divisor':>8}" + "".join(f"{mode:>10}" for mode in api.MODES))
    table = hurts_from(rows)
    for network, machine, divisor in dict.fromkeys(key[:3] for key in table):
        cells = (table[network, machine, divisor, mode] for mode in api.MODES)
        shown = "".join(f"{'-' if cell is None else f'{cell:g}':>10}" for cell in cells)
        print(f"{network:<14}{machine:<11}{divisor:>8}{shown}")


def print_rows(rows: list[Row]) -> None:
    """A line per network, machine, divisor and mode: makespan over ideal and over the larger of ideal and handlers."""
    costs = sorted({float(row["cost_us"]) for row in rows})
    print("makespan / ideal (makespan / max(ideal, handlers)) at us per event\n")
    head = "".join(f"{f'{cost:g}':>16}" for cost in costs)
    print(f"{'network':<14}{'machine':<11}{'divisor':>8} {'mode':<9}{head}")
    by_key: dict[tuple[Any, ...], dict[float, Row]] = {}
    for row in rows:
        by_key.setdefault((row["network"], row["machine"], row["divisor"], row["mode"]), {})[row["cost_us"]] = row
    for (network, machine, divisor, mode), made in by_key.items():
        cells = (made.get(cost) for cost in costs)
        shown = "".join(f"{_cell(cell):>16}" for cell in cells)
        print(f"{network:<14}{machine:<11}{divisor:>8} {mode:<9}{shown}")


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    least = max(row["ideal"], row["handlers"])
    return f"{_over(row, row['ideal'])} ({_over(row, least)})"


def print_deep(rows: list[Row]) -> None:
    """A line per network, machine, divisor, mode and cost: makespan over ideal and interrupts for each depth."""
    print("\nmakespan / ideal (/ the larger of ideal and law), interrupts; k instances per interrupt, F preloaded\n")
    head = "".join(f"{f'k={k} F={f}':>20}" for f, k in TOP_UPS)
    print(f"{'network':<14}{'machine':<11}{'divisor':>8} {'mode':<9}{'us':>4}{head}")
    by_key: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = row["network"], row["machine"], row["divisor"], row["mode"], row["cost_us"]
        by_key.setdefault(key, []).append(row)
    for (network, machine, divisor, mode, cost), made in by_key.items():
        cells = (f"{_over(r, r['ideal'])} ({_over(r, max(r['ideal'], r['law']))}) {r['interrupts']:>4}" for r in made)
        print(f"{network:<14}{machine:<11}{divisor:>8} {mode:<9}{cost:>4g}" + "".join(f"{c:>20}" for c in cells))


def _over(row: Row, least: int) -> str:
    return f"{row['makespan'] / least:.3f}"


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; 1 if something does not hold."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_argument("--quick", action="store_true", help="three networks, three costs")
    parser.add_networks(networks.network_names(), more="; default: the nine of the onnx package")
    parser.add_machines(["npu40xx:4"])
    args = parser.parse_args(argv)
    names = args.networks or (QUICK if args.quick else api.network_names())
    costs, divisors = (QUICK_COSTS, QUICK_DIVISORS) if args.quick else (COSTS, DIVISORS)
    rows = list(measured(names, args.machines, divisors, costs))
    print_rows(rows)
    print_hurts(rows)
    print_relieved(rows)
    deep = list(deepened(names[:1] if args.quick else names, args.machines))
    print_deep(deep)
    if args.json:
        write_json(args.json, [*rows, *deep])
    problems = broken([*rows, *deep])
    for text in problems:
        print(text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
