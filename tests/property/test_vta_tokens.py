"""Tokens of a lowered task graph: enough, and the fewest there can be, against brute force on small random graphs.

The oracle knows nothing of stairs or routes: it closes relations by repetition and tries sets of tokens by size.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise, product

import pytest

from wlm_dialect.passes.vta.placement import Placement, place_exact, place_fewest

LOAD, COMPUTE, STORE = 0, 1, 2
QUEUES = {(LOAD, COMPUTE): 0, (COMPUTE, LOAD): 1, (STORE, COMPUTE): 2, (COMPUTE, STORE): 3}
Pairs = Iterable[tuple[int, int]]


def random_graph(draw: random.Random, low: int, high: int) -> tuple[list[int], list[list[int]]]:
    """Modules of tasks, and per task the earlier tasks of other modules that it comes after."""
    density = draw.choice((0.1, 0.2, 0.4))
    module = [draw.randrange(3) for _ in range(draw.randint(low, high))]
    after = [[a for a in range(t) if module[a] != module[t] and draw.random() < density] for t in range(len(module))]
    return module, after


def random_graphs(seed: int, count: int, low: int, high: int) -> Iterator[tuple[list[int], list[list[int]]]]:
    """`count` of them with `low` to `high` tasks."""
    draw = random.Random(seed)
    for _ in range(count):
        yield random_graph(draw, low, high)


def closure(module: Mapping[int, int], pairs: Pairs) -> frozenset[tuple[int, int]]:
    """Every (a, b), a before b, that follows from `pairs` and from modules that execute in order. Keys are places."""
    places = sorted(module)
    above = {p: 0 for p in places}  # bit n: the n-th place comes later
    bit = {p: 1 << n for n, p in enumerate(places)}
    edges: dict[int, list[int]] = {p: [] for p in places}
    for m in (LOAD, COMPUTE, STORE):
        mine = [p for p in places if module[p] == m]
        for a, b in pairwise(mine):
            edges[a].append(b)
    for a, b in pairs:
        assert a < b  # program order is an order of execution
        edges[a].append(b)
    for p in reversed(places):
        for b in edges[p]:
            above[p] |= bit[b] | above[b]
    return frozenset((a, b) for a in places for b in places if above[a] & bit[b])


def tokens_of(placement: Placement) -> list[tuple[int, int]]:
    return [pair for pairs in placement.tokens for pair in pairs]


def places_of(module: Sequence[int], nops: Iterable[int]) -> dict[int, int]:
    return {**{2 * t + 1: m for t, m in enumerate(module)}, **dict.fromkeys(nops, COMPUTE)}


def wanted_pairs(after: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """What the graph orders, as places."""
    return [(2 * a + 1, 2 * t + 1) for t, row in enumerate(after) for a in row]


def fits_queues(module: Mapping[int, int], tokens: Sequence[tuple[int, int]]) -> bool:
    """At most one push and one pop per queue and instruction, and the k-th pop takes the k-th push."""
    for ends in QUEUES:
        mine = sorted(t for t in tokens if (module[t[0]], module[t[1]]) == ends)
        if any(a[0] == b[0] or a[1] >= b[1] for a, b in pairwise(mine)):
            return False
    return True


@pytest.mark.parametrize("place", [place_exact, place_fewest])
@pytest.mark.parametrize("seed", range(4))
def test_every_dependence_is_kept_by_tokens_that_hardware_can_carry(place, seed: int) -> None:  # type: ignore[no-untyped-def]
    for module, after in random_graphs(seed, 500, 1, 14):
        placement = place(module, after)
        places = places_of(module, placement.nops)
        for q, pairs in enumerate(placement.tokens):
            assert all(QUEUES[places[a], places[b]] == q for a, b in pairs)
        assert fits_queues(places, tokens_of(placement))
        order = closure(places, tokens_of(placement))
        assert order.issuperset(wanted_pairs(after))


def candidates(module: Mapping[int, int]) -> list[tuple[int, int]]:
    """Every token there could be."""
    return [(a, b) for a in module for b in module if a < b and (module[a], module[b]) in QUEUES]


def smallest(module: Mapping[int, int], tokens: Sequence[tuple[int, int]], wanted: frozenset[tuple[int, int]]) -> int:
    """How many of `tokens` it takes to order exactly what `wanted` orders."""
    for count in range(len(tokens) + 1):
        for chosen in combinations(tokens, count):
            if fits_queues(module, chosen) and closure(module, chosen) == wanted:
                return count
    raise AssertionError("no set of tokens orders this")


def routed(module: Sequence[int], after: Sequence[Sequence[int]]) -> Iterator[tuple[dict[int, int], Pairs]]:
    """Every way to lead the orders between load and store through compute: (places, orders between neighbours)."""
    tasks = places_of(module, ())
    pairs = wanted_pairs(after)
    direct = [p for p in pairs if (tasks[p[0]], tasks[p[1]]) in QUEUES]
    implied = closure(tasks, direct)
    far = [p for p in pairs if p not in direct and p not in implied]
    alike = [(p, q) for p in far for q in far if p != q and tasks[p[0]] == tasks[q[0]]]
    weaker = {p for p, q in alike if q[0] >= p[0] and q[1] <= p[1]}
    far = [p for p in far if p not in weaker]
    ways = [[p for p in range(x + 1, y) if p % 2 == 0 or tasks[p] == COMPUTE] for x, y in far]
    for chosen in product(*ways):
        legs = [leg for (x, y), p in zip(far, chosen, strict=True) for leg in ((x, p), (p, y))]
        yield places_of(module, {p for p in chosen if p % 2 == 0}), [*direct, *legs]


@pytest.mark.parametrize("seed", range(4))
def test_no_fewer_tokens_and_then_no_fewer_nops_keep_the_order_of_the_graph(seed: int) -> None:
    """The order is the graph's and that of the routes, whichever they are: all of them are tried."""
    with_nops = 0
    for module, after in random_graphs(100 + seed, 750, 2, 6):
        placement = place_exact(module, after)
        best = None
        for places, pairs in routed(module, after):
            wanted = closure(places, pairs)
            tokens = [t for t in candidates(places) if t in wanted]
            cost = (smallest(places, tokens, wanted), len(places) - len(module))
            best = cost if best is None or cost < best else best
        assert (placement.count, len(placement.nops)) == best, (module, after)
        with_nops += bool(placement.nops)
    assert with_nops > 100


@pytest.mark.parametrize("seed", range(4))
def test_without_orders_between_load_and_store_nothing_waits_that_need_not(seed: int) -> None:
    for module, drawn in random_graphs(200 + seed, 400, 2, 12):
        after = [[a for a in row if COMPUTE in (module[a], module[t])] for t, row in enumerate(drawn)]
        placement = place_exact(module, after)
        places = places_of(module, ())
        assert placement.nops == ()
        order = closure(places, tokens_of(placement))
        assert order == closure(places, wanted_pairs(after))
        for token in tokens_of(placement):  # none is there for nothing
            assert closure(places, [t for t in tokens_of(placement) if t != token]) != order


@pytest.mark.parametrize("seed", range(4))
def test_fewest_is_the_least_with_which_program_order_can_be_kept(seed: int) -> None:
    """Over all sets of tokens between instructions and NOPs anywhere in compute."""
    fewer = 0
    for module, after in random_graphs(300 + seed, 500, 2, 7):
        placement = place_fewest(module, after)
        if placement.count > 3:
            continue  # too many sets
        places = places_of(module, range(2, 2 * len(module), 2))  # NOPs may stand before any task
        wanted = set(wanted_pairs(after))
        tokens = candidates(places)
        for count in range(placement.count):
            for chosen in combinations(tokens, count):
                assert not wanted <= closure(places, chosen), (module, after, chosen)
        fewer += placement.count < place_exact(module, after).count
    assert fewer > 3
