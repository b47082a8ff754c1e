"""From pages to a managed program: barriers bound, enqueue DMAs inserted, bootstrap filled."""

from dataclasses import replace

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import I32, Csr, int32
from wlm_dialect.passes.editing import Inserted, enqueue_insertion, insert_tasks
from wlm_dialect.passes.insert_tail import with_tail
from wlm_dialect.passes.policies.pages.build import Paged, check_slots, in_order, known_before
from wlm_dialect.passes.policies.pages.checks import require_orders
from wlm_dialect.passes.policies.pages.enqueues import Enqueue, Planner
from wlm_dialect.passes.reordering import reordered
from wlm_dialect.program import Barriers, Program, WorkItems
from wlm_dialect.program.model import IRQ_LIFTED


def managed(paged: Paged, queue: int, depth: int) -> Program:
    """The managed program, in mode full. `depth`: instances per barrier that bootstrap loads."""
    program = bound(paged.program, paged.pids)
    plan = Planner(program, paged.task_page, queue).enqueues()
    if plan:
        program = with_enqueues(program, plan, queue)
    if program.barriers.tail >= 0:
        program = with_tail(program)
    check_slots(program)
    require_orders(program)
    return finished(program, depth)


def bound(program: Program, pids: list[int]) -> Program:
    """The program with its barriers on physical ones; what they count is filled in at the end."""
    return program.with_(barriers=replace(program.barriers, pid=int32(pids)))


def with_enqueues(program: Program, plan: list[Enqueue], queue: int) -> Program:
    """The program with its enqueues, in an order of execution.

    The first one that has the waits of a DMA takes them over: the queue implies them for the DMA itself.
    """
    listed: list[int] = program.lists[queue].tolist()
    waits = program.waits.lists()
    tasks = []
    for item in plan:
        at, with_waits = divmod(item.place, 2)
        before = listed[at] if at < len(listed) else len(program)
        taken: list[int] = []
        if with_waits:
            taken, waits[before] = waits[before], []
        span = item.low, item.high
        tasks.append(enqueue_insertion(program.machine, before, queue, item.engine, span, tuple(taken)))
    inserted = insert_tasks(program.with_(waits=Csr.of(waits)), tasks)
    return reordered(inserted.program, _execution_order(inserted, plan, program))


def _execution_order(inserted: Inserted, plan: list[Enqueue], old: Program) -> I32:
    """An order of execution: a push comes before the tasks pushed and behind those that leave the FIFO for them."""
    program = inserted.program
    lists = [tasks.tolist() for tasks in program.lists]
    before = known_before(program.waits.lists(), program.producers.lists(), lists)
    for i, item in enumerate(plan):
        push, tasks = int(inserted.new[i]), inserted.old[old.lists[item.engine]]
        before[int(tasks[item.low])].add(push)
        leaving = item.high - 1 - program.machine.engines[item.engine].fifo_depth
        if leaving >= 0:
            before[push].add(int(tasks[leaving]))
    out = in_order(before, range(len(program)))
    if len(out) < len(program):
        stuck = min(set(range(len(program))) - set(out))
        engine = program.engine_name(stuck)
        raise ScheduleError(
            f"policy 'pages': '{program.names[stuck]}' on @{engine} waits for itself, because of where tasks are pushed"
        )
    return int32(out)


def finished(program: Program, depth: int) -> Program:
    """Phase managed: counts, the interrupt of the tail, the bootstrap and the linked DMA lists."""
    made, used = (table.sums(program.slots).astype(np.int32) for table in (program.producers, program.consumers))
    bound_to, tail = program.barriers.pid, program.barriers.tail
    irq = np.zeros(len(bound_to), np.int32)
    if tail >= 0:
        irq[tail] = IRQ_LIFTED
    barriers = Barriers(bound_to, made, used, irq, tail)
    loaded = np.nonzero(barriers.instance < depth)[0]
    order = np.lexsort((barriers.instance[loaded], bound_to[loaded]))
    dmas = [e for e, m in enumerate(program.machine.engines) if m.kind == "dma" and len(program.lists[e])]
    dmas.sort(key=lambda e: int(program.lists[e][0]))  # as the IR lists them
    n = len(dmas)
    high = int32(len(program.lists[e]) for e in dmas)
    items = WorkItems(int32(dmas), np.zeros(n, np.int32), high, Csr.empty(n), Csr.empty(n))
    return program.with_(
        phase="managed", mode="full", barriers=barriers, bootstrap=loaded[order].astype(np.int32), items=items
    )
