"""Which DMA queue carries the management of an engine. Fixed per engine, so that its pushes are in order (H6)."""

import numpy as np

from wlm_dialect.program import Kind, Program


def management_queues(program: Program) -> list[int]:
    """DMA queues that carry management: the half with the least work of the network's own, at least one.

    Any queue may: what npu_compiler derives from the source of a transfer is a rule for data (docs/rationale.md).
    """
    machine = program.machine
    dmas = machine.engines_of("dma")
    # an enqueue relies on the fetch before it on its queue: the queue must end tasks in order if there is one that does
    queues = [machine.engine_index[e.name] for e in dmas if e.ends_in_order or not any(d.ends_in_order for d in dmas)]
    own = program.kind == Kind.RUN
    load = np.bincount(program.engine[own], program.cycles[own], len(machine.engines))
    queues.sort(key=lambda q: (load[q], q))
    return queues[: max(1, len(queues) // 2)]


def managers(program: Program) -> list[int]:
    """Per engine the queue that fetches for it and enqueues on it; -1 if there is none. A DMA queue is never its own.

    Depends on the network's tasks only, so that every pass of a pipeline finds the same.
    """
    machine = program.machine
    chosen = management_queues(program)
    dmas = [machine.engine_index[e.name] for e in machine.engines_of("dma")]
    out: list[int] = []
    for e in range(len(machine.engines)):
        queues = [q for q in chosen if q != e] or [q for q in dmas if q != e]
        out.append(queues[e % len(queues)] if queues else -1)
    return out
