"""Passes that make, merge, split, limit and assign barriers: random graphs and the limits of machines."""

import random

import numpy as np
import pytest

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.kernels.happens_before import FORGOTTEN, happens_before
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.analysis.estimate import estimate
from wlm_dialect.passes.analysis.linear import linearised
from wlm_dialect.passes.analysis.order import order_graph, task_order
from wlm_dialect.passes.analysis.take_over import joined_up
from wlm_dialect.passes.assign_barriers import AssignBarriersPass, _best_repaired, assigned
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.fuse_barriers import FuseBarriersPass, fused
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_tail import InsertTailPass, unfollowed
from wlm_dialect.passes.limit_barriers import LimitBarriersPass, limited
from wlm_dialect.passes.merge_barriers import MergeBarriersPass
from wlm_dialect.passes.pipelines import full
from wlm_dialect.passes.place_enqueues import PlaceEnqueuesPass
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.passes.shorten_dependences import ShortenDependencesPass
from wlm_dialect.passes.split_barriers import SplitBarriersPass
from wlm_dialect.passes.verify_phase import VerifyPhasePass
from wlm_dialect.program import Barriers, Program
from wlm_dialect.program.model import Draft

TINY = preset("tiny")  # dma0, dma1, dma_fw, dpu0, shave0
DMA0, DMA1, DPU, SHAVE = 0, 1, 3, 4
SEEDS = range(12)


def random_graph(seed: int, machine: MachineModel = TINY, tasks: int = 40, most: int = 4, reach: int = 8) -> Program:
    """A graph with up to three dependences per task, `reach` tasks back at most; up to `most` slots per task."""
    rng = random.Random(seed)
    engines = [machine.engine_index[e.name] for e in machine.engines if not e.firmware]
    draft = Draft("net", machine)
    for t in range(tasks):
        engine = rng.choice(engines)
        slots = 1 if machine.engines[engine].kind == "dma" else rng.randint(1, most)
        after = sorted({max(0, t - rng.randint(1, reach)) for _ in range(rng.randint(0, 3))} - {t})
        draft.add(engine, f"t{t}", rng.randint(1, 200), slots=slots, after=after)
    return draft.finish()


def closure(program: Program) -> np.ndarray:  # type: ignore[type-arg]
    """Entry [a, b]: end(a) is known before the start of b, worked out by walking every path."""
    n = len(program)
    before = np.zeros((n, n), bool)
    producers = program.producers.lists()
    for t in range(n):
        direct = {*program.after.lists()[t], *(p for v in program.waits[t].tolist() for p in producers[v])}
        pred = int(program.predecessor[t])
        if pred >= 0 and program.machine.engines[int(program.engine[t])].ends_in_order:
            direct.add(pred)
        for a in direct:
            before[a, t] = True
            before[:, t] |= before[:, a]
    return before


def run_tasks(program: Program) -> list[int]:
    """Tasks of the network, by name: what SYNC DMAs were inserted between them does not matter."""
    place = {name: t for t, name in enumerate(program.names)}
    return [place[f"t{n}"] for n in range(sum(name != "sync" for name in program.names))]


def virtual(graph: Program) -> Program:
    return InsertBarriersPass().run(ReduceDependencesPass().run(graph))


@pytest.mark.parametrize("name", ["tiny", "npu37xx"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_clocks_say_what_walking_every_path_says(seed: int, name: str) -> None:
    graph = random_graph(seed, preset(name))
    if name == "npu37xx":  # ends of a pool are ordered by dependences alone
        assert {e.order for e in graph.machine.engines} == {"serial", "pool"}
    order, expected = task_order(graph), closure(graph)
    n = len(graph)
    assert [[order.before_start(a, b) for b in range(n)] for a in range(n)] == expected.tolist()


@pytest.mark.parametrize("name", ["tiny", "npu37xx"])
@pytest.mark.parametrize("seed", SEEDS)
def test_reduction_keeps_the_order_with_the_fewest_edges(seed: int, name: str) -> None:
    graph = random_graph(seed, preset(name))
    less = ReduceDependencesPass().run(graph)
    order = closure(graph)
    assert np.array_equal(closure(less), order)
    rows = less.after.lists()
    for t, row in enumerate(rows):
        for a in row:
            without = [[x for x in r if (x, u) != (a, t)] for u, r in enumerate(rows)]
            assert not np.array_equal(closure(less.with_(after=Csr.of(without))), order), f"{a} -> {t} is implied"


@pytest.mark.parametrize("name", ["tiny", "npu37xx"])
@pytest.mark.parametrize("seed", SEEDS)
def test_barriers_keep_the_order_of_dependences_and_merging_adds_none(seed: int, name: str) -> None:
    graph = random_graph(seed, preset(name))
    made = virtual(graph)
    merged = MergeBarriersPass().run(made)
    assert np.array_equal(closure(made), closure(graph))
    assert np.array_equal(closure(merged), closure(graph))
    assert len(merged.barriers) <= len(made.barriers)
    assert np.diff(made.waits.start).max() <= 1
    for users in (merged.producers.lists(), merged.consumers.lists()):
        assert len({tuple(row) for row in users}) == len(users)


@pytest.mark.parametrize("name", ["tiny", "npu37xx"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_tail_knows_all_ends_and_names_no_task_in_vain(seed: int, name: str) -> None:
    made = InsertTailPass().run(virtual(random_graph(seed, preset(name))))
    producers = made.producers[made.barriers.tail].tolist()
    order = closure(made)
    assert [t for t in range(len(made)) if not order[t].any()] == producers == unfollowed(made)


def test_tasks_of_a_pool_without_a_lane_of_their_own_are_followed_by_who_waits_for_them() -> None:
    """Else each round of repair would join all of them to the tail anew, and end with one task at a time."""
    machine = preset("npu37xx")
    draft = Draft("net", machine)
    shave, dma = machine.engine_index["shave0"], machine.engine_index["dma0"]
    kernels = [draft.add(shave, f"act{n}", 100) for n in range(100)]
    stores = [draft.add(dma, f"store{n}", 50, after=[t]) for n, t in enumerate(kernels[:90])]
    made = InsertTailPass().run(InsertBarriersPass().run(draft.finish()))
    narrow = happens_before(order_graph(made), len(made.barriers), room=1)
    forgotten = np.nonzero(narrow.at == FORGOTTEN)[0].tolist()
    assert len(set(forgotten) & set(kernels[:90])) > 20
    assert unfollowed(made) == sorted([*kernels[90:], stores[-1]]) == unfollowed(made, narrow)


def over_limits(program: Program) -> list[int]:
    """Barriers that no hardware barrier could count."""
    limits = program.machine.barriers
    out = []
    for v, (p, c) in enumerate(zip(program.producers.lists(), program.consumers.lists(), strict=True)):
        produced, consumed = int(program.slots[p].sum()), int(program.slots[c].sum())
        fits = produced <= limits.max_producers and consumed <= limits.max_consumers
        if not fits or produced + consumed > limits.max_sum:
            out.append(v)
    return out


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("limits", [(2, 8, 12), (8, 2, 4), (8, 8, 5), (4, 4, 5)])
def test_splitting_brings_every_barrier_within_its_slots_and_keeps_the_order(
    seed: int, limits: tuple[int, int, int]
) -> None:
    names = ("barriers.max_producers", "barriers.max_consumers", "barriers.max_sum")
    machine = TINY.with_(**dict(zip(names, limits, strict=True)))
    before = InsertTailPass().run(
        MergeBarriersPass().run(virtual(random_graph(seed, machine, most=min(*limits[:2], limits[2] - 1))))
    )
    after = SplitBarriersPass().run(before)
    assert over_limits(before)
    assert over_limits(after) == []
    tasks = run_tasks(after)
    kept = closure(after)[np.ix_(tasks, tasks)]
    assert not (closure(before) & ~kept).any()
    VerifyPhasePass("virtual").run(after)


def pair(machine: MachineModel, producers: list[int], consumer: int) -> Program:
    """Producers of so many slots each that feed one barrier, and its one consumer."""
    draft = Draft("net", machine, "virtual")
    for n, slots in enumerate(producers):
        draft.add(DPU if n % 2 else SHAVE, f"t{n}", 1, slots=slots, updates=[0])
    draft.add(DMA0, f"t{len(producers)}", 1, slots=consumer, waits=[0])
    return draft.finish(barriers=Barriers.virtual(1))


@pytest.mark.parametrize(
    ("limits", "producers", "consumer", "message"),
    [
        (
            (256, 256, 256),
            [1],
            256,
            "task 't1' takes 256 consumer slots of a barrier but machine 'tiny' leaves 255; "
            "give it fewer slots (variants) [H9]",
        ),
        (
            (256, 256, 256),
            [256],
            1,
            "task 't0' takes 256 producer slots of a barrier but machine 'tiny' leaves 255; "
            "give it fewer slots (variants) [H9]",
        ),
        (
            (1, 8, 9),
            [1, 1],
            1,
            "task 't1' ends a group of 2 producers, but a barrier of machine 'tiny' counts 1, too few to join any; "
            "use a machine with more [H9]",
        ),
    ],
)
def test_what_no_barrier_can_count_is_refused(
    limits: tuple[int, int, int], producers: list[int], consumer: int, message: str
) -> None:
    names = ("barriers.max_producers", "barriers.max_consumers", "barriers.max_sum")
    machine = TINY.with_(**dict(zip(names, limits, strict=True)))
    with pytest.raises(ScheduleError) as caught:
        SplitBarriersPass().run(pair(machine, producers, consumer))
    assert str(caught.value) == message


def test_the_largest_producer_and_consumer_that_fit_are_joined_by_a_sync() -> None:
    machine = TINY.with_(**{"barriers.max_producers": 256, "barriers.max_consumers": 256, "barriers.max_sum": 256})
    done = SplitBarriersPass().run(pair(machine, [255], 255))
    assert done.names == ("t0", "sync", "t1")
    assert over_limits(done) == []


def live(program: Program) -> int:
    """The most barriers between their first producer and their last consumer, at any task of the program order."""
    spans = [
        (p[0], max([*c, p[-1]])) for p, c in zip(program.producers.lists(), program.consumers.lists(), strict=True) if p
    ]
    return max(sum(low <= t <= high for low, high in spans) for t in range(len(program)))


@pytest.mark.parametrize("seed", SEEDS)
def test_limiting_keeps_the_order_and_the_number_in_use(seed: int) -> None:
    before = MergeBarriersPass().run(virtual(random_graph(seed, tasks=80, reach=60)))
    limit = 5
    after = LimitBarriersPass(limit).run(before)
    assert live(after) <= limit < live(before)
    tasks = run_tasks(after)
    assert not (closure(before) & ~closure(after)[np.ix_(tasks, tasks)]).any()


@pytest.mark.parametrize("most", [0, 2])
def test_barriers_with_early_and_late_producers_are_relayed_by_a_queue(most: int) -> None:
    """None of them is complete, so no SYNC can take one over; one task at a time would take as long as all together."""
    machine, count, limit = TINY.with_(**{"dma.max_waits": most}), 12, 4
    draft = Draft("net", machine, "virtual")
    for n in range(count):
        draft.add(SHAVE, f"t{n}", 10, updates=[n])
    for n in range(count):
        draft.add(DPU, f"t{count + 2 * n}", 1000, updates=[n])
        draft.add(DMA1, f"t{count + 2 * n + 1}", 900, waits=[n])
    before = draft.finish(barriers=Barriers.virtual(count))
    after = limited(before, limit)
    assert after is not None
    assert live(after) <= limit < live(before)
    assert np.diff(after.waits.start).max() <= (most or count)
    tasks = run_tasks(after)
    assert not (closure(before) & ~closure(after)[np.ix_(tasks, tasks)]).any()
    assert max(estimate(after).end) < 1.05 * max(estimate(before).end)


@pytest.mark.parametrize("name", ["npu37xx", "npu40xx:1"])
@pytest.mark.parametrize("seed", SEEDS)
def test_three_barriers_are_enough_to_relay_any_program(seed: int, name: str) -> None:
    """Also where one task updates more barriers at once than there may be."""
    graph = random_graph(seed, preset(name), tasks=80, reach=40)
    before = InsertTailPass().run(fused(MergeBarriersPass().run(virtual(graph)), 50 * (seed % 2)))
    after = joined_up(before, 3)
    assert after is not None
    assert live(after) <= 3 <= live(before)
    old, new = run_tasks(before), run_tasks(after)
    assert not (closure(before)[np.ix_(old, old)] & ~closure(after)[np.ix_(new, new)]).any()
    assert np.diff(after.producers.start).min() > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_far_dependences_of_a_pool_are_no_reason_to_run_one_task_at_a_time(seed: int) -> None:
    """Nothing but a barrier orders the tasks of a pool, so each dependence that reaches far back has one of its own."""
    machine, limit = preset("npu37xx"), 8
    before = MergeBarriersPass().run(virtual(random_graph(seed, machine, tasks=300, reach=200)))
    after = limited(before, limit)
    assert after is not None
    assert live(after) <= limit < live(before)
    tasks = run_tasks(after)
    assert not (closure(before) & ~closure(after)[np.ix_(tasks, tasks)]).any()
    serial = linearised(before)
    assert max(estimate(after).end) < 0.3 * max(estimate(serial).end)


def spans(graph: Program) -> list[int]:
    """Per dependence of a task of a pool how many tasks that wait are listed between its ends."""
    waiting, engines = [len(row) > 0 for row in graph.after.lists()], graph.machine.engines
    pooled = [t for t in range(len(graph)) if engines[int(graph.engine[t])].order == "pool"]
    return [sum(waiting[a:t]) for t in pooled for a in graph.after[t].tolist()]


@pytest.mark.parametrize("seed", SEEDS)
def test_engines_in_order_keep_the_far_dependences_of_a_pool(seed: int) -> None:
    graph = random_graph(seed, preset("npu37xx").with_(**{"barriers.count": 16}), tasks=400, reach=6)
    rows = [[*row, t - 100] if t >= 100 else row for t, row in enumerate(graph.after.lists())]
    graph = ReduceDependencesPass().run(graph.with_(after=Csr.of([sorted(row) for row in rows])))
    short = ShortenDependencesPass().run(graph)
    order = closure(graph)
    assert not (order & ~closure(short)).any()
    far = [sum(span > 16 for span in spans(g)) for g in (short, graph)]
    assert 4 * far[0] <= far[1] > 10  # a few start too early for any other task to be over
    assert max(estimate(short).end) == max(estimate(graph).end)


def test_a_task_between_waits_for_the_early_one_and_another_is_waited_for() -> None:
    """Nothing tells that "early" has ended but who waits for it: the first task that starts later anyway does."""
    machine = preset("npu37xx").with_(**{"barriers.count": 8})
    engine = machine.engine_index
    draft = Draft("net", machine)
    early = draft.add(engine["shave0"], "early", 500)
    for n in range(20):
        load = draft.add(engine["dma0"], f"load{n}", 100)
        draft.add(engine["dpu0"], f"conv{n}", 100, after=[load])
    late = draft.add(engine["shave0"], "late", 50, after=[early, load])
    short = ShortenDependencesPass().run(draft.finish())
    assert [short.names[t] for t in short.after[late].tolist()] == ["conv18", "load19"]
    assert [short.names[t] for t in range(len(short)) if early in short.after[t].tolist()] == ["conv4"]


def test_where_no_engine_ends_in_order_a_far_dependence_stays() -> None:
    machine = preset("npu37xx").with_(**{"barriers.count": 2, "dma.order": "outstanding", "dma.servers": 2})
    draft = Draft("net", machine)
    shave, dma = machine.engine_index["shave0"], machine.engine_index["dma0"]
    chain = [draft.add(shave, "early", 500)]
    for n in range(9):
        chain.append(draft.add(dma, f"t{n}", 100, after=chain[1:][-1:]))
    draft.add(shave, "late", 50, after=chain[:1])
    graph = draft.finish()
    assert ShortenDependencesPass().run(graph) is graph


@pytest.mark.parametrize("mode", ["firmware", "partial"])
@pytest.mark.parametrize("seed", SEEDS)
def test_assignment_reuses_a_barrier_only_after_its_last_user(seed: int, mode: str) -> None:
    graph = random_graph(seed, TINY.with_(**{"barriers.count": 5}), most=2)
    tailed = SplitBarriersPass().run(InsertTailPass().run(MergeBarriersPass().run(virtual(graph))))
    done = AssignBarriersPass(mode).run(tailed)  # type: ignore[arg-type]
    VerifyPhasePass("physical").run(done)
    assert done.barriers.pid.max() < 5
    assert over_limits(done) == []
    producers, consumers = done.producers.lists(), done.consumers.lists()
    for v, u in enumerate(done.barriers.previous.tolist()):
        if u >= 0:
            assert max([*producers[u], *consumers[u]]) < producers[v][0]
    tasks = run_tasks(done)
    assert not (closure(graph) & ~closure(done)[np.ix_(tasks, tasks)]).any()


@pytest.mark.parametrize("seed", [6, 15, 36])
def test_a_repair_that_costs_much_gives_way_to_stretches_that_end_sooner(seed: int) -> None:
    """Orders that are added where barriers are scarce may cost more than one queue that dispatches all tasks."""

    def end(program: Program) -> int:
        return max(estimate(PlaceEnqueuesPass().transform(program), managed=True).end)

    graph = random_graph(seed, TINY.with_(**{"barriers.count": 3}), most=2, tasks=60, reach=30)
    steps = [step for step in full() if isinstance(step, ProgramPass)]
    for step in steps[: [step.name for step in steps].index("wlm-assign-barriers")]:
        graph = step.run(graph)
    repaired = _best_repaired(graph, "chains")
    assert repaired is not None
    done = assigned(graph, "full")
    assert done is not None
    assert end(done) < end(repaired)


def test_tasks_that_wait_for_each_other_are_named() -> None:
    """A barrier may be lifted by a task that is listed later, but not by one that waits for it itself."""
    draft = Draft("net", TINY, "virtual")
    for engine, name in ((DMA0, "first"), (DMA0, "second"), (DPU, "third")):
        draft.add(engine, name, 3)
    backwards = draft.finish().with_(
        waits=Csr.of([[0], [], []]), updates=Csr.of([[], [], [0]]), barriers=Barriers.virtual(1, -1)
    )
    assert FuseBarriersPass().transform(backwards).names == ("third", "first", "second")
    stuck = backwards.with_(
        waits=Csr.of([[0], [], [1]]), updates=Csr.of([[], [1], [0]]), barriers=Barriers.virtual(2, -1)
    )
    with pytest.raises(ScheduleError) as caught:
        FuseBarriersPass().transform(stuck)
    assert str(caught.value) == (
        "@net: tasks wait for each other, each for the next: 'first', 'third', 'second', 'first'; let barriers and "
        "added orders point forward, from tasks that are listed earlier [H7]"
    )


def test_a_long_deadlock_is_cut_short() -> None:
    draft = Draft("net", TINY, "virtual")
    for n in range(12):
        draft.add(DMA0, f"t{n}", 3)
    stuck = draft.finish().with_(
        waits=Csr.of([[0], *[[]] * 11]), updates=Csr.of([*[[]] * 11, [0]]), barriers=Barriers.virtual(1, -1)
    )
    with pytest.raises(ScheduleError, match=r"'t0', 't11', 't10', .* 't5', 4 more, 't0'; let"):
        FuseBarriersPass().transform(stuck)
