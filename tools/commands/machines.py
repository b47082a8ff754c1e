"""`wlm machines`: list the machine models, describe one, or print it as a TOML file to start from."""

import argparse

from wlm_dialect.errors import UsageError
from wlm_dialect.machine import MachineModel, dump_toml, load_machine, machine_names
from wlm_dialect.tools.options import output_file
from wlm_dialect.tools.output import STDOUT, write_output
from wlm_dialect.tools.tables import print_table


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", help="a machine by name or a .toml file; without it all are listed")
    parser.add_argument("--toml", action="store_true", help="print the whole model as TOML")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=output_file, help="where the TOML goes (default: stdout)"
    )


def run(args: argparse.Namespace) -> int:
    """The exit code."""
    if args.output is not None and not args.toml:
        raise UsageError("--output says where the TOML goes: give --toml, too")
    if args.toml and args.name is None:
        raise UsageError(f"--toml prints one machine: name it; known: {', '.join(machine_names())}")
    if args.name is None:
        rows = [_row(load_machine(name)) for name in machine_names()]
        print_table(["machine", "MHz", "tiles", "DMA", "DPU", "SHAVE", "barriers", "FIFO"], rows)
        return 0
    machine = load_machine(args.name)
    if args.toml:
        write_output(args.output or STDOUT, dump_toml(machine))
        return 0
    _describe(machine)
    return 0


def _row(machine: MachineModel) -> list[object]:
    kinds = [len(machine.engines_of(kind)) for kind in ("dma", "dpu", "shave")]
    limits = machine.barriers
    return [machine.name, machine.clock_mhz, machine.tiles, *kinds, limits.count, limits.fifo_depth]


def _describe(machine: MachineModel) -> None:
    print(f"{machine.name}: {machine.tiles} tiles at {machine.clock_mhz} MHz; a full FIFO: {machine.full_fifo}\n")
    rows: list[list[object]] = []
    for e in machine.engines:
        limits = [e.servers, e.fifo_depth, e.max_waits or None, e.descriptor_slots or None, e.bandwidth_mbps or None]
        rows.append([e.name, e.kind, None if e.tile < 0 else e.tile, e.order, *limits])
    columns = ["engine", "kind", "tile", "order", "servers", "FIFO", "waits", "slots", "MB/s"]
    print_table(columns, rows, "engines")
    for title in ("barriers", "firmware", "bootstrap", "management", "memory", "compute"):
        print()
        print_table([title, "value"], list(vars(getattr(machine, title)).items()))
