"""Schedules to break: random ones on random machines, real networks, and cut-outs of real networks."""

import random
from dataclasses import dataclass
from functools import cache

import numpy as np

from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr, int32, int64
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.pipelines import PIPELINES
from wlm_dialect.program import Program
from wlm_dialect.program.model import Buffers, Draft

MODES = ("firmware", "partial", "full")
NETWORKS = (
    "alexnet",
    "squeezenet",
    "shufflenet",
    "zfnet512",
    "inception_v1",
    "inception_v2",
    "densenet121",
    "resnet50",
    "vgg19",
)


@dataclass(frozen=True, eq=False)
class Schedule:
    """A managed program and how it came about."""

    name: str
    program: Program

    @property
    def mode(self) -> str:
        return self.program.mode


def random_machine(rng: random.Random, pools: bool = False) -> MachineModel:
    """`tiny` with some of its parameters changed; scarce barriers and short FIFOs more often than not."""
    changes: dict[str, object] = {
        "barriers.count": rng.choice([4, 4, 5, 6, 8]),
        "barriers.fifo_depth": rng.choice([0, 1, 1, 2, 4]),
        "engine.fifo_depth": rng.choice([1, 2, 4, 8]),
        "dpu.descriptor_slots": rng.choice([2, 4, 8]),
        "shave.descriptor_slots": rng.choice([2, 4, 8]),
        "dpu.order": rng.choice(["serial", "serial", "prefetching"]),
        "shave.order": rng.choice(["serial", "prefetching"]),
        "full_fifo": rng.choice(["block", "block", "drop"]),
        "barriers.consume_at": rng.choice(["start", "start", "start", "end"]),
        "firmware.service_order": rng.choice(["arrival", "arrival", "arrival", "id"]),
        "management.linked_enqueue": rng.random() < 0.2,
    }
    if rng.random() < 0.15:
        changes |= {"dma.order": "outstanding", "dma.servers": 2}
    if pools:
        changes |= {"shave.order": "pool", "shave.servers": 2}
    return preset("tiny").with_(**changes)


def with_rearming(machine: MachineModel, mode: str, rng: random.Random) -> MachineModel:
    """Now and then acknowledged re-arming, or bounded where firmware programs barriers (in full mode some programs are
    undecided then)."""
    kind = rng.random()
    if kind < 0.06:
        return machine.with_(**{"barriers.rearm": "acknowledged"})
    if kind < 0.12 and mode != "full":
        return machine.with_(**{"barriers.rearm": "bounded", "barriers.rearm_delta": rng.choice([1, 20, 500])})
    return machine


def random_graph(machine: MachineModel, rng: random.Random, size: int) -> Program:
    """`size` tasks on all engines, each after up to three of those before it; most pass data on in buffers."""
    draft = Draft("net", machine)
    engines = [i for i, e in enumerate(machine.engines) if not e.firmware]
    reach = rng.choice([2, 4, 8])
    shared = rng.random() < 0.5  # few buffers, written again and again: their old readers come first then
    buffers = max(2, size // 3) if shared else size
    for t in range(size):
        near = range(max(0, t - reach), t)
        before = sorted(set(rng.sample(near, min(rng.randrange(4), len(near)))))
        by_data = [u for u in before if rng.random() < 0.6]
        compute = machine.engines[engine := rng.choice(engines)].kind != "dma"
        draft.add(
            engine,
            f"t{t}",
            rng.randrange(50, 500),
            slots=rng.choice([1, 1, 2]) if compute else 1,
            after=[u for u in before if u not in by_data],
            reads=sorted({u % buffers for u in by_data}),
            writes=[t % buffers],
        )
    sizes = int64([64] * buffers)
    return draft.finish(
        buffers=Buffers(
            tuple(f"m{n}" for n in range(buffers)),
            int32([0] * buffers),
            int32(range(buffers)),
            int64([0] * buffers),
            sizes,
            np.cumsum(sizes) - 64,
            ("scratch",) * buffers,
        )
    )


def lowered(graph: Program, mode: str) -> Program | None:
    """Through the pipeline of a mode, but for its last check; None if the machine is too small for the graph."""
    try:
        for step in PIPELINES[mode]():
            if not step.name.startswith("wlm-verify"):
                assert isinstance(step, ProgramPass)
                graph = step.run(graph)
    except ScheduleError:
        return None
    return graph


def random_schedule(seed: int, least: int, most: int, pools: bool = False) -> Schedule | None:
    """The schedule of a seed; None if its graph does not fit its machine."""
    rng = random.Random(seed)
    mode = MODES[seed % 3]
    machine = with_rearming(random_machine(rng, pools), mode, random.Random(f"re-arming {seed}"))
    program = lowered(random_graph(machine, rng, rng.randint(least, most)), mode)
    return None if program is None else Schedule(f"random {seed} ({least} to {most}) {mode}", program)


@cache
def network(name: str, machine: str) -> Program:
    """The task graph of a network."""
    return api.load(name, machine)


@cache
def network_schedule(name: str, machine: str, mode: str) -> Schedule:
    """A real network, lowered."""
    program = lowered(network(name, machine), mode)
    assert program is not None, f"{name} {machine} {mode}"
    return Schedule(f"{name} {machine} {mode}", program)


def cut_out(graph: Program, first: int, size: int, machine: MachineModel | None = None) -> Program:
    """Tasks [first, first + size) of a graph, with the dependences and the buffers among them."""
    last = min(first + size, len(graph))
    rows = np.arange(first, last, dtype=np.int32)
    after = [[u - first for u in graph.after[t].tolist() if u >= first] for t in rows.tolist()]
    columns = ("kind", "engine", "cycles", "slots", "bytes", "target", "low", "high", "slot")
    tables = ("reads", "writes", "waits", "updates", "programs")
    return graph.with_(
        **{name: getattr(graph, name)[rows] for name in columns},
        **{name: getattr(graph, name).gathered(rows) for name in tables},
        names=graph.names[first:last],
        after=Csr.of(after),
        extra={},
        machine=machine or graph.machine,
    )


def cut_schedule(seed: int, most: int = 24) -> Schedule | None:
    """A piece of a real network on its machine with few barriers, lowered: at most 60 tasks, management included."""
    rng = random.Random(seed)
    name, mode = NETWORKS[seed % 4], MODES[seed // 4 % 3]
    graph = network(name, "npu40xx:1")
    size = rng.randint(6, most)
    scarce = graph.machine.with_(
        **{"barriers.count": rng.choice([4, 6, 8]), "barriers.fifo_depth": rng.choice([1, 2, 4])}
    )
    program = lowered(cut_out(graph, rng.randrange(len(graph) - size), size, scarce), mode)
    return None if program is None or len(program) > 60 else Schedule(f"cut-out {seed} of {name} {mode}", program)


def reuse(program: Program) -> float:
    """Instances per physical barrier in use."""
    return len(program.barriers) / max(len(set(program.barriers.pid.tolist())), 1)
