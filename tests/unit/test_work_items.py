"""What wlm-link-work-items asks again and again, against the words that define it."""

import random
from dataclasses import replace

import numpy as np
import pytest

from wlm_dialect import api
from wlm_dialect.passes.analysis.estimate import estimate, over_times
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.analysis.service import Served, ServiceOrder
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.insert_pulses import Credits
from wlm_dialect.passes.link_work_items import LinkWorkItemsPass
from wlm_dialect.program import Program


@pytest.fixture(scope="module")
def program() -> Program:
    """A network whose DMA queues are longer than their FIFOs, before its work items are linked."""
    machine = api.machine("npu40xx:2")
    engines = tuple(replace(e, fifo_depth=4) if e.kind == "dma" else e for e in machine.engines)
    made = api.load("squeezenet", replace(machine, engines=engines))
    for step in api.pipeline("partial"):
        if isinstance(step, LinkWorkItemsPass):
            break
        made = step.run(made)  # type: ignore[attr-defined]  # all are passes on programs
    return made


def test_a_credit_is_over_after_the_fifo_has_room_and_before_the_item(program: Program) -> None:
    last, over = last_use(program), over_times(program, estimate(program))
    draw, asked = random.Random(1), 0
    for tasks in (tasks.tolist() for tasks in program.lists if len(tasks) > 4):
        depth = program.machine.engines[int(program.engine[tasks[0]])].fifo_depth
        credits = Credits(program, tasks, last, over)
        for index in range(depth, len(tasks)):
            used = [v for t in tasks[index - depth : index] for v in (*program.updates[t], *program.waits[t])]
            found = [int(v) for v in used if last[v] < tasks[index] and v != program.barriers.tail]
            rather = set(draw.sample(range(len(program.barriers)), 3)) | set(found[:1] if index % 3 else [])
            expected = min(found, key=lambda v: (v not in rather, over[v], v), default=-1)
            assert credits.soonest(index, rather) == expected
            asked += 1
    assert asked > 50


def test_an_interrupt_is_implied_by_one_whose_barrier_knows_that_the_other_is_over(program: Program) -> None:
    order, over = task_order(program), over_times(program, estimate(program))
    service = ServiceOrder(program, order)
    served = Served(service, over)
    known: list[np.ndarray] = []
    for v in range(len(program.barriers)):
        users = program.consumers[v] if len(program.consumers[v]) else program.producers[v]
        rows = order.ends[users]
        rows[np.arange(len(users)), order.lane[users]] = order.at[users] - 1
        known.append(rows.max(axis=0))
    draw = random.Random(2)
    seen = {False: 0, True: 0}
    for v in range(len(program.barriers)):
        others = draw.sample(range(len(program.barriers)), 2)
        users = program.consumers[v] if len(program.consumers[v]) else program.producers[v]
        expected = any((known[o][order.lane[users]] >= order.at[users]).all() for o in others)
        assert service.implied(v, others) == expected
        assert not Served(service, over).imply(v)
        alone = Served(service, over)
        alone.add(others)
        assert alone.imply(v) == expected
        served.add(others)
        assert served.imply(v) or not expected
        seen[expected] += 1
    assert min(seen.values()) > 5


def test_what_was_served_long_ago_is_forgotten(program: Program) -> None:
    many = 300
    service = ServiceOrder(program, task_order(program))
    service.known = np.resize(service.known, (many, service.known.shape[1]))
    served = Served(service, range(many))
    for v in range(many):
        served.add([v])
    assert served.barriers == set(range(many - 43 - 128, many))
