"""Layer IR -> `Program` in phase graph: tilings, tasks, addresses, dependences, order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.emit import BufferTable, Emitter, Stream, TaskSpec
from wlm_dialect.frontends.layers import Network
from wlm_dialect.frontends.memory import plan_units
from wlm_dialect.frontends.payload import attach
from wlm_dialect.frontends.residency import Residency
from wlm_dialect.frontends.schedule import DoesNotFit, Schedule, Scheduler
from wlm_dialect.frontends.tiling import Tiler
from wlm_dialect.kernels.allocator import align, place
from wlm_dialect.kernels.csr import int32, int64
from wlm_dialect.kernels.list_scheduling import list_schedule
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Buffers, Program
from wlm_dialect.program.conflicts import drop_implied, find_dependences, spans
from wlm_dialect.program.model import DDR, Draft

# What a task may cost to manage, in firmware pushes: fetch, enqueue, its share of a barrier. Few pushes make many small
# steps, which overlap better; that pays where memory is small.
TASK_PUSHES = (18, 6, 2)
GAIN_PERMILLE = 5  # a plan of more tasks must end sooner by this much
FILL_PERCENT = (97, 50, 0)  # of CMX that early loads may fill everywhere; less when fragments get in the way
ROUNDS = 20  # attempts to fill less only where memory runs out
LESS_PERCENT = 16  # of CMX, per attempt, from BEFORE steps before the one that found no room
BEFORE = 2
ALIGNMENT = 64  # bytes, of buffers in DDR


@dataclass(frozen=True)
class Plan:
    """Tasks with the schedule that they got."""

    stream: Stream
    times: Schedule

    @property
    def end(self) -> int:
        """The makespan in ticks, as the scheduler sees it."""
        return max(self.times.end)


def lower(network: Network, machine: MachineModel, payload: bool = False) -> Program:
    """The task graph of a network on a machine; FrontendError if a tensor or a step fits no memory.

    With `payload` the tasks say what they compute; FrontendError if a layer can only be timed.
    """
    if not machine.engines_of("dpu"):
        raise FrontendError(f"machine '{machine.name}' has no DPU: networks cannot be lowered to it")
    tiler = Tiler(network, machine)
    best = _plan(network, machine, tiler, TASK_PUSHES[0])
    for pushes in TASK_PUSHES[1:]:
        try:
            finer = _plan(network, machine, tiler, pushes)
        except FrontendError:
            continue  # fragments: the plan of larger steps is there
        if finer.end * 1000 >= best.end * (1000 - GAIN_PERMILLE):
            break
        best = finer
    program, renumbered, order = _program(network.name, machine, best.stream, best.times)
    return attach(program, network, best.stream, renumbered, order) if payload else program


def _plan(network: Network, machine: MachineModel, tiler: Tiler, pushes: int) -> Plan:
    """Tilings, resident tensors and schedule when a task costs `pushes`; FrontendError as `lower`."""
    kept = Residency(network, machine, tiler, pushes)
    while True:
        stream = Emitter(network, machine, kept.tilings, kept.resident).run()
        after = _dependences(stream.tasks, _buffers(stream.buffers, None))
        found = _schedule(machine, stream, after)
        if isinstance(found, Schedule):
            return Plan(stream, found)
        if not kept.drop(stream.layer_of_step[found.step]):
            raise _no_room(machine, stream, found.buffer)


def _schedule(machine: MachineModel, stream: Stream, after: Sequence[Sequence[int]]) -> Schedule | DoesNotFit:
    """The schedule with as many early loads as memory allows. Where fragments leave no room, fewer run ahead."""
    steps = len(stream.fresh)
    for percent in FILL_PERCENT:
        fill = [percent] * steps
        for _ in range(ROUNDS if percent else 1):
            try:
                return Scheduler(stream, machine, after, plan_units(stream, machine, after, fill)).run()
            except DoesNotFit as error:
                failed = error
            near = slice(max(0, failed.at - BEFORE), failed.step + 2)
            if not any(fill[near]):
                break
            fill[near] = [max(0, f - LESS_PERCENT) for f in fill[near]]
    return failed


def _dependences(tasks: Sequence[TaskSpec], buffers: Buffers) -> list[list[int]]:
    return drop_implied(find_dependences([t.reads for t in tasks], [t.writes for t in tasks], spans(buffers)))


def _no_room(machine: MachineModel, stream: Stream, buffer: int) -> FrontendError:
    table = stream.buffers
    return FrontendError(
        f"buffer '{table.names[buffer]}' of {table.size[buffer]} bytes finds no room in the "
        f"{machine.memory.cmx_bytes} bytes of CMX of tile {table.memory[buffer]}; use a machine with more CMX"
    )


def _buffers(table: BufferTable, address: list[int] | None) -> Buffers:
    roots = [-1] * len(table.names) if address is None else [address[r] for r in table.root]
    return Buffers(
        tuple(table.names),
        int32(table.memory),
        int32(table.root),
        int64(table.offset),
        int64(table.size),
        int64(roots),
        tuple(table.role),
    )


def _place_ddr(machine: MachineModel, stream: Stream, times: Schedule) -> None:
    """Addresses in DDR. Scratch tensors share memory when their lives, by estimated time, do not meet."""
    table = stream.buffers
    ddr = [b for b, r in enumerate(table.root) if b == r and table.memory[b] == DDR]
    end = max(times.end)
    first, last = dict.fromkeys(ddr, end), dict.fromkeys(ddr, 0)
    for t, task in enumerate(stream.tasks):
        for view in (*task.reads, *task.writes):
            b = table.root[view]
            if table.memory[b] == DDR:
                first[b] = min(first[b], times.start[t])
                last[b] = max(last[b], times.end[t] - 1)
    used = [b for b in ddr if first[b] <= last[b]]
    lasting = [b for b in used if table.role[b] != "scratch"]
    for b in lasting:
        first[b], last[b] = 0, end
    limit = machine.memory.ddr_bytes
    at, peak = place([table.size[b] for b in used], [first[b] for b in used], [last[b] for b in used])
    brief = [b for b in used if table.role[b] == "scratch"]
    below, top = place([table.size[b] for b in brief], [first[b] for b in brief], [last[b] for b in brief])
    room = int64(align(table.size[b], ALIGNMENT) for b in lasting)
    if top + int(room.sum()) < peak:  # what lasts had parted the room of what comes and goes
        above = top + np.cumsum(room) - room
        used, at, peak = [*brief, *lasting], np.concatenate([below, above]), top + int(room.sum())
    if peak > limit:
        worst = max(used, key=lambda b: table.size[b])
        raise FrontendError(
            f"the network needs {peak} bytes of DDR, but machine '{machine.name}' has {limit}; the largest tensor "
            f"is '{table.names[worst]}' with {table.size[worst]} bytes"
        )
    for b, a in zip(used, at.tolist(), strict=True):
        times.address[b] = a


def _program(
    name: str, machine: MachineModel, stream: Stream, times: Schedule
) -> tuple[Program, dict[int, int], Sequence[int]]:
    """The program; the new number of each buffer that is in it; its tasks as numbers of tasks of the stream."""
    _place_ddr(machine, stream, times)
    buffers = _buffers(stream.buffers, times.address)
    order = times.order
    after = _dependences([stream.tasks[i] for i in order], buffers)
    better = _by_levels(machine, times, order, after)
    if better is not None:
        order = better
        after = _dependences([stream.tasks[i] for i in order], buffers)
    draft = Draft(name, machine)
    for t, i in enumerate(order):
        task = stream.tasks[i]
        draft.add(
            times.engine[i],
            task.name,
            times.cycles[i],
            slots=task.slots,
            bytes=task.bytes,
            after=after[t],
            reads=task.reads,
            writes=task.writes,
        )
    kept, number = _only_used(buffers, draft)
    return draft.finish(buffers=kept), number, order


def _by_levels(
    machine: MachineModel, times: Schedule, order: Sequence[int], after: Sequence[Sequence[int]]
) -> list[int] | None:
    """The order of a list schedule by b-level, if it is estimated to end earlier than `times`.

    Now that addresses are known, the levels see what reuse of memory costs.
    """
    servers = [e.servers if e.order in ("pool", "outstanding") else 1 for e in machine.engines]
    cycles = [times.cycles[i] for i in order]
    found, starts = list_schedule([times.engine[i] for i in order], cycles, after, servers)
    if int((starts + int64(cycles)).max()) >= max(times.end):
        return None
    return [order[k] for k in found]


def _only_used(buffers: Buffers, draft: Draft) -> tuple[Buffers, dict[int, int]]:
    """Without the objects that no task touches, and their new numbers; relations in the draft are renumbered."""
    used = {b for rows in (draft.reads, draft.writes) for row in rows for b in row}
    used |= {int(buffers.root[b]) for b in used}
    keep = np.asarray(sorted(used), np.int32)
    number = {int(b): n for n, b in enumerate(keep)}
    draft.reads = [tuple(number[b] for b in row) for row in draft.reads]
    draft.writes = [tuple(number[b] for b in row) for row in draft.writes]
    kept = Buffers(
        tuple(buffers.names[b] for b in keep),
        buffers.memory[keep],
        int32(number[int(r)] for r in buffers.root[keep]),
        buffers.offset[keep],
        buffers.size[keep],
        buffers.address[keep],
        tuple(buffers.role[b] for b in keep),
    )
    return kept, number
