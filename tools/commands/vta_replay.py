"""`wlm vta replay`: execute a VTA program in a given order and watch for races, stuck modules and left-over tokens."""

import argparse

from wlm_dialect.program.vta.hardware import SIM
from wlm_dialect.tools.commands.vta_source import add_source, chosen_order, load_source
from wlm_dialect.tools.options import add_output, at_least
from wlm_dialect.tools.output import write_output


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_source(parser)
    parser.add_argument("order", nargs="?", help="an order file (default: the order of the stream)")
    parser.add_argument("--seed", type=at_least(0), metavar="N", help="draw the order at random instead")
    add_output(parser, "--write-order", "write the order that was executed")


def run(args: argparse.Namespace) -> int:
    """The exit code: 0 if nothing went wrong in this order, 2 otherwise."""
    from wlm_dialect.runtime.vta.order_file import print_order
    from wlm_dialect.runtime.vta.replay import replay

    source = load_source(args)
    program = source.program
    order = chosen_order(args, program)
    result = replay(program, () if order is None else order, source.hardware or SIM, fragment=source.fragment)
    print(
        f"@{program.name}: {len(result.executed)} of {len(program)} instructions executed; tokens left: {result.tokens}"
    )
    for seen in result.observations[:20]:
        print(f"  {seen.text} [{seen.rule}]")
    if len(result.observations) > 20:
        print(f"  and {len(result.observations) - 20} more")
    if not result.observations:
        print("  nothing goes wrong in this order")
    if args.write_order is not None:
        write_output(args.write_order, print_order(program, result.executed.tolist()))
    return 2 if result.observations else 0
