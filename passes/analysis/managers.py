"""Which DMA queue carries the management of an engine. Fixed per engine, so that its pushes are in order (H6)."""

import numpy as np

from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Kind, Program


def managers(program: Program) -> list[int]:
    """Per engine the queue that fetches for it and enqueues on it; -1 if there is none. A DMA queue is never its own.

    Engines with most to fetch choose first, each the queue with least work so far, the network's own included: where
    tasks are short, the bytes of their descriptors are what takes time. Any queue may: what npu_compiler derives from
    the source of a transfer is a rule for data (docs/rationale.md). With `management.queue` that one manages all
    others, and what wlm-stall-enqueues has chosen stays. Depends on those and the network's tasks only, so that every
    pass of a pipeline finds the same.
    """
    machine = program.machine
    given = _given(program)
    dmas = [machine.engine_index[e.name] for e in machine.engines_of("dma")]
    dedicated = dedicated_queue(machine)
    # an enqueue relies on the fetch before it on its queue: the queue must end tasks in order if there is one that does
    ordered = [q for q in dmas if machine.engines[q].ends_in_order] or dmas
    own = program.kind == Kind.RUN
    load = np.bincount(program.engine[own], program.cycles[own], len(machine.engines))
    tasks = np.bincount(program.engine[own], minlength=len(machine.engines))
    out = [-1] * len(machine.engines)
    for e in sorted(range(len(out)), key=lambda e: (-_fetched_bytes(machine, e, int(tasks[e])), e)):
        queues = [q for q in ordered if q != e] or [q for q in dmas if q != e]
        if dedicated not in (-1, e):
            queues = [dedicated]
        if e in given:
            queues = [given[e]]
        if queues:
            out[e] = min(queues, key=lambda q: (load[q], q))
            size = _fetched_bytes(machine, e, int(tasks[e]))
            load[out[e]] += machine.transfer_ticks(machine.engines[out[e]], size) if size else 0
    return out


def _given(program: Program) -> dict[int, int]:
    """Engine -> the queue on which some of its tasks are pushed already."""
    pushes = np.nonzero(program.kind == Kind.ENQUEUE)[0]
    return dict(zip(program.target[pushes].tolist(), program.engine[pushes].tolist(), strict=True))


def dedicated_queue(machine: MachineModel) -> int:
    """The queue that carries all management, -1 if any may."""
    return machine.engine_index.get(machine.management.queue, -1)


def _fetched_bytes(machine: MachineModel, engine: int, tasks: int) -> int:
    return machine.engines[engine].descriptor_bytes * tasks
