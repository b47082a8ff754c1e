"""Compare what a schedule computes with a reference: every output, every layer, and the first bad tile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.runtime.functional.execute import Functional
from wlm_dialect.runtime.functional.order import as_channels_last
from wlm_dialect.runtime.result import RunResult

Array = NDArray[Any]


@dataclass(frozen=True)
class Tolerance:
    """Two values agree if they differ by at most `rtol` of the reference plus `atol` of its largest element."""

    rtol: float
    atol: float

    def bad(self, got: Array, want: Array, largest: float) -> NDArray[np.bool_]:
        """Where they do not agree; what is no number never does."""
        found: NDArray[np.bool_] = ~(np.abs(got - want) <= self.rtol * np.abs(want) + self.atol * largest)
        return found


TOLERANCES: Mapping[str, Tolerance] = {"float32": Tolerance(1e-4, 1e-5), "float16": Tolerance(2e-2, 2e-2)}


@dataclass
class Compared:
    """One value: the largest error, the largest element of the reference, elements that do not agree."""

    name: str
    layer: str
    op: str
    error: float = 0.0
    largest: float = 0.0
    bad: int = 0

    @property
    def relative(self) -> float:
        """The largest error over the largest element."""
        return self.error / self.largest if self.largest else self.error


@dataclass(frozen=True)
class BadTile:
    """The first part of a value that a task got wrong, by the tick at which it ended."""

    task: int
    name: str
    engine: str
    start: int
    end: int
    layer: str
    part: str
    error: float
    elements: int


@dataclass
class Comparison:
    """All that was compared. `unknown`: layers whose value the reference does not have."""

    outputs: list[Compared] = field(default_factory=list)
    layers: list[Compared] = field(default_factory=list)
    first: BadTile | None = None
    unknown: list[str] = field(default_factory=list)
    results: Mapping[str, Array] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether everything that was compared agrees."""
        return not any(value.bad for value in (*self.outputs, *self.layers))


def compare(
    functional: Functional,
    result: RunResult,
    inputs: Mapping[str, Array],
    reference: Mapping[str, Array],
    tolerance: Tolerance,
    *,
    layers: bool = False,
) -> Comparison:
    """Compute the network at the ticks of `result` and compare its outputs; with `layers`, every part a task makes."""
    out = Comparison()
    watch = _Watch(functional, result, reference, tolerance, out) if layers else None
    out.results = functional.run(result.start, result.end, inputs, None if watch is None else watch.see)
    for name, got in out.results.items():
        want = reference[name]
        compared = Compared(name, "", "output", largest=_largest(want))
        _add(compared, got, want.reshape(got.shape), tolerance)
        out.outputs.append(compared)
    return out


class _Watch:
    """Compares the part of a value that a task made, as it made it."""

    def __init__(
        self,
        functional: Functional,
        result: RunResult,
        reference: Mapping[str, Array],
        tolerance: Tolerance,
        out: Comparison,
    ) -> None:
        self.functional, self.result, self.tolerance, self.out = functional, result, tolerance, out
        self.known: dict[int, tuple[Compared, Array]] = {}
        for k, layer in enumerate(functional.payload.layers):
            want = reference.get(layer.value)
            if want is None:
                out.unknown.append(layer.name)
                continue
            compared = Compared(layer.value, layer.name, layer.op, largest=_largest(want))
            out.layers.append(compared)
            self.known[k] = compared, as_channels_last(np.asarray(want, np.float32), layer.view, layer.order)

    def see(self, task: int, made: Array) -> None:
        work = self.functional.tasks[task].work
        if work.layer not in self.known:
            return
        compared, want = self.known[work.layer]
        p = work.part
        bad, error = _add(compared, made, want[p.n0 : p.n1, p.h0 : p.h1, :, p.c0 : p.c1], self.tolerance)
        if bad and self.out.first is None:
            program = self.functional.program
            self.out.first = BadTile(
                task,
                program.names[task],
                program.engine_name(task),
                int(self.result.start[task]),
                int(self.result.end[task]),
                compared.layer,
                f"batches {p.n0}..{p.n1}, rows {p.h0}..{p.h1}, channels {p.c0}..{p.c1}",
                error,
                bad,
            )


def _largest(want: Array) -> float:
    return float(np.abs(want).max(initial=0.0))


def _add(compared: Compared, got: Array, want: Array, tolerance: Tolerance) -> tuple[int, float]:
    """Count one part in; how many elements of it do not agree, and its largest error."""
    bad = int(np.count_nonzero(tolerance.bad(got, want, compared.largest)))
    error = float(np.abs(got - want).max(initial=0.0))
    error = float("inf") if np.isnan(error) else error
    compared.error = max(compared.error, error)
    compared.bad += bad
    return bad, error
