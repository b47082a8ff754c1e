"""`wlm run --check`: compute the network that a schedule stands for and compare it with onnxruntime."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wlm_dialect.errors import UsageError
from wlm_dialect.program import Program
from wlm_dialect.runtime.timing import Timing
from wlm_dialect.tools.commands.common import DEFAULT_MACHINE, load_program, parse_shapes
from wlm_dialect.tools.options import at_least

if TYPE_CHECKING:
    from wlm_dialect.frontends.numbers import Numbers
    from wlm_dialect.runtime.functional import Functional
    from wlm_dialect.runtime.functional.check import Compared, Comparison, Tolerance
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
    parser.add_argument(
        "--data-seed", type=at_least(0), metavar="N", help="with --check: of inputs and random weights (default: 0)"
    )


def check_arguments(args: argparse.Namespace) -> None:
    """UsageError for options that mean nothing without --check."""
    for name in ("lazy", "cells", "data_seed"):
        if args.check is None and getattr(args, name) not in (None, False):
            raise UsageError(f"--{name.replace('_', '-')} says how to check numbers; give --check too")
    if args.check is not None and args.repeat != 1:
        raise UsageError("--check computes one inference; leave --repeat out")


def load_payload(args: argparse.Namespace) -> Program:
    """The network that the options name, its tasks saying what they compute; its constants in args.payload."""
    from wlm_dialect import api

    return api.write_constants(_load(args, 0), args.payload)


def _load(args: argparse.Namespace, seed: int) -> "Numbers":
    from wlm_dialect import api

    if args.durations is not None or args.unknown_ops != "error":
        raise UsageError("numbers are those of the network; leave --durations and --unknown-ops out")
    return api.load_numbers(args.source, args.machine or DEFAULT_MACHINE, shapes=parse_shapes(args.shape), seed=seed)


class Checked:
    """A program with its numbers, its inputs and what they should become.

    The reference for a network is onnxruntime. IR has its constants beside it and no network: the reference is each
    layer as a whole, in plain numpy.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        from wlm_dialect import api

        self.args = args
        self.seed = args.data_seed or 0
        self.model: Any = None
        self.program: Program
        self.constants: Mapping[str, Any]
        if args.source.endswith(".mlir"):
            self.program = load_program(args, args.source)
            self.constants = api.read_constants(self.program, str(Path(args.source).parent))
        else:
            numbers = _load(args, self.seed)
            self.program, self.constants, self.model = numbers.program, numbers.constants, numbers.model
        self._reference: Mapping[str, Any] | None = None
        self._inputs: Mapping[str, Any] = {}

    def compare(self, result: "RunResult") -> dict[str, Any]:
        """Compute at the ticks of `result` and compare; what was found, as plain data."""
        from wlm_dialect.runtime.functional import Functional
        from wlm_dialect.runtime.functional.check import TOLERANCES, compare
        from wlm_dialect.runtime.functional.late import late_engines

        program = result.program
        functional = Functional(program, self.constants, self.args.cells or "float32")
        reference = self._refer(functional)
        tolerance = TOLERANCES[self.args.cells or "float32"]
        layers = self.args.check == "layers"
        found = compare(functional, result, self._inputs, reference, tolerance, layers=layers)
        data = {"reference": "plain layers" if self.model is None else "onnxruntime", **_data(found, tolerance)}
        if self.args.lazy:
            data["lazy"] = [self._lazy(functional, label, timing) for label, timing in late_engines(program)]
        return data

    def _refer(self, functional: "Functional") -> Mapping[str, Any]:
        """What seeded random inputs should become; made once."""
        from wlm_dialect import api
        from wlm_dialect.runtime.functional.oracle import oracle
        from wlm_dialect.runtime.functional.plain import Plain

        if self._reference is None:
            self._inputs = api.sample_inputs(self.program, self.seed, self.model)
            if self.model is None:
                self._reference = Plain(functional.payload, self.constants).run(self._inputs)
            else:
                values = [layer.value for layer in functional.payload.layers] if self.args.check == "layers" else []
                self._reference = oracle(self.model, self._inputs, values)
        return self._reference

    def _lazy(self, functional: "Functional", label: str, timing: Timing) -> dict[str, Any]:
        from wlm_dialect import api
        from wlm_dialect.runtime.functional.check import TOLERANCES, compare

        result = api.run(functional.program, timing=timing)
        tolerance = TOLERANCES[self.args.cells or "float32"]
        found = compare(functional, result, self._inputs, self._refer(functional), tolerance)
        return {"timing": label, "agrees": found.agrees, "error": max(v.relative for v in found.outputs)}


def _data(found: "Comparison", tolerance: "Tolerance") -> dict[str, Any]:
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
    print(f"numbers: {'agree' if data['agrees'] else 'DO NOT AGREE'} with {data['reference']} ({bound})")
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
