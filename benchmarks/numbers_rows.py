"""The rows of benchmarks/numbers.py: networks, memory, dropped dependences, speed."""

import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wlm_dialect import api
from wlm_dialect.frontends.numbers import Numbers, load_numbers
from wlm_dialect.frontends.samples import sample_inputs
from wlm_dialect.kernels.allocator import align, place
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.conflicts import conflicts
from wlm_dialect.runtime.functional import Functional
from wlm_dialect.runtime.functional.check import TOLERANCES, compare
from wlm_dialect.runtime.functional.late import late, late_engines
from wlm_dialect.runtime.functional.oracle import oracle
from wlm_dialect.runtime.functional.plain import Plain
from wlm_dialect.runtime.timing import Timing

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
from transformers import MODELS

MACHINES = ("npu40xx:1", "npu40xx:4")
RANDOM = 5  # timings
SLOWER = 3.0  # than plain numpy, at most
ALLOCATOR = 1.1  # of the largest live set, at most
DROPS = 80  # per program of `CAMPAIGN`
GRAPH_DROPS = 30
CAMPAIGN = (("squeezenet", "npu40xx:1"), ("squeezenet", "npu40xx:4"), ("vit", "npu40xx:4"), ("decoder", "npu40xx:4"))
CAMPAIGN += (("vit", "npu40xx:1"), ("shufflenet", "npu40xx:4"), ("inception_v2", "npu40xx:4"))
Row = dict[str, Any]


def load(name: str, machine: str) -> Numbers:
    """A network by name, one of the examples included."""
    if name not in MODELS:
        return load_numbers(name, api.machine(machine))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        path.write_bytes(MODELS[name]().SerializeToString())
        return load_numbers(str(path), api.machine(machine))


def timings(program: Program) -> Iterator[tuple[str, Timing]]:
    """Each engine late in turn, then random ones."""
    yield from late_engines(program)
    draws: list[Callable[[int], Timing]] = [
        lambda seed: Timing.uniform(program, 50, seed),
        lambda seed: Timing.heavy_tail(program, seed),
        lambda seed: Timing.adversarial(program, seed),
    ]
    for seed in range(RANDOM):
        yield f"random {seed}", draws[seed % len(draws)](seed)


def network_rows(name: str, machine: str) -> Iterator[Row]:
    """One row per mode."""
    numbers = load(name, machine)
    inputs = sample_inputs(numbers.program, 1, numbers.model)
    values = [layer["value"] for layer in _layers(numbers)]
    reference = oracle(numbers.model, inputs, values)
    for mode in api.MODES:
        began = time.process_time()
        program = api.compile_program(numbers.program, mode).program
        functional = Functional(program, numbers.constants)
        result = api.run(program)
        first = compare(functional, result, inputs, reference, TOLERANCES["float32"], layers=True)
        bytes_ = {_bytes(first.results)}
        wrong = [] if first.agrees else ["nominal"]
        runs = 1
        for label, timing in timings(program):
            again = api.run(program, timing=timing)
            found = compare(functional, again, inputs, reference, TOLERANCES["float32"])
            bytes_.add(_bytes(found.results))
            wrong += [] if found.agrees and again.outcome == "finished" else [label]
            runs += 1
        worst = max(first.layers, key=lambda v: v.relative)
        peak = functional.memory.peak()
        yield {
            "network": name,
            "machine": machine,
            "mode": mode,
            "tasks": len(program),
            "runs": runs,
            "wrong": wrong,
            "distinct": len(bytes_),
            "output_error": max(v.relative for v in first.outputs),
            "layers": len(first.layers),
            "unknown_layers": len(first.unknown),
            "layer_error": worst.relative,
            "worst_layer": worst.layer,
            "rms": _spread(reference, values),
            "cmx_peak": max(size for m, size in peak.items() if m >= 0),
            "cmx_bytes": program.machine.memory.cmx_bytes,
            "ddr_peak": peak[-1],
            "cell_bytes": functional.memory.bytes,
            "seconds": round(time.process_time() - began, 2),
        }


def _layers(numbers: Numbers) -> list[Row]:
    from wlm_dialect.program.payload import read_payload

    return [{"value": layer.value} for layer in read_payload(numbers.program).layers]


def _bytes(results: Any) -> bytes:
    return b"".join(np.ascontiguousarray(v).tobytes() for v in results.values())


def _spread(reference: Any, values: list[str]) -> list[float]:
    """Smallest and largest root mean square of what layers make, softmax aside: neither dies nor explodes."""
    rms = [float(np.sqrt(np.mean(np.square(reference[v], dtype=np.float64)))) for v in values[:-1] if v in reference]
    return [round(min(rms), 4), round(max(rms), 4)]


def memory_row(name: str, machine: str) -> Row:
    """How much memory there is beside how much is alive at once, in program order."""
    program = api.load(name, machine) if name not in MODELS else load(name, machine).program
    b = program.buffers
    first, last = np.full(len(b), len(program)), np.full(len(b), -1)
    for table in (program.reads, program.writes):
        np.minimum.at(first, b.root[table.index], table.rows())
        np.maximum.at(last, b.root[table.index], table.rows())
    roots = [r for r in range(len(b)) if b.root[r] == r and last[r] >= 0]

    def largest(chosen: list[int]) -> int:
        change = np.zeros(len(program) + 1, np.int64)
        for r in chosen:
            change[first[r]] += align(int(b.size[r]), 64)
            change[last[r] + 1] -= align(int(b.size[r]), 64)
        return int(np.cumsum(change).max())

    def top(chosen: list[int]) -> int:
        return max((align(int(b.address[r] + b.size[r]), 64) for r in chosen), default=0)

    ddr = [r for r in roots if b.memory[r] < 0]
    moving = [r for r in ddr if b.role[r] == "scratch"]
    fixed = sum(align(int(b.size[r]), 64) for r in ddr if b.role[r] != "scratch")
    tiles = [[r for r in roots if b.memory[r] == t] for t in range(program.machine.tiles)]
    packed = []
    for tile in tiles:
        _, peak = place([int(b.size[r]) for r in tile], [int(first[r]) for r in tile], [int(last[r]) for r in tile])
        packed.append(peak / max(largest(tile), 1))
    return {
        "network": name,
        "machine": machine,
        "ddr_top": top(ddr),
        "ddr_live": fixed + largest(moving),
        "activations_top": top(ddr) - fixed,
        "activations_live": largest(moving),
        "activations_sum": sum(align(int(b.size[r]), 64) for r in moving),
        "cmx_top": max(top(tile) for tile in tiles),
        "cmx_live": max(largest(tile) for tile in tiles),
        "cmx_sum": max(sum(align(int(b.size[r]), 64) for r in tile) for tile in tiles),
        "cmx_bytes": program.machine.memory.cmx_bytes,
        "cmx_packed": round(max(packed), 3),
    }


def drop_rows(name: str, machine: str, count: int) -> Iterator[Row]:
    """Take one wait at a time out of a managed schedule, and out of the counts; ask checker, simulator and numbers."""
    numbers = load(name, machine)
    inputs = sample_inputs(numbers.program, 1, numbers.model)
    program = api.compile_program(numbers.program, "full").program
    nominal = api.run(program)
    functional = Functional(program, numbers.constants)
    right = _Right(functional, nominal, inputs)
    task_of = program.waits.rows()
    waits = np.nonzero(program.kind[task_of] == Kind.RUN)[0]
    chosen = np.random.default_rng(0).permutation(waits)[:count]
    for entry in sorted(chosen.tolist()):
        t, v = int(task_of[entry]), int(program.waits.index[entry])
        keep = np.ones(len(task_of), bool)
        keep[entry] = False
        consumers = program.barriers.consumers.copy()
        consumers[v] -= program.slots[t]
        dropped = program.with_(waits=program.waits.kept(keep), barriers=replace(program.barriers, consumers=consumers))
        yield {
            "task": program.names[t],
            "barrier": program.barrier_name(v),
            **_drop(dropped, v, numbers, inputs, right),
        }


class _Right:
    """What every task should make, as checksums, and the outputs."""

    def __init__(self, functional: Functional, result: Any, inputs: Any) -> None:
        self.sums: dict[int, int] = {}
        self.outputs = _bytes(functional.run(result.start, result.end, inputs, self._keep))

    def _keep(self, task: int, made: Any) -> None:
        self.sums[task] = zlib.crc32(np.ascontiguousarray(made))

    def differs(self, functional: Functional, result: Any, inputs: Any) -> tuple[bool, bool]:
        """Whether outputs differ, and whether anything that a task makes does."""
        other = _Right(functional, result, inputs)
        return other.outputs != self.outputs, other.sums != self.sums


def _drop(program: Program, barrier: int, numbers: Numbers, inputs: Any, right: _Right) -> Row:
    """Each engine with a producer of the barrier late in turn. What the checker does not prove, it has caught."""
    first, second = conflicts(program)
    functional = Functional(program, numbers.constants)
    row = {"broken": False, "numbers": False, "layers": False, "simulator": False}
    for engine in sorted({int(program.engine[a]) for a in program.producers[barrier]}):
        result = api.run(program, timing=late(program, (engine,)))
        row["simulator"] |= result.outcome != "finished"
        if min(result.start.min(), result.end.min()) < 0:
            continue  # stopped by another hazard: no numbers
        row["broken"] |= bool((result.start[second] < result.end[first]).any())
        outputs, layers = right.differs(functional, result, inputs)
        row["numbers"] |= outputs
        row["layers"] |= layers
    verdict = api.verify(program).status
    return {**row, "checker": verdict != "proved", "verdict": verdict}


def graph_drop_rows(name: str, machine: str, count: int) -> Iterator[Row]:
    """Drop one dependence at a time before lowering: passes may then list the two tasks the other way round.

    Program order is what the checker takes for meant, so it cannot see those; the numbers can.
    """
    numbers = load(name, machine)
    inputs = sample_inputs(numbers.program, 1, numbers.model)
    reduced = ReduceDependencesPass().run(numbers.program)
    passes = [p for p in api.pipeline("full") if p.name not in ("wlm-insert-dependences", "wlm-verify-schedule")]
    nominal = api.run(numbers.program)
    whole = Functional(reduced, numbers.constants)
    right = _bytes(whole.run(nominal.start, nominal.end, inputs))
    edges = list(zip(reduced.after.index.tolist(), reduced.after.rows().tolist(), strict=True))
    for k in sorted(np.random.default_rng(0).permutation(len(edges))[:count].tolist()):
        keep = np.ones(len(edges), bool)
        keep[k] = False
        program = reduced.with_(after=reduced.after.kept(keep))
        for step in passes:
            assert isinstance(step, ProgramPass)
            program = step.run(program)
        place_of = {n: t for t, n in enumerate(program.names) if program.kind[t] == Kind.RUN}
        a, b = (place_of[reduced.names[t]] for t in edges[k])
        result = api.run(program, timing=late(program, (int(program.engine[a]),)))
        found = _bytes(Functional(program, numbers.constants).run(result.start, result.end, inputs))
        yield {
            "from": program.names[a],
            "to": program.names[b],
            "swapped": b < a,
            "broken": bool(result.start[b] < result.end[a]),
            "checker": api.verify(program).status != "proved",
            "simulator": result.outcome != "finished",
            "numbers": found != right,
            "layers": found != right,
        }


def speed_row() -> Row:
    """ResNet-50: tiled execution over plain layers, best processor time of five each, in one process."""
    numbers = load("resnet50", "npu40xx:4")
    inputs = sample_inputs(numbers.program, 1)
    program = api.compile_program(numbers.program, "full").program
    functional, result = Functional(program, numbers.constants), api.run(program)
    plain = Plain(functional.payload, numbers.constants)
    a = _best(lambda: functional.run(result.start, result.end, inputs))
    b = _best(lambda: plain.run(inputs))
    return {"functional": round(a, 4), "plain": round(b, 4), "ratio": round(a / b, 3)}


def _best(work: Callable[[], Any], times: int = 5) -> float:
    out = []
    for _ in range(times):
        began = time.process_time()
        work()
        out.append(time.process_time() - began)
    return min(out)


def summary(drops: list[Row]) -> Row:
    """What caught how many: of all drops, and of those that break a dependence through data under a lazy timing."""
    broken = [d for d in drops if d["broken"]]
    witnesses = ("checker", "simulator", "layers", "numbers")
    return {
        "drops": len(drops),
        **{w: sum(d[w] for d in drops) for w in witnesses},
        "any": sum(any(d[w] for w in witnesses) for d in drops),
        "broken": len(broken),
        **{f"{w}_of_broken": sum(d[w] for d in broken) for w in witnesses},
        "broken_unseen": sum(not any(d[w] for w in witnesses) for d in broken),
        "swapped": sum(d.get("swapped", False) for d in drops),
    }


def problems(data: dict[str, Any]) -> list[str]:
    """What is wanted and does not hold, in words."""
    out = []
    for row in data["networks"]:
        where = f"{row['network']} on {row['machine']}, {row['mode']}"
        out += [f"{where}: wrong numbers under {label}" for label in row["wrong"]]
        if row["distinct"] != 1:
            out.append(f"{where}: {row['distinct']} different results")
        if row["cmx_peak"] > row["cmx_bytes"]:
            out.append(f"{where}: {row['cmx_peak']} bytes of CMX")
    for row in data["memory"]:
        if row["ddr_top"] > ALLOCATOR * row["ddr_live"]:
            out.append(f"{row['network']} on {row['machine']}: DDR of {row['ddr_top']} for {row['ddr_live']} alive")
    if data["speed"] and data["speed"]["ratio"] > SLOWER:
        out.append(f"resnet50 takes {data['speed']['ratio']} times as long as plain numpy")
    found = data["drops"]
    if found and found["checker_of_broken"] < found["broken"]:
        out.append(f"the checker misses {found['broken'] - found['checker_of_broken']} dropped dependences")
    return out
