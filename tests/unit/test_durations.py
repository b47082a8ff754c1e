"""The roofline by hand."""

from wlm_dialect.kernels.durations import dma_ticks, dpu_ticks, shave_ticks
from wlm_dialect.machine import preset

TINY = preset("tiny")  # 16 macs at 70 %, 8 elements, 4 SHAVE elements per tick; overheads 10 and 20; setup 10, 1 GB/s


def test_dma_is_setup_and_bytes() -> None:
    assert dma_ticks(TINY, TINY.engine("dma0"), 100) == 10 + 100
    assert dma_ticks(TINY, TINY.engine("dma0"), 0) == 10


def test_dpu_is_the_slower_of_macs_and_elements() -> None:
    assert dpu_ticks(TINY, 1120, 8) == 10 + 100
    assert dpu_ticks(TINY, 0, 801) == 10 + 101
    assert dpu_ticks(TINY, 0, 0) == 11


def test_shave_is_elements_times_cost() -> None:
    assert shave_ticks(TINY, 10, 6) == 20 + 15
