"""Passes that share one round trip through the IR write what they write one by one."""

from io import StringIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.printer import Printer

from tests.property.strategies import Case, cases
from wlm_dialect.passes.pipelines import PIPELINES, barriers
from wlm_dialect.program import Program, as_read_back, decode_module, encode_module
from wlm_dialect.tools.pass_runner import PassRunner


def written(case: Case, mode: str, verify_each: bool | None) -> tuple[str, list[str]]:
    """The IR after a pipeline, and the names of its steps."""
    module = encode_module(case.graph)
    runner = PassRunner(verify_each=verify_each)
    stream = StringIO()
    runner.run(Context(), module, PIPELINES[mode]())
    Printer(stream=stream).print_op(module)
    return stream.getvalue(), [name for name, _ in runner.seconds]


@pytest.mark.parametrize("mode", sorted(PIPELINES))
@given(case=cases(12))
@settings(max_examples=10, deadline=None)
def test_one_round_trip_writes_what_many_write(mode: str, case: Case) -> None:
    (one, steps), (many, each) = (written(case, mode, v) for v in (None, True))
    assert one == many
    assert steps.count("(decode)") < each.count("(decode)")


def assert_same(a: Program, b: Program) -> None:
    for name in ("kind", "engine", "cycles", "slots", "bytes", "target", "low", "high", "slot"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for name in ("after", "reads", "writes", "waits", "updates", "programs", "names"):
        assert getattr(a, name) == getattr(b, name), name
    assert (len(a.barriers), a.barriers.tail, a.phase) == (len(b.barriers), b.barriers.tail, b.phase)


@given(case=cases(12), mode=st.sampled_from(["firmware", "partial", "full"]))
@settings(max_examples=30, deadline=None)
def test_reading_back_what_was_written_is_known_beforehand(case: Case, mode: str) -> None:
    program = case.graph
    for step in (*PIPELINES[mode]()[:2], *barriers()):
        program = step.run(program)  # type: ignore[attr-defined]
        assert_same(as_read_back(program), decode_module(encode_module(program))[0])
