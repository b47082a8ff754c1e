"""The simulator against an independent model of the same machine, in SimPy: every start, not only the makespan."""

import sys
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.benchmark_scripts import load_script
from wlm_dialect.runtime.run import run

pytest.importorskip("simpy")


@pytest.fixture(scope="module")
def model() -> ModuleType:
    """The SimPy model, which finds its neighbours by path."""
    path = list(sys.path)
    try:
        return load_script("simpy_model")
    finally:
        sys.path[:] = path


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(0, 10**6), st.integers(2, 20), st.booleans())
def test_simpy_starts_every_task_at_the_same_tick(
    model: ModuleType, size: int, seed: int, chunk: int, roomy: bool
) -> None:
    machine = model.generate.machine().with_(**{"engine.fifo_depth": 64 if roomy else chunk})
    p = model.generate.generate(size, seed, machine, chunk)
    ours, theirs = run(p, engine="events"), model.Machine(p)
    assert theirs.run() == ours.makespan
    assert theirs.start == ours.start.tolist()
