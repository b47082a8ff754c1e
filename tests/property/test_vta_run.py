"""Execution of random programs of any widths, against an interpreter that shares no code with the project."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import vta_reference
from tests.property.strategies import SCALE
from tests.vta_random import random_program
from wlm_dialect.passes.vta.check import check
from wlm_dialect.program.vta import Config, VtaProgram, encode_insns
from wlm_dialect.runtime.vta import compiled
from wlm_dialect.runtime.vta import run as runner
from wlm_dialect.runtime.vta.run import run

NARROW = Config(log_inp_buff_size=9, log_wgt_buff_size=12, log_acc_buff_size=11, log_uop_buff_size=8)


def device(program: VtaProgram) -> vta_reference.Device:
    config = program.config.to_json()
    config.setdefault("LOG_BLOCK_IN", config.get("LOG_BLOCK"))
    config.setdefault("LOG_BLOCK_OUT", config.get("LOG_BLOCK"))
    dram = {s.address + n: int(byte) for s in program.segments for n, byte in enumerate(s.data)}
    return vta_reference.Device({k: v for k, v in config.items() if k.startswith("LOG")}, dram)


def words(program: VtaProgram) -> list[int]:
    data = encode_insns(program.insn, program.config)
    return [int.from_bytes(data[n : n + 16], "little") for n in range(0, len(data), 16)]


def agrees(program: VtaProgram, compiled: bool) -> None:
    reference = device(program)
    stream = words(program)
    for launch in range(program.launches):
        assert len(vta_reference.run(reference, stream, seed=launch)) == len(program)
    result = run(program, compiled=compiled)
    assert result.problems == ()
    for region, got in zip(program.outputs, result.outputs, strict=True):
        expected = [reference.dram[region.address + n] for n in range(region.size)]
        assert got.tolist() == expected
    for index, numbers in reference.acc.items():
        assert result.acc[index].tolist() == numbers


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every GEMM becomes a matrix product, and stretches are short."""
    monkeypatch.setattr(runner, "WORTH_A_PLAN", 1)
    monkeypatch.setattr(runner, "STRETCH", 40)


@settings(max_examples=40 * SCALE, deadline=None)
@given(seed=st.integers(0, 1 << 32), launches=st.integers(1, 2))
def test_numpy_agrees_with_the_reference(seed: int, launches: int) -> None:
    agrees(random_program(seed).with_(launches=launches), compiled=False)


def test_products_agree_with_the_reference(tight: None) -> None:
    for seed in range(40 * SCALE):
        agrees(random_program(1000 + seed), compiled=False)


@pytest.mark.skipif(not compiled.available(), reason="needs numba")
def test_compiled_loops_agree_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(40 * SCALE):
        monkeypatch.setattr(runner, "WORTH_A_PLAN", (1, 30, 1 << 20)[seed % 3])
        config = (None, Config(), NARROW)[seed % 3]
        program = random_program(2000 + seed, config).with_(launches=1 + seed % 2)
        plain, fast = run(program, compiled=False), run(program, compiled=True)
        assert np.array_equal(plain.acc, fast.acc)
        assert np.array_equal(plain.inp, fast.inp)
        assert np.array_equal(plain.wgt, fast.wgt)
        for one, other in zip(plain.outputs, fast.outputs, strict=True):
            assert np.array_equal(one, other)


def test_random_programs_are_proved() -> None:
    for seed in range(20 * SCALE):
        verdict = check(random_program(3000 + seed))
        assert verdict.status == "proved", verdict.report(3)
