"""Analyses that are computed once per program."""

import gc
from weakref import ref

from wlm_dialect import api
from wlm_dialect.passes.analysis.once import once_per_program
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.program import Program


def test_once_per_program_and_no_longer_than_it_lives() -> None:
    asked: list[str] = []

    @once_per_program
    def names(program: Program) -> list[str]:
        """Names."""
        asked.append(program.name)
        return [*program.names]

    program = api.load("examples/five.mlir", "tiny")
    kept = names(program)
    assert names(program) is kept
    assert len(asked) == 1
    assert names.__doc__ == "Names."
    changed = program.with_(cycles=program.cycles * 2)
    assert names(changed) == kept
    assert len(asked) == 2
    gone = ref(changed)
    del changed
    gc.collect()
    assert gone() is None


def test_clocks_of_a_changed_program_are_computed_anew() -> None:
    program = api.load("examples/five.mlir", "tiny")
    again = program.with_(after=type(program.after).empty(len(program)))
    assert task_order(program) is task_order(program)
    assert (task_order(program).ends != task_order(again).ends).any()
