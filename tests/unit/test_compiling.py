"""When loops are compiled: for one large input, or for small ones that add up."""

import sys
from collections.abc import Callable

import pytest

from wlm_dialect.kernels.compiling import Budget, kept


@pytest.fixture(autouse=True)
def _numba_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)


def test_small_inputs_add_up() -> None:
    budget = Budget()
    assert [budget.exceeded(400, 1000) for _ in range(4)] == [False, False, True, True]
    assert Budget().exceeded(1000, 1000)


def test_with_numba_at_hand_it_pays_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = Budget()
    assert not budget.exceeded(250, 1000)
    monkeypatch.setitem(sys.modules, "numba", sys)
    assert budget.exceeded(0, 1000)


def test_numba_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    budget = Budget()
    assert not budget.exceeded(10**9, 1)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    assert budget.exceeded(0, 1)


def test_where_nothing_can_be_kept_loops_are_compiled_all_the_same() -> None:
    asked: list[dict[str, bool]] = []

    def njit(**options: bool) -> Callable[[Callable[[], int]], Callable[[], int]]:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'sweep': no locator available for file 'x.py'")
        return lambda function: function

    assert kept(njit, lambda: 7, nogil=True)() == 7
    assert asked == [{"cache": True, "nogil": True}, {"nogil": True}]
