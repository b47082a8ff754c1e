"""Payloads: attributes both ways, through IR and passes; constants beside the IR."""

import resource
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from hypothesis import given
from hypothesis import strategies as st
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, UnitAttr
from xdsl.parser import Parser
from xdsl.printer import Printer

from tests.small_models import chain, save
from wlm_dialect import api
from wlm_dialect.errors import FrontendError, ProgramError
from wlm_dialect.frontends.numbers import Numbers
from wlm_dialect.machine import preset
from wlm_dialect.program import Program, encode_module
from wlm_dialect.program.attributes import to_attribute, to_value
from wlm_dialect.program.payload import LAYERS, Payload, has_payload, read_payload, with_payload
from wlm_dialect.runtime.functional import Functional
from wlm_dialect.tools.reader import read_program

MACHINE = preset("npu40xx:2").with_(**{"memory.cmx_bytes": 24_000})


def values() -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4).map(tuple), st.dictionaries(st.text("ab.c/", min_size=1), inner, max_size=3)
        ),
        max_leaves=8,
    )


@given(values())
def test_values_come_back_from_text(value: Any) -> None:
    context = Context()
    context.load_dialect(Builtin)
    assert to_value(Parser(context, str(to_attribute(value))).parse_attribute()) == value


def test_values_without_a_form() -> None:
    with pytest.raises(ProgramError, match=r"^object .* has no form as an attribute$"):
        to_attribute(object())
    with pytest.raises(ProgramError, match="attribute unit is no number, string, array or dictionary"):
        to_value(UnitAttr())


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Numbers:
    return api.load_numbers(save(chain(), tmp_path_factory.mktemp("model")), MACHINE)


def parts(payload: Payload) -> tuple[Any, ...]:
    return payload.network, payload.layers, payload.buffers


def by_name(program: Program) -> dict[str, Any]:
    return {program.names[t]: work for t, work in read_payload(program).tasks.items()}


@pytest.mark.parametrize("generic", [False, True])
def test_through_text_and_every_pass(numbers: Numbers, generic: bool, tmp_path: Path) -> None:
    before = read_payload(numbers.program)
    assert set(before.tasks) == set(range(len(numbers.program)))
    assert set(before.buffers) == {b for b, r in enumerate(numbers.program.buffers.root) if b == r}
    for mode in api.MODES:
        program = api.compile_program(numbers.program, mode).program
        stream = StringIO()
        Printer(stream=stream, print_generic_format=generic).print_op(encode_module(program))
        path = tmp_path / f"{mode}.mlir"
        path.write_text(stream.getvalue(), encoding="utf-8")
        after = read_program(str(path), None, MACHINE)
        assert parts(read_payload(after)) == parts(before)
        assert by_name(after) == by_name(numbers.program)


def test_what_a_network_says(numbers: Numbers) -> None:
    payload = read_payload(numbers.program)
    conv = payload.layers[0]
    assert (conv.name, conv.op, conv.value, conv.dims) == ("Conv_0", "Conv", "r", (1, 16, 16, 16))
    assert conv.attributes["pads"] == (1, 1, 1, 1)
    assert conv.fused == ({"op": "Relu"},)
    assert [v.name for v in payload.network.inputs] == ["x"]
    assert [(v.name, v.dims) for v in payload.network.outputs] == [("y", (1, 10))]
    assert set(payload.network.constants.values()) == set(numbers.constants)


def test_a_graph_without_numbers() -> None:
    graph = api.load("squeezenet", "npu40xx:1")
    assert not has_payload(graph)
    assert not graph.extra
    with pytest.raises(ProgramError, match="@squeezenet: its tasks do not say what they compute; load the network"):
        read_payload(graph)


def test_a_broken_payload(numbers: Numbers) -> None:
    broken = numbers.program.with_(attributes={**numbers.program.attributes, LAYERS: to_attribute([{"name": "x"}])})
    with pytest.raises(ProgramError, match="@small: broken payload: KeyError"):
        read_payload(broken)


def test_constants_in_a_file(numbers: Numbers, tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    program = api.write_constants(numbers, str(path))
    again = tmp_path / "again.npz"
    api.write_constants(numbers, str(again))
    assert path.read_bytes() == again.read_bytes()
    found = api.read_constants(program, str(tmp_path))
    assert set(found) == set(numbers.constants)
    assert all(np.array_equal(found[name], values) for name, values in numbers.constants.items())
    inputs = api.sample_inputs(program, 0)
    result = api.run(program)
    (y,) = Functional(program, found).run(result.start, result.end, inputs).values()
    assert y.sum() == pytest.approx(1.0, rel=1e-5)


def test_constants_that_do_not_fit_leave_what_was_there(numbers: Numbers, tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(FrontendError, match=r"^cannot write '.*/small\.npz': file too large$"):
            api.write_constants(numbers, str(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.iterdir()] == ["small.npz"]
    assert path.read_text() == "old"


def test_the_wrong_file_of_constants(numbers: Numbers, tmp_path: Path) -> None:
    with pytest.raises(FrontendError, match=r"a\.txt: constants go into a file called \.npz"):
        api.write_constants(numbers, str(tmp_path / "a.txt"))
    with pytest.raises(FrontendError, match=r"^cannot write '.*/no/a\.npz': no such file or directory$"):
        api.write_constants(numbers, str(tmp_path / "no" / "a.npz"))
    with pytest.raises(FrontendError, match="@small names no file of constants; make one with wlm compile --payload"):
        api.read_constants(numbers.program, str(tmp_path))
    path = tmp_path / "small.npz"
    program = api.write_constants(numbers, str(path))
    with pytest.raises(FrontendError, match="No such file or directory"):
        api.read_constants(program, str(tmp_path / "elsewhere"))
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(
        FrontendError, match=r"sha256 is \w+\.\.\., but @small was made with \w+\.\.\.; compile it again$"
    ):
        api.read_constants(program, str(tmp_path))


def test_a_file_that_holds_no_constants(numbers: Numbers, tmp_path: Path) -> None:
    import hashlib
    from dataclasses import replace

    (tmp_path / "small.npz").write_bytes(b"text")
    payload = read_payload(numbers.program)
    network = replace(payload.network, file="small.npz", sha256=hashlib.sha256(b"text").hexdigest())
    program = with_payload(numbers.program, replace(payload, network=network))
    with pytest.raises(FrontendError, match="no file of constants"):
        api.read_constants(program, str(tmp_path))
