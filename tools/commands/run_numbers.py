"""`wlm run --check`: compute the network that a schedule stands for and compare it with onnxruntime."""

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from wlm_dialect.errors import UsageError
from wlm_dialect.program import Program
from wlm_dialect.runtime.timing import Timing
from wlm_dialect.tools.commands.common import DEFAULT_MACHINE, parse_shapes

if TYPE_CHECKING:
    from wlm_dialect.runtime.functional.check import Compared, Comparison
    from wlm_dialect.runtime.result import RunResult

CHECKS = ("outputs", "layers")
CELLS = ("float32", "float16")
LISTED = 10  # layers, those with the largest errors


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--check",
        nargs="?",
        const="outputs",
        choices=CHECKS,
        help="compute the network at the ticks of the run and compare its outputs, or what every layer makes, with"
        " onnxruntime; weights that are mere fillers are drawn at random",
    )
    parser.add_argument(
        "--lazy", action="store_true", help="with --check: also with each engine as late as legal, one after the other"
    )
    parser.add_argument("--cells", choices=CELLS, help="with --check: what memory holds (default: float32)")
    parser.add_argument("--data-seed", type=int, help="with --check: of inputs and random weights (default: 0)")


def check_arguments(args: argparse.Namespace) -> None:
    """UsageError for options that mean nothing without --check."""
    for name in ("lazy", "cells", "data_seed"):
        if args.check is None and getattr(args, name) not in (None, False):
            raise UsageError(f"--{name.replace('_', '-')} says how to check numbers; give --check too")
    if args.check is not None and args.repeat != 1:
        raise UsageError("--check computes one inference; leave --repeat out")


class Checked:
    """A network with its numbers, its inputs and what onnxruntime makes of them."""

    def __init__(self, args: argparse.Namespace) -> None:
        from wlm_dialect import api

        self.args = args
        self.seed = args.data_seed or 0
        if args.durations is not None or args.unknown_ops != "error":
            raise UsageError("--check computes what the network says; leave --durations and --unknown-ops out")
        machine = args.machine or DEFAULT_MACHINE
        shapes = parse_shapes(args.shape)
        self.numbers = api.load_numbers(args.source, machine, shapes=shapes, seed=self.seed)
        self._reference: Mapping[str, Any] | None = None
        self._inputs: Mapping[str, Any] = {}

    @property
    def graph(self) -> Program:
        """The task graph, with its payload."""
        return self.numbers.program

    def compare(self, result: "RunResult") -> dict[str, Any]:
        """Compute at the ticks of `result`, print what was found; the same as plain data."""
        from wlm_dialect.runtime.functional import Functional
        from wlm_dialect.runtime.functional.check import TOLERANCES, compare

        program = result.program
        functional = Functional(program, self.numbers.constants, self.args.cells or "float32")
        self._refer(functional)
        assert self._reference is not None
        tolerance = TOLERANCES[self.args.cells or "float32"]
        layers = self.args.check == "layers"
        found = compare(functional, result, self._inputs, self._reference, tolerance, layers=layers)
        data = _data(found, tolerance)
        if self.args.lazy:
            data["lazy"] = [self._lazy(functional, label, timing) for label, timing in self._timings(program)]
        return data

    def _refer(self, functional: Any) -> None:
        """What the network makes of seeded random inputs, once."""
        from wlm_dialect import api
        from wlm_dialect.runtime.functional.oracle import oracle

        if self._reference is None:
            self._inputs = api.sample_inputs(self.graph, self.seed, self.numbers.model)
            values = [layer.value for layer in functional.payload.layers] if self.args.check == "layers" else []
            self._reference = oracle(self.numbers.model, self._inputs, values)

    def _timings(self, program: Program) -> Iterator[tuple[str, Timing]]:
        from wlm_dialect.runtime.functional.late import late_engines

        return late_engines(program)

    def _lazy(self, functional: Any, label: str, timing: Timing) -> dict[str, Any]:
        from wlm_dialect import api
        from wlm_dialect.runtime.functional.check import TOLERANCES, compare

        result = api.run(functional.program, timing=timing)
        assert self._reference is not None
        tolerance = TOLERANCES[self.args.cells or "float32"]
        found = compare(functional, result, self._inputs, self._reference, tolerance)
        return {"timing": label, "agrees": found.agrees, "error": max(v.relative for v in found.outputs)}


def _data(found: "Comparison", tolerance: Any) -> dict[str, Any]:
    def row(value: "Compared") -> dict[str, Any]:
        return {
            "value": value.name,
            "layer": value.layer,
            "op": value.op,
            "error": value.error,
            "largest": value.largest,
            "bad_elements": value.bad,
        }

    return {
        "agrees": found.agrees,
        "rtol": tolerance.rtol,
        "atol": tolerance.atol,
        "outputs": [row(v) for v in found.outputs],
        "layers": [row(v) for v in found.layers],
        "first_bad_tile": None if found.first is None else vars(found.first),
        "unknown_layers": list(found.unknown),
    }


def print_numbers(data: Mapping[str, Any]) -> None:
    """What was compared, in words."""
    bound = f"rtol {data['rtol']:g}, atol {data['atol']:g} of the largest element"
    print(f"numbers: {'agree' if data['agrees'] else 'DO NOT AGREE'} with onnxruntime ({bound})")
    for row in data["outputs"]:
        print(f"  output {row['value']}: {_error(row)}")
    worst = sorted(data["layers"], key=lambda r: (-r["bad_elements"], -_relative(r)))
    if worst:
        print(f"  {len(worst)} layers; the largest errors:")
        for row in worst[:LISTED]:
            print(f"    {row['layer']} ({row['op']}): {_error(row)}")
    if data["unknown_layers"]:
        print(f"  not compared: {', '.join(data['unknown_layers'])}")
    bad = data["first_bad_tile"]
    if bad is not None:
        print(
            f"  first bad tile: task {bad['task']} '{bad['name']}' on @{bad['engine']}, ticks {bad['start']} to "
            f"{bad['end']}: {bad['part']} of layer {bad['layer']}, {bad['elements']} elements, error {bad['error']:.3g}"
        )
    for row in data.get("lazy", ()):
        print(f"  {row['timing']}: {'agrees' if row['agrees'] else 'DOES NOT AGREE'}, error {row['error']:.2g}")


def agrees(data: Mapping[str, Any]) -> bool:
    """Whether everything agrees, lazy timings included."""
    return bool(data["agrees"]) and all(row["agrees"] for row in data.get("lazy", ()))


def _relative(row: Mapping[str, Any]) -> float:
    return float(row["error"] / row["largest"]) if row["largest"] else float(row["error"])


def _error(row: Mapping[str, Any]) -> str:
    bad = f", {row['bad_elements']} elements beyond it" if row["bad_elements"] else ""
    return f"error {row['error']:.2g}, {_relative(row):.2g} of the largest element{bad}"
