"""The other policies on random graphs and machines: what they place is proved, pages are legal, reuse is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings

from tests.property.strategies import SCALE, Case, cases
from wlm_dialect.api import compile_program, pipeline
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.analysis.reuse import minimum_cover, reuse
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_tail import InsertTailPass
from wlm_dialect.passes.policies import policy_names
from wlm_dialect.passes.policies.pages import DUMMY, place_pages
from wlm_dialect.passes.split_barriers import within_slots
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Kind, Program

OTHERS = tuple(name for name in policy_names() if name != "chains")
MODES = ("firmware", "partial", "full")


def campaign(examples: int) -> settings:
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    return settings(
        max_examples=examples * SCALE, deadline=None, suppress_health_check=slow, derandomize=SCALE == 1, phases=phases
    )


def virtual(case: Case) -> Program:
    return InsertTailPass().run(InsertBarriersPass().run(case.graph))


def gives_up(case: Case, error: ScheduleError) -> bool:
    """Whether it is the policy pages that refuses a graph, and not for halves where there are two."""
    halves = "needs two halves of equal size" in str(error)
    return "policy 'pages'" in str(error) and not (halves and case.machine.barriers.count % 2 == 0)


@pytest.mark.parametrize("policy", OTHERS)
@given(case=cases())
@campaign(25)
def test_what_a_policy_places_is_proved(policy: str, case: Case) -> None:
    for mode in MODES:
        steps = [replace(s, policy=policy) if isinstance(s, AssignBarriersPass) else s for s in pipeline(mode)]
        try:
            done = compile_program(case.graph, mode, steps).program
        except ScheduleError as error:
            event(f"{policy}, {mode}: {str(error)[:60]}")
            if policy != "pages" or not gives_up(case, error):
                raise
            continue
        event(f"{policy}, {mode}: placed")
        assert check(done).status == PROVED


@given(case=cases())
@campaign(60)
def test_pages_are_legal_and_known(case: Case) -> None:
    """Waits are on the page of the task, updates there or on the next, and two pages on every barrier is over (H2)."""
    program = within_slots(virtual(case))
    try:
        paged = place_pages(program)
    except ScheduleError as error:
        event(str(error)[:60])
        if not gives_up(case, error):
            raise
        return
    new, size = paged.program, case.machine.barriers.count // 2
    event(f"pages: {min(5, max(paged.barrier_page, default=0) + 1)}, dummies: {min(3, len(paged.dummies))}")
    page = paged.barrier_page
    assert page == sorted(page)
    assert max(np.bincount(page), default=0) <= size
    for t, p in enumerate(paged.task_page):
        assert all(page[v] == p for v in new.waits[t].tolist())
        assert all(page[v] in (p, p + 1) for v in new.updates[t].tolist())
    for tasks in new.lists:
        pages = [paged.task_page[t] for t in tasks.tolist()]
        assert pages == sorted(pages)
    assert [new.names[t] for t in paged.dummies] == [DUMMY] * len(paged.dummies)
    assert int((new.kind == Kind.SYNC).sum()) == len(paged.dummies) + int((program.kind == Kind.SYNC).sum())
    test = reuse(new, task_order(new))
    last: dict[int, int] = {}
    for v, pid in enumerate(paged.pids):
        assert pid // size == page[v] % 2
        assert pid not in last or test.before(last[pid], v)
        last[pid] = v
    known_before_and_after(program, paged.program, paged.origin)


def known_before_and_after(program: Program, new: Program, origin: list[int]) -> None:
    """Every order of the tasks of `program` is kept."""
    old, now = task_order(program), task_order(new)
    place = {t: i for i, t in enumerate(origin) if t >= 0}
    assert sorted(place) == list(range(len(program)))
    for a in range(len(program)):
        for b in range(a + 1, len(program)):
            assert not old.before_start(a, b) or now.before_start(place[a], place[b])


@given(case=cases(20))
@campaign(60)
def test_reuse_is_what_walking_every_path_says(case: Case) -> None:
    """u before v: each consumer of u starts, or each producer ends if there is none, before each producer of v ends."""
    program = virtual(case)
    order = task_order(program)
    rows = reuse(program, order)
    producers, consumers = program.producers.lists(), program.consumers.lists()
    at_end = case.machine.barriers.consume_at == "end"

    def over_before_end(u: int, t: int) -> bool:
        if not consumers[u]:
            return all(order.before_start(p, t) for p in producers[u])
        if at_end:
            return all(c == t or order.before_start(c, t) for c in consumers[u])
        return all(order.start_before_end(c, t) for c in consumers[u])

    for u in range(len(producers)):
        for v in range(len(producers)):
            assert rows.before(u, v) == (u != v and all(over_before_end(u, t) for t in producers[v])), (u, v)
    cover = minimum_cover(program)
    assert cover.count == cover.width
    for v, u in enumerate(cover.chain.tolist()):
        assert all(not rows.before(v, w) for w in cover.antichain.tolist() if v in cover.antichain.tolist()), u
