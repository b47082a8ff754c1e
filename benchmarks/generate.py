"""A correct managed program of any size, for the simulators to run.

Six engines (two data channels, a management channel, two DPUs, a SHAVE) and 64 barriers. Tasks come in chunks that use
one half of the barriers and descriptor slots in turn. A chunk is set up once every task of the chunk before last has
ended: its last task on every engine updates a join barrier, on which the management channel waits.
"""

import random

from wlm_dialect.kernels.csr import Csr, int32
from wlm_dialect.machine import EngineModel, MachineModel
from wlm_dialect.program import Barriers, Kind, Program, WorkItems
from wlm_dialect.program.model import IRQ_LIFTED, IRQ_OFF, Draft

MANAGER, WORKERS, COMPUTE = 2, (0, 1, 3, 4, 5), (3, 4, 5)
HALF, JOIN, TAIL = 30, 60, 62  # barriers per half; first of the two joins; tail
CHUNK = 36  # tasks, enough for most of a half to be used


def machine() -> MachineModel:
    """Six serial engines and 64 barriers: the least that `generate` needs; other orders and depths fit too."""
    dma = [EngineModel(f"dma{n}", "dma", fifo_depth=64, max_waits=0, bandwidth_mbps=10_000) for n in range(3)]
    dpu = [
        EngineModel(name, kind, 0, fifo_depth=256, descriptor_slots=2 * CHUNK, descriptor_bytes=800)
        for name, kind in (("dpu0", "dpu"), ("dpu1", "dpu"), ("shave0", "shave"))
    ]
    return MachineModel("benchmark", 1000, 1, (*dma, *dpu))


class _Maker:
    def __init__(self, seed: int, model: MachineModel, chunk: int) -> None:
        self.draw = random.Random(seed)
        self.chunk_size = chunk
        self.draft = Draft("generated", model, "managed", "full")
        self.count = [0] * 6  # tasks so far per engine
        self.rows: list[list[int]] = []  # pid, producers, consumers, irq of each instance
        self.joins: list[int] = []

    def barrier(self, pid: int) -> int:
        self.rows.append([pid, 0, 0, IRQ_OFF])
        return len(self.rows) - 1

    def add(self, engine: int, name: str, cycles: int, *, slots: int = 1, **fields: object) -> int:
        waits, updates = fields.get("waits", ()), fields.get("updates", ())
        for v in updates:  # type: ignore[attr-defined]
            self.rows[v][1] += slots
        for v in waits:  # type: ignore[attr-defined]
            self.rows[v][2] += slots
        self.count[engine] += 1
        return self.draft.add(engine, name, cycles, slots=slots, **fields)  # type: ignore[arg-type]

    def plan_chunk(self) -> list[list[object]]:
        """Engine, slots, waits and updates (numbers of barriers of the half) of the tasks of one chunk."""
        tasks: list[list[object]] = []
        owner: dict[int, int] = {}  # task of the chunk -> barrier it updates
        for n in range(self.chunk_size):
            engine = self.draw.choice(WORKERS)
            slots = self.draw.randint(1, 4) if engine in COMPUTE else 1
            waits: list[int] = []
            wanted = self.draw.randint(0, 1 if engine in COMPUTE else 3)
            others = [m for m in range(max(0, n - 12), n) if tasks[m][0] != engine]
            for m in sorted(self.draw.sample(others, min(wanted, len(others)))):
                if m not in owner and len(owner) < HALF:
                    owner[m] = len(owner)
                    tasks[m][3].append(owner[m])  # type: ignore[attr-defined]
                if m in owner:
                    waits.append(owner[m])
            tasks.append([engine, slots, waits, []])
        return tasks

    def chunk(self, number: int) -> None:
        """Management, then tasks."""
        tasks = self.plan_chunk()
        used = 1 + max((v for task in tasks for v in task[3]), default=-1)  # type: ignore[attr-defined]
        base = number % 2 * HALF
        half = [self.barrier(base + n) for n in range(used)]
        join = self.barrier(JOIN + number % 2)
        ready = [self.joins[number - 2]] if number >= 2 else []
        self.joins.append(join)
        if ready:
            self.add(MANAGER, "program", 60, kind=Kind.PROGRAM, programs=[*half, join], waits=ready)
        first = list(self.count)
        size = [sum(task[0] == e for task in tasks) for e in range(6)]
        for e in (e for e in WORKERS if size[e]):
            low, high = first[e], first[e] + size[e]
            if e in COMPUTE:
                slot = number % 2 * CHUNK
                self.add(MANAGER, "fetch", 90, kind=Kind.FETCH, target=e, low=low, high=high, slot=slot)
            self.add(MANAGER, "enqueue", 40, kind=Kind.ENQUEUE, target=e, low=low, high=high)
        self.tasks(tasks, half, join)

    def tasks(self, tasks: list[list[object]], half: list[int], join: int) -> None:
        last = {task[0]: n for n, task in enumerate(tasks)}
        for n, (engine, slots, waits, updates) in enumerate(tasks):
            ends = [join] if last[engine] == n else []
            self.add(
                engine,  # type: ignore[arg-type]
                "task",
                200 + self.draw.randrange(2000),
                slots=slots,  # type: ignore[arg-type]
                waits=[half[v] for v in waits],  # type: ignore[attr-defined]
                updates=[half[v] for v in updates] + ends,  # type: ignore[attr-defined]
            )


def generate(size: int, seed: int = 1, model: MachineModel | None = None, chunk: int = CHUNK) -> Program:
    """At least `size` tasks (whole chunks of `chunk` <= CHUNK tasks, at least two), management included, full mode."""
    make = _Maker(seed, model or machine(), chunk)
    chunks = 0
    while chunks < 2 or len(make.draft.kind) < size:
        make.chunk(chunks)
        chunks += 1
        if chunks == 2:
            booted = list(range(len(make.rows)))
    tail = make.barrier(TAIL)
    make.add(MANAGER, "sync", 10, kind=Kind.SYNC, waits=make.joins[-2:], updates=[tail])
    make.rows[tail][3] = IRQ_LIFTED
    pid, producers, consumers, irq = (int32(column) for column in zip(*make.rows, strict=True))
    empty = Csr.empty(1)
    items = WorkItems(int32([MANAGER]), int32([0]), int32([make.count[MANAGER]]), empty, empty)
    return make.draft.finish(
        barriers=Barriers(pid, producers, consumers, irq, tail), bootstrap=[*booted, tail], items=items
    )
