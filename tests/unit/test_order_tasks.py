"""Orders of execution: what they keep, and that they end no later."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.order_tasks import OrderTasksPass, _bound_makespan
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.ideal import ideal

FOUR = api.machine("npu40xx:4")


def _pairs(barriers: int = 64, count: int = 12) -> Program:
    """Chains load, conv, soft, store over shared engines, in an order that is bad: the shortest first."""
    draft = Draft("pairs", FOUR.with_(**{"barriers.count": barriers}))
    engine = FOUR.engine_index
    for n in range(count):
        load = draft.add(engine["dma0_ddr"], f"load{n}", 100 + 10 * n)
        conv = draft.add(engine[f"dpu{n % 4}"], f"conv{n}", 300 * (n + 1), after=[load])
        soft = draft.add(engine[f"shave{n % 4}_0"], f"soft{n}", 50, after=[conv])
        draft.add(engine["dma0_cmx"], f"store{n}", 80, after=[soft])
    return draft.finish()


def _orders(p: Program) -> set[tuple[str, str]]:
    return {(p.names[a], p.names[t]) for t, row in enumerate(p.after.lists()) for a in row}


@pytest.mark.parametrize("load", [_pairs, lambda: api.load("squeezenet", FOUR)])
def test_by_time_keeps_every_list_and_lists_by_start(load: Callable[[], Program]) -> None:
    p = load()
    done = OrderTasksPass().run(p)
    assert (np.diff(ideal(done).start) >= 0).all()
    assert ideal(done).makespan == ideal(p).makespan
    assert _orders(done) == _orders(p)
    for before, after in zip(p.lists, done.lists, strict=True):
        assert [p.names[t] for t in before] == [done.names[t] for t in after]
    assert OrderTasksPass().run(done) is done


@pytest.mark.parametrize("policy", ["list", "barriers"])
def test_list_scheduling_moves_tasks_and_keeps_dependences(policy: Any) -> None:
    p = _pairs()
    done = OrderTasksPass(policy).run(p)
    assert sorted(done.names) == sorted(p.names)
    assert _orders(done) == _orders(p)
    assert all(a < t for t, row in enumerate(done.after.lists()) for a in row)
    assert ideal(done).makespan < ideal(p).makespan
    assert done.names[done.lists[0][0]] == "load11"


def test_conflicts_of_a_network_keep_their_direction() -> None:
    p = api.load("squeezenet", FOUR)
    done = OrderTasksPass("list").run(p)
    missing = _orders(p) - _orders(done)
    assert not missing
    compiled = api.compile_program(done, "full")
    assert api.verify(compiled.program).status == "proved"


def _layered(seed: int) -> Program:
    """60 tasks in layers of 12 on six engines, each after up to three of the layers before."""
    draw = random.Random(seed)
    draft = Draft("layered", FOUR.with_(**{"barriers.count": 3}))
    engines = [FOUR.engine_index[name] for name in ("dma0_ddr", "dma0_cmx", "dpu0", "dpu1", "shave0_0", "shave1_0")]
    for n in range(60):
        low, high = max(0, n // 12 * 12 - 36), n // 12 * 12
        after = sorted({draw.randrange(low, high) for _ in range(3)}) if high else []
        draft.add(draw.choice(engines), f"task{n}", draw.randrange(200, 2200), after=after)
    return draft.finish()


def test_with_few_barriers_the_order_found_ends_first() -> None:
    graphs = [_layered(seed) for seed in range(4)]
    given, listed, found = (
        [_bound_makespan(p) for p in made]
        for made in (
            graphs,
            [OrderTasksPass("list").run(p) for p in graphs],
            [OrderTasksPass("barriers").run(p) for p in graphs],
        )
    )
    assert all(f <= min(g, o) for f, g, o in zip(found, given, listed, strict=True))
    assert sum(found) < 0.95 * sum(listed)


def test_the_order_given_is_a_candidate() -> None:
    # With no restarts and every list schedule worse than what is there, nothing changes.
    p = OrderTasksPass("barriers", trials=32).run(_pairs(barriers=4))
    again = OrderTasksPass("barriers", restarts=0, trials=2).run(p)
    assert _bound_makespan(again) <= _bound_makespan(p)


def test_same_seed_same_order() -> None:
    p = _pairs(barriers=4)
    assert OrderTasksPass("barriers").run(p).names == OrderTasksPass("barriers").run(p).names


def test_where_no_order_can_be_bound_the_list_schedule_stays() -> None:
    p = _pairs(barriers=1)
    assert OrderTasksPass("barriers", restarts=2, trials=3).run(p).names == OrderTasksPass("list").run(p).names


def test_attributes_travel_with_their_tasks() -> None:
    p = replace(_pairs(), extra={4: {"mine": 1}})
    done = OrderTasksPass("list").run(p)
    assert {done.names[t]: e for t, e in done.extra.items()} == {p.names[4]: {"mine": 1}}


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ScheduleError, match=r"^wlm-order-tasks: policy is 'lists'; did you mean 'list'\?$"):
        OrderTasksPass("lists").run(_pairs())  # type: ignore[arg-type]
