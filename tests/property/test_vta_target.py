"""Random programs of any widths through task graphs and contexts: the bytes stay, the checker agrees."""

import random
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.strategies import SCALE
from tests.vta_random import random_config, random_program
from tests.vta_tiles import conv, gemm
from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.program.vta import Config, Memory, VtaProgram, decode_uops, encode_uops
from wlm_dialect.runtime.vta.order_file import random_order
from wlm_dialect.runtime.vta.run import run

CANNOT = ("nothing to split", "make the tiles smaller", "does not fit the micro-op memory", "an earlier launch")


def bytes_of(program: VtaProgram, seed: int | None = None) -> list[bytes]:
    result = run(program, compiled=False, order=None if seed is None else random_order(program, seed))
    assert result.problems == ()
    return [output.tobytes() for output in result.outputs]


@settings(max_examples=40 * SCALE, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    dependences=st.sampled_from(("tokens", "data")),
    order=st.sampled_from(("exact", "fewest")),
)
def test_through_a_task_graph(seed: int, dependences: str, order: str) -> None:
    before = random_program(seed)
    tasks = api.vta_graph(before, dependences)  # type: ignore[arg-type]
    after = api.vta_lower(tasks, before, order=order)  # proved by the checker, or an error
    assert bytes_of(after) == bytes_of(before)
    assert bytes_of(after, seed=seed) == bytes_of(before)


def with_room(program: VtaProgram) -> VtaProgram:
    """The same program on a VTA with four times the INP, WGT and ACC."""
    old = program.config
    sizes = {f"log_{m}_buff_size": getattr(old, f"log_{m}_buff_size") + 2 for m in ("inp", "wgt", "acc")}
    config = replace(old, log_uop_buff_size=old.log_uop_buff_size + 4, **sizes)
    uops, *rest = program.segments
    data = np.frombuffer(encode_uops(decode_uops(uops.data, old), config), np.uint8)
    return program.with_(config=config, segments=(replace(uops, data=data), *rest))


def small_config(seed: int) -> Config:
    while True:
        config = random_config(random.Random(seed))
        if max(config.log_depth(m) for m in (Memory.INP, Memory.WGT, Memory.ACC)) <= 7:
            return config
        seed += 1


@settings(max_examples=60 * SCALE, deadline=None)
@given(seed=st.integers(0, 1 << 32), contexts=st.integers(2, 4), launches=st.integers(1, 2))
def test_contexts_of_random_programs(seed: int, contexts: int, launches: int) -> None:
    before = with_room(random_program(seed, small_config(seed), 40)).with_(launches=launches)
    try:
        after = api.vta_split(before, contexts)
    except ScheduleError as error:
        if not any(reason in str(error) for reason in CANNOT):
            raise
        return
    assert bytes_of(after) == bytes_of(before)
    if launches == 1:
        assert bytes_of(after, seed=seed) == bytes_of(before)


@settings(max_examples=20 * SCALE, deadline=None)
@given(
    seed=st.integers(0, 1000),
    tiles=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    tile=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    contexts=st.integers(2, 3),
    convolution=st.booleans(),
)
def test_contexts_of_tiled_programs(
    seed: int, tiles: tuple[int, int, int], tile: tuple[int, int], contexts: int, convolution: bool
) -> None:
    """There is always something to split: two tiles at least follow each other."""
    rows, blocks, depth = tiles
    if convolution:
        made = conv(tile[0] * (rows + 1), 4, depth, blocks, tile=tile[0], seed=seed)
    else:
        made = gemm(tile[0] * (rows + 1), tile[1] * blocks, depth, tile=tile, seed=seed)
    before = api.vta_lower(api.vta_graph(made, "data"), made)
    after = api.vta_split(before, contexts)
    assert bytes_of(after) == bytes_of(before)
    assert np.count_nonzero(after.nop) == 0
