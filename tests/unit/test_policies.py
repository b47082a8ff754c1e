"""Policies by name: ours, out-of-tree ones, and what is refused; round robin and colour bins by example."""

from typing import Any

import pytest

from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes import policies
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.policies import check_policy, choose, policy_names
from wlm_dialect.passes.policies.color_bins import bin_sizes, color_bins, steps_of, types_of
from wlm_dialect.passes.policies.round_robin import round_robin
from wlm_dialect.program import Barriers, Program
from wlm_dialect.program.model import Draft

TINY = preset("tiny")


def chain(tasks: int, engines: tuple[str, ...] = ("dma0", "dma1"), machine: MachineModel = TINY) -> Program:
    """Task k updates v(k), on which task k + 1 waits; engines in turn."""
    draft = Draft("net", machine, phase="virtual")
    for t in range(tasks):
        waits, updates = [t - 1] if t else [], [t] if t < tasks - 1 else []
        draft.add(machine.engine_index[engines[t % len(engines)]], f"t{t}", 1, waits=waits, updates=updates)
    return draft.finish(barriers=Barriers.virtual(tasks - 1))


def fork(machine: MachineModel = TINY) -> Program:
    """v0 and v1 are used up on other queues; only the first is known to be over when v2 is produced."""
    draft = Draft("net", machine, phase="virtual")
    dma0, dma1, dpu = (machine.engine_index[name] for name in ("dma0", "dma1", "dpu0"))
    draft.add(dma0, "a", 1, updates=[0, 1])
    draft.add(dma1, "b", 1, waits=[0])
    draft.add(dpu, "c", 1, waits=[1])
    draft.add(dma1, "d", 1, updates=[2])
    draft.add(dma0, "e", 1, waits=[2])
    return draft.finish(barriers=Barriers.virtual(3))


class Plug:
    """An entry point of group `wlm.policies`."""

    def __init__(self, name: str, policy: Any) -> None:
        self.name = name
        self.value = f"elsewhere:{name}"
        self.load = lambda: policy


def plugged(monkeypatch: pytest.MonkeyPatch, policy: Any) -> None:
    plugs = [Plug("mine", policy)]
    monkeypatch.setattr(policies, "entry_points", lambda group: plugs if group == "wlm.policies" else [])


def test_there_are_four_policies() -> None:
    assert policy_names() == ["chains", "color-bins", "pages", "round-robin"]
    for name in policy_names():
        check_policy(name)


def test_an_unknown_policy_is_refused_with_the_nearest() -> None:
    with pytest.raises(ScheduleError, match="there is no policy 'round_robin'; did you mean 'round-robin'"):
        AssignBarriersPass("partial", "round_robin").run(chain(3))


def test_a_policy_from_outside_is_used_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, lambda program, count: [v % 2 + count - 2 for v in range(len(program.barriers))])
    assert policy_names() == ["chains", "color-bins", "mine", "pages", "round-robin"]
    done = AssignBarriersPass("partial", "mine").run(chain(5))
    assert done.barriers.pid.tolist() == [6, 7, 6, 7]


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (7, r"^policy 'mine': entry point 'elsewhere:mine' is no function \(program, count\) -> list of ids$"),
        (lambda program, count: [0], "policy 'mine' chose 1 physical barriers for 3 virtual ones"),
        (lambda program, count: [0, count, 1], "policy 'mine' chose physical barrier 8 for v1; the machine has 0 to 7"),
        (lambda program, count: [0, 0, 1], "policy 'mine' gave v1 physical barrier 0, which v0 still uses"),
    ],
)
def test_what_a_policy_from_outside_does_wrong(monkeypatch: pytest.MonkeyPatch, policy: Any, message: str) -> None:
    plugged(monkeypatch, policy)
    with pytest.raises(ScheduleError, match=message):
        choose("mine", chain(4))


def test_pages_choose_nothing_for_a_given_program() -> None:
    with pytest.raises(ScheduleError, match="policy 'pages' does not choose physical barriers for a given program"):
        choose("pages", chain(4))


def test_round_robin_takes_the_next_one_that_is_known_to_be_over() -> None:
    assert round_robin(chain(6), 3) == [0, 1, 2, 0, 1]
    assert round_robin(fork(), 2) == [0, 1, 0]
    # in turn would be physical barrier 0: v0 is over in program order, and known to be
    assert round_robin(fork(), 3) == [0, 1, 2]


def test_round_robin_takes_what_is_free_where_nothing_is_known() -> None:
    machine = TINY.with_(**{"barriers.count": 4})
    draft = Draft("net", machine, phase="virtual")
    dma0, dma1 = machine.engine_index["dma0"], machine.engine_index["dma1"]
    for t in range(3):  # nobody knows of these that they are over
        draft.add(dma0, f"a{t}", 1, updates=[t])
    draft.add(dma1, "b", 1, updates=[3])
    assert round_robin(draft.finish(barriers=Barriers.virtual(4)), 2) == [0, 1, 0, 1]


def test_round_robin_gives_up_if_all_are_in_use() -> None:
    assert round_robin(fork(), 1) is None


def test_steps_are_batches_of_ready_tasks() -> None:
    assert steps_of(fork()) == [0, 1, 1, 2, 3]
    assert steps_of(chain(4)) == [0, 1, 2, 3]


def test_a_barrier_belongs_to_the_engine_with_the_longest_hop() -> None:
    # where two have come as far, the first engine: both "a" and "b" are the first of theirs
    assert types_of(fork(), steps_of(fork())) == ["dma0", "dma0", "dma0"]
    program = chain(5, ("dma0", "dpu0"))
    assert types_of(program, steps_of(program)) == ["dma0", "dpu", "dma0", "dma0"]


@pytest.mark.parametrize(
    ("wanted", "count", "sizes"),
    [
        ({"dpu": 30, "dma0": 10}, 16, {"dpu": 11, "dma0": 5}),  # 4 + 2 and 4 first, then 6 by number of barriers
        ({"dpu": 2, "dma0": 1}, 16, {"dpu": 15, "dma0": 1}),  # what is left goes where most share one
        ({"dpu": 9, "dma0": 9, "dma1": 9}, 2, {"dma0": 1, "dma1": 1, "dpu": 0}),
        ({}, 4, {}),
    ],
)
def test_shares_of_the_barriers(wanted: dict[str, int], count: int, sizes: dict[str, int]) -> None:
    types = [kind for kind, number in wanted.items() for _ in range(number)]
    assert bin_sizes(types, -1, count) == sizes
    assert bin_sizes([*types, "tail"], len(types), count) == sizes


def test_color_bins_keep_types_apart() -> None:
    program = chain(13, ("dma0", "dpu0"))
    types, pids = types_of(program, steps_of(program)), color_bins(program, 8)
    assert pids is not None
    used = {kind: {p for p, t in zip(pids, types, strict=True) if t == kind} for kind in set(types)}
    assert set(used) == {"dma0", "dpu"}
    assert not used["dma0"] & used["dpu"]


def test_color_bins_fall_back_to_round_robin_as_a_whole() -> None:
    program = chain(9)
    assert color_bins(program, 2) == round_robin(program, 2) == [0, 1, 0, 1, 0, 1, 0, 1]
    assert color_bins(fork(), 1) is None
