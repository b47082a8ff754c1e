"""The programs that benchmarks/vta.py measures do what it says they do."""

from types import ModuleType

import numpy as np
import pytest

from tests.benchmark_scripts import load_script
from wlm_dialect.passes.vta.check import check
from wlm_dialect.runtime.vta import compiled
from wlm_dialect.runtime.vta.run import run


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_script("vta")


@pytest.mark.parametrize("fast", [False, True])
def test_matmul_is_a_matrix_product(benchmark: ModuleType, fast: bool) -> None:
    if fast and not compiled.available():
        pytest.skip("needs numba")
    size, tile = 256, 16
    program = benchmark.matmul(size)
    data = {s.name: s.data.view(np.int8).astype(np.int32) for s in program.segments if s.name != "UOP"}
    a = data["INP"].reshape(size, size)
    # tiles [n][k] of [output channel][input channel]
    w = data["WGT"].reshape(size // tile, size // tile, tile, tile).transpose(0, 2, 1, 3).reshape(size, size)
    expected = ((a @ w.T) >> 8).astype(np.int8)
    result = run(program, compiled=fast)
    assert result.problems == ()
    assert np.array_equal(result.outputs[0].view(np.int8).reshape(size, size), expected)
    assert result.counters["gemm_counter"] == size * (size // tile) ** 2
    assert check(program).status == "proved"


@pytest.mark.parametrize("kind", ["nop", "store", "load", "all kinds"])
def test_small_instructions_run_to_their_end(benchmark: ModuleType, kind: str) -> None:
    result = run(benchmark.small(kind, 60), compiled=False)
    assert result.problems == ()
    assert len(result.launches[0].insns) >= 58


def test_a_row_of_the_table(benchmark: ModuleType) -> None:
    row = benchmark.measure(benchmark.Case("m", benchmark.matmul(256), (256, 256, 256)), 1)
    assert row["instructions"] == 16
    assert 0 < row["numpy/matmul"]
