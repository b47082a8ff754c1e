"""Clocks against a brute-force closure with Python integers, on random event networks with and without handlers."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wlm_dialect.kernels.clocks import WINDOW, Clocks, DownSet, EventNetwork, Handlers, clocks_of, compiled_sweep
from wlm_dialect.kernels.csr import Csr, int32


@dataclass(frozen=True)
class Net:
    """Events in topological order: `place[i]` = (chain, -1 if on a line, else in-flight limit) of event i."""

    before: list[list[int]]
    chain: list[int]
    serial: list[bool]  # per chain

    def network(self) -> EventNetwork:
        n, lines = len(self.before), [c for c, s in enumerate(self.serial) if s]
        windows = [c for c, s in enumerate(self.serial) if not s]
        column, code, window, position = (np.full(n, -1, np.int32) for _ in range(4))
        count = [0] * len(self.serial)
        for i, c in enumerate(self.chain):
            if c >= 0 and self.serial[c]:
                column[i], code[i] = lines.index(c), 4 * count[c]
            elif c >= 0:
                window[i], position[i] = windows.index(c), count[c]
            count[c] += c >= 0
        table = Csr.of(self.before)
        return EventNetwork(table, column, code, window, position, len(lines), len(windows), Handlers.none())

    def closure(self) -> list[int]:
        """Per event a bit set of all that comes before it or is it."""
        known: list[int] = []
        for i, row in enumerate(self.before):
            known.append(1 << i)
            for p in row:
                known[i] |= known[p]
        return known


@st.composite
def nets(draw: st.DrawFn) -> Net:
    """Up to 40 events; events of a line follow each other, those of a window do not have to."""
    serial = draw(st.lists(st.booleans(), min_size=1, max_size=4))
    n = draw(st.integers(1, 40))
    before: list[list[int]] = []
    chain: list[int] = []
    last: dict[int, int] = {}
    for i in range(n):
        c = draw(st.integers(-1, len(serial) - 1))
        row = set(draw(st.lists(st.integers(0, i - 1), max_size=3))) if i else set()
        if c >= 0 and serial[c] and c in last:
            row.add(last[c])
        last[c] = i
        chain.append(c)
        before.append(sorted(row))
    return Net(before, chain, serial)


def assert_exact(net: Net, clocks: Clocks) -> None:
    known = net.closure()
    n = len(known)
    placed = [i for i in range(n) if net.chain[i] >= 0]
    first, then = np.meshgrid(int32(placed), np.arange(n, dtype=np.int32))
    found = clocks.precedes(first.ravel().astype(np.int32), then.ravel().astype(np.int32))
    expected = [bool(known[b] >> a & 1) for b in range(n) for a in placed]
    assert found.tolist() == expected


@given(nets())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_clocks_equal_the_closure(net):
    clocks = clocks_of(net.network(), compile=False)
    assert not clocks.cyclic
    assert_exact(net, clocks)


@given(nets())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_down_sets_equal_the_closure(net):
    clocks = clocks_of(net.network(), compile=False)
    known = net.closure()
    a, b = len(known) // 3, len(known) - 1
    happened = DownSet(clocks)
    happened.add(a)
    happened.add(b, itself=False)
    inside = known[a] | (known[b] & ~(1 << b))
    for i, c in enumerate(net.chain):
        if c >= 0:
            assert happened.holds(int32([i])) == bool(inside >> i & 1)


@given(nets())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_compiled_and_plain_agree(net):
    pytest.importorskip("numba")
    plain, fast = clocks_of(net.network(), compile=False), clocks_of(net.network(), compile=True)
    for name in ("lines", "base", "mask", "row", "order", "derived"):
        assert np.array_equal(getattr(plain, name), getattr(fast, name)), name


def test_a_window_that_overflows_forgets_but_never_invents():
    n = WINDOW + 10
    before: list[list[int]] = [[] for _ in range(n)]
    before.append(list(range(1, n)))  # knows all but the first
    net = Net(before, [*([0] * n), 1], [False, True])
    clocks = clocks_of(net.network(), compile=False)
    found = clocks.precedes(np.arange(n, dtype=np.int32), np.full(n, n, np.int32))
    assert not found[0]
    assert found[1:WINDOW].all()
    assert not found[WINDOW + 1 :].any()


def test_a_cycle_leaves_its_events_stuck():
    network = Net([[], [0, 2], [1], [2], [0]], [0, 0, 1, 1, -1], [True, True]).network()
    clocks = clocks_of(network, compile=False)
    assert clocks.cyclic
    assert clocks.stuck.tolist() == [1, 2, 3]


def handlers(causes: list[list[int]], ids: list[int], *, by_id: bool = False) -> Clocks:
    """Events 0 -> 1 -> 2 of one line; one raise and one handler per row of `causes`."""
    count = len(causes)
    before: list[list[int]] = [[], [0], [1], *causes, *([3 + h] for h in range(count))]
    n = len(before)
    column, code = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    column[:3], code[:3] = 0, [0, 4, 8]
    none = np.full(n, -1, np.int32)
    nodes = np.arange(3 + count, n, dtype=np.int32)
    server = Handlers(nodes, int32(ids), Csr.of(causes), by_id)
    return clocks_of(EventNetwork(Csr.of(before), column, code, none, none, 1, 0, server), compile=False)


def served_first(clocks: Clocks, a: int, b: int) -> bool:
    nodes = clocks.network.handlers.node
    return clocks.before(int(nodes[a]), int(nodes[b]))


def test_handlers_follow_their_raises():
    clocks = handlers([[2], [0]], [0, 1])
    assert served_first(clocks, 1, 0)
    assert not served_first(clocks, 0, 1)


def test_handlers_raised_by_one_event_go_by_id():
    for ids in ([3, 7], [7, 3]):
        clocks = handlers([[1], [1]], ids)
        assert served_first(clocks, 0, 1) == (ids[0] < ids[1])
        assert served_first(clocks, 1, 0) == (ids[0] > ids[1])


def test_service_by_id_keeps_only_the_order_of_ids():
    clocks = handlers([[0], [1], [2]], [5, 6, 1], by_id=True)
    assert served_first(clocks, 0, 1)
    assert not served_first(clocks, 0, 2)
    assert not served_first(clocks, 2, 0)


def test_more_unordered_handlers_than_chains():
    count = 20
    before: list[list[int]] = [[] for _ in range(count)]
    before += [[h] for h in range(count)]
    column = np.concatenate([np.arange(count, dtype=np.int32), np.full(count, -1, np.int32)])
    code = np.where(column >= 0, 0, -1).astype(np.int32)
    none = np.full(2 * count, -1, np.int32)
    nodes = np.arange(count, 2 * count, dtype=np.int32)
    server = Handlers(nodes, np.arange(count, dtype=np.int32), Csr.of([[h] for h in range(count)]))
    clocks = clocks_of(EventNetwork(Csr.of(before), column, code, none, none, count, 0, server), compile=False)
    assert clocks.lines.shape[1] >= 2 * count
    for a in range(count):
        for b in range(count):
            assert clocks.before(int(nodes[a]), int(nodes[b])) == (a == b)


def test_numba_is_optional(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    compiled_sweep.cache_clear()
    try:
        assert compiled_sweep() is None
        net = Net([[], [0]], [0, 0], [True])
        assert_exact(net, clocks_of(net.network(), compile=True))
    finally:
        compiled_sweep.cache_clear()
