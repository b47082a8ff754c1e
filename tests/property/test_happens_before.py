"""The happens-before core against walking every path: all engine kinds, barriers, enqueue DMAs, added orders."""

import random
from dataclasses import replace

import numpy as np
import pytest

from tests.property.event_closure import END, HEAD, START, Case, precedes, random_case, tasks_before
from wlm_dialect.kernels.added_orders import AddedOrders
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.kernels.happens_before import HappensBefore, compiled, graph_of, happens_before, needed_edges

CHUNKS = range(8)
CHUNK = 40  # graphs per test


def cases(chunk: int, longest: int = 24) -> list[Case]:
    return [random_case(seed, longest) for seed in range(CHUNK * chunk, CHUNK * (chunk + 1))]


def check_tasks(case: Case, order: HappensBefore) -> None:
    masks = tasks_before(case)
    n = len(case.engine)
    for b in range(n):
        for a in range(n):
            assert order.before_start(a, b) == (a != b and precedes(masks, (END, a), (START, b)))
            assert order.before_head(a, b) == precedes(masks, (END, a), (HEAD, b))
            assert order.start_before_end(a, b) == precedes(masks, (START, a), (END, b))
            assert order.start_before_head(a, b) == precedes(masks, (START, a), (HEAD, b))


@pytest.mark.parametrize("chunk", CHUNKS)
def test_clocks_say_what_walking_every_path_says(chunk: int) -> None:
    for case in cases(chunk):
        check_tasks(case, happens_before(case.graph, case.barriers))


def test_pairs_answer_like_one_at_a_time() -> None:
    case = random_case(5)
    order = happens_before(case.graph, case.barriers)
    n = len(case.engine)
    a, b = (x.ravel().astype(np.int32) for x in np.meshgrid(np.arange(n), np.arange(n)))
    pairs = list(zip(a.tolist(), b.tolist(), strict=True))
    assert order.pairs_before_start(a, b).tolist() == [order.before_start(x, y) for x, y in pairs]
    assert order.pairs_before_head(a, b).tolist() == [order.before_head(x, y) for x, y in pairs]


def reduced_by_hand(case: Case) -> list[list[int]]:
    """A dependence is implied if another cause of the start knows it: the transitive reduction is unique."""
    out = []
    for t, row in enumerate(case.after):
        kept = []
        for a in sorted(set(row)):
            others = [[b for b in r if u != t or b != a] for u, r in enumerate(case.after)]
            if not precedes(tasks_before(replace(case, after=others)), (END, a), (START, t)):
                kept.append(a)
        out.append(kept)
    return out


@pytest.mark.parametrize("chunk", CHUNKS)
def test_reduction_leaves_exactly_the_transitive_reduction(chunk: int) -> None:
    for case in cases(chunk, 14):
        graph = case.graph
        order, needed = needed_edges(graph, case.barriers)
        rows = Csr(graph.after_start, graph.after).rows()
        kept = [sorted(graph.after[needed & (rows == t)].tolist()) for t in range(len(case.engine))]
        assert kept == reduced_by_hand(case)
        less = replace(case, after=kept)
        assert tasks_before(less) == tasks_before(case)
        check_tasks(case, order)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_added_orders_give_the_clocks_of_a_new_sweep(chunk: int) -> None:
    for case in cases(chunk):
        rng = random.Random(chunk)
        orders = AddedOrders(case.graph, case.barriers)
        n = len(case.engine)
        for _ in range(6):
            open_ = [v for v in range(case.barriers) if min([*case.consumers[v], n]) > 0]
            if open_ and rng.random() < 0.4:
                v = rng.choice(open_)
                t = rng.randrange(min([*case.consumers[v], n]))
                case.updates[t].append(v)
                visited = orders.feed(t, v)
            elif n > 1:
                b = rng.randrange(1, n)
                a = rng.randrange(b)
                case.after[b].append(a)
                known = orders.known.before_start(a, b)
                visited = orders.add(a, b)
                assert (visited == 0) == known
                assert visited <= n - b
        check_tasks(case, orders.known)


def test_an_order_that_points_backwards_is_refused() -> None:
    case = Case([0], [1], [0, 0], [[], []], [[], [0]], [[0], []], [-1, -1], 1)
    orders = AddedOrders(case.graph, 1)
    with pytest.raises(ValueError, match="points forward in program order, but 1 >= 0"):
        orders.add(1, 0)
    with pytest.raises(ValueError, match="points forward in program order, but 1 >= 1"):
        orders.feed(1, 0)


@pytest.mark.parametrize("seed", range(30))
def test_lanes_that_find_no_room_lose_order_and_never_make_it_up(seed: int) -> None:
    free = 90  # tasks of a pool that nothing orders need a lane each, but there are 64
    case = random_case(seed)
    case.order.append(3)
    case.servers.append(2)
    for t in range(free):
        case.engine.append(len(case.order) - 1)
        case.after.append([])
        case.waits.append([])
        case.updates.append([])
        case.pusher.append(-1)
    case.engine.append(0)
    case.after.append([len(case.engine) - 2, len(case.engine) - 3, len(case.engine) - 2, 0])
    case.waits.append([])
    case.updates.append([])
    case.pusher.append(-1)
    order, needed = needed_edges(case.graph, case.barriers, room=0)
    masks = tasks_before(case)
    n = len(case.engine)
    for b in range(n):
        for a in range(n):
            assert not order.before_start(a, b) or precedes(masks, (END, a), (START, b))
            assert not order.start_before_head(a, b) or precedes(masks, (START, a), (HEAD, b))
    last = case.graph.after_start[-2]
    assert needed[last : last + 2].all()  # forgotten: kept, once
    assert not needed[last + 2]


def test_an_engine_with_several_in_flight_needs_no_more_lanes_than_that() -> None:
    n = 50
    none = Csr.empty(n)
    zero = np.zeros(n, np.int32)
    graph = graph_of(zero, np.asarray([2], np.int32), np.asarray([3], np.int32), none, none, none)
    assert happens_before(graph, 0).ends.shape[1] == 3


@pytest.mark.skipif(compiled() is None, reason="numba is not installed")
@pytest.mark.parametrize("chunk", CHUNKS)
def test_compiled_loops_give_the_same_clocks(chunk: int) -> None:
    for case in cases(chunk):
        plain, fast = (needed_edges(case.graph, case.barriers, compile=c) for c in (False, True))
        assert (plain[1] == fast[1]).all()
        for name in ("lane", "at", "ends", "heads", "lifted"):
            assert np.array_equal(getattr(plain[0], name), getattr(fast[0], name))
        orders = [AddedOrders(case.graph, case.barriers, compile=c) for c in (False, True)]
        if len(case.engine) > 1:
            assert orders[0].add(0, len(case.engine) - 1) == orders[1].add(0, len(case.engine) - 1)
        assert np.array_equal(orders[0].known.ends, orders[1].known.ends)
