"""Descriptor slots as a ring on random graphs and machines: proved, runnable under every timing, no slot left out."""

import pytest
from hypothesis import given

from tests.property.strategies import Case, cases
from tests.property.test_pipelines import assert_faithful, campaign, compiled, timings
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Kind, Program
from wlm_dialect.runtime.run import run

MODES = ("firmware", "partial", "full")


@pytest.mark.parametrize("mode", MODES)
@given(case=cases())
@campaign(25)
def test_a_program_whose_slots_are_a_ring_is_proved_and_does_what_the_graph_says(mode: str, case: Case) -> None:
    program = compiled(case.graph, f"{mode}{{slots=ring}}")
    assert check(program).status == PROVED
    for timing in timings(program):
        assert_faithful(case.graph, program, run(program, timing=timing))
    slots_follow_each_other(program)


def slots_follow_each_other(program: Program) -> None:
    """The k-th task of an engine has slot k of its ring, which is as long as the FIFO and its head can hold."""
    for fetch in (program.kind == Kind.FETCH).nonzero()[0].tolist():
        model = program.machine.engines[int(program.target[fetch])]
        ring = min(model.descriptor_slots, model.fifo_depth + 1)
        low, high, slot = (int(column[fetch]) for column in (program.low, program.high, program.slot))
        assert slot == low % ring
        assert slot + high - low <= ring
