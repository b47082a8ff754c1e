"""Layer IR -> `Program` in phase graph: tilings, tasks, addresses, dependences, order."""

import numpy as np

from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.dependences import drop_implied, find_dependences, spans
from wlm_dialect.frontends.emit import BufferTable, Emitter, Stream
from wlm_dialect.frontends.layers import Network
from wlm_dialect.frontends.residency import Residency
from wlm_dialect.frontends.schedule import DoesNotFit, Scheduled, Scheduler
from wlm_dialect.kernels.allocator import place
from wlm_dialect.kernels.csr import int32, int64
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Buffers, Program
from wlm_dialect.program.model import DDR, Draft


def lower(network: Network, machine: MachineModel) -> Program:
    """The task graph of a network on a machine; FrontendError if a tensor or a step fits no memory."""
    if not machine.engines_of("dpu"):
        raise FrontendError(f"machine '{machine.name}' has no DPU: networks cannot be lowered to it")
    plan = Residency(network, machine)
    while True:
        stream = Emitter(network, machine, plan.tilings, plan.resident).run()
        try:
            scheduled = Scheduler(stream, machine, _dependences(stream, _buffers(stream.buffers, None))).run()
        except DoesNotFit as error:
            if not plan.drop(stream.layer_of_step[error.step]):
                raise _no_room(machine, stream, error.buffer) from None
            continue
        return _program(network.name, machine, stream, scheduled)


def _dependences(stream: Stream, buffers: Buffers) -> list[list[int]]:
    tasks = stream.tasks
    found = find_dependences([t.reads for t in tasks], [t.writes for t in tasks], spans(buffers))
    return drop_implied(found)


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


def _place_ddr(machine: MachineModel, stream: Stream, scheduled: Scheduled) -> None:
    """Addresses in DDR. Scratch tensors share memory when their lives, by estimated time, do not meet."""
    table = stream.buffers
    ddr = [b for b, r in enumerate(table.root) if b == r and table.memory[b] == DDR]
    end = max(scheduled.end)
    first, last = dict.fromkeys(ddr, end), dict.fromkeys(ddr, 0)
    for t, task in enumerate(stream.tasks):
        for view in (*task.reads, *task.writes):
            b = table.root[view]
            if table.memory[b] == DDR:
                first[b] = min(first[b], scheduled.start[t])
                last[b] = max(last[b], scheduled.end[t] - 1)
    used = [b for b in ddr if first[b] <= last[b]]
    for b in used:
        if table.role[b] != "scratch":
            first[b], last[b] = 0, end
    limit = machine.memory.ddr_bytes
    at, peak = place([table.size[b] for b in used], [first[b] for b in used], [last[b] for b in used])
    if peak > limit:
        worst = max(used, key=lambda b: table.size[b])
        raise FrontendError(
            f"the network needs {peak} bytes of DDR, but machine '{machine.name}' has {limit}; the largest tensor "
            f"is '{table.names[worst]}' with {table.size[worst]} bytes"
        )
    for b, address in zip(used, at.tolist(), strict=True):
        scheduled.address[b] = address


def _program(name: str, machine: MachineModel, stream: Stream, scheduled: Scheduled) -> Program:
    _place_ddr(machine, stream, scheduled)
    stream, scheduled = _in_order(stream, scheduled)
    buffers = _buffers(stream.buffers, scheduled.address)
    after = _dependences(stream, buffers)
    draft = Draft(name, machine)
    for t, task in enumerate(stream.tasks):
        draft.add(
            scheduled.engine[t],
            task.name,
            scheduled.cycles[t],
            slots=task.slots,
            bytes=task.bytes,
            after=after[t],
            reads=task.reads,
            writes=task.writes,
        )
    return draft.finish(buffers=_only_used(buffers, draft))


def _in_order(stream: Stream, scheduled: Scheduled) -> tuple[Stream, Scheduled]:
    """Tasks in the order of their estimated starts."""
    order = scheduled.order
    assert len(order) == len(stream.tasks)
    moved = Scheduled(
        [scheduled.engine[t] for t in order],
        [scheduled.cycles[t] for t in order],
        [scheduled.start[t] for t in order],
        [scheduled.end[t] for t in order],
        scheduled.address,
        scheduled.peak,
        list(range(len(order))),
    )
    tasks = [stream.tasks[t] for t in order]
    return Stream(stream.buffers, tasks, stream.fresh, stream.layer_of_step, stream.resident), moved


def _only_used(buffers: Buffers, draft: Draft) -> Buffers:
    """Without the objects that no task touches; relations in the draft are renumbered."""
    used = {b for rows in (draft.reads, draft.writes) for row in rows for b in row}
    used |= {int(buffers.root[b]) for b in used}
    keep = np.asarray(sorted(used), np.int32)
    number = {int(b): n for n, b in enumerate(keep)}
    draft.reads = [tuple(number[b] for b in row) for row in draft.reads]
    draft.writes = [tuple(number[b] for b in row) for row in draft.writes]
    return Buffers(
        tuple(buffers.names[b] for b in keep),
        buffers.memory[keep],
        int32(number[int(r)] for r in buffers.root[keep]),
        buffers.offset[keep],
        buffers.size[keep],
        buffers.address[keep],
        tuple(buffers.role[b] for b in keep),
    )
