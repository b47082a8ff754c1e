"""Layouts and windows against elements one by one."""

from hypothesis import given
from hypothesis import strategies as st

from wlm_dialect.frontends.layers import Region, Shape, Window, whole
from wlm_dialect.program.layout import Layout, layout_of


def within(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high - 1), st.integers(low, high - 1)).map(lambda p: (min(p), max(p) + 1))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Layout, Region, Region]:
    shape = Shape(draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 2)))
    region = Region(*draw(within(0, shape.n)), *draw(within(0, shape.h)), *draw(within(0, shape.c)))
    layout = layout_of(region, shape, draw(st.sampled_from([1, 2])), draw(st.sets(st.integers(0, 6))))
    n, h = within(region.n0, region.n1), within(region.h0, region.h1)
    parts = [Region(*draw(n), *draw(h), *draw(within(region.c0, region.c1))) for _ in range(2)]
    return layout, parts[0], parts[1]


def covered(layout: Layout, part: Region) -> set[int]:
    return {b for offset, size in layout.ranges(part) for b in range(offset, offset + size)}


def aligned(layout: Layout, part: Region) -> bool:
    return part.c0 in layout.bounds and part.c1 in layout.bounds


@given(cases())
def test_ranges_cover_the_part_and_parts_of_whole_blocks_exactly(case: tuple[Layout, Region, Region]) -> None:
    layout, part, other = case
    found = layout.ranges(part)
    assert found == sorted(found)
    assert all(size > 0 and offset + size <= layout.size for offset, size in found)
    size = part.size(layout.w) * layout.element_bytes
    bytes_ = covered(layout, part)
    assert len(bytes_) == sum(s for _, s in found)
    assert len(bytes_) == size if aligned(layout, part) else len(bytes_) >= size
    if part.meet(other) is not None:
        assert bytes_ & covered(layout, other)
    elif aligned(layout, part) and aligned(layout, other):
        assert not bytes_ & covered(layout, other)


@given(cases())
def test_all_of_a_region_is_all_of_its_bytes(case: tuple[Layout, Region, Region]) -> None:
    layout = case[0]
    assert layout.ranges(layout.region) == [(0, layout.size)]


@given(
    st.integers(1, 5), st.integers(1, 3), st.integers(1, 2), st.integers(0, 4), st.integers(3, 12), st.integers(1, 12)
)
def test_window_rows(kernel: int, stride: int, dilation: int, pad: int, rows: int, h1: int) -> None:
    window = Window(kernel, stride, dilation, pad)
    h0 = h1 - 1
    touched = [h0 * stride - pad + k * dilation for k in range(kernel)]
    real = [r for r in touched if 0 <= r < rows]
    low, high = window.rows(h0, h1, rows)
    assert 0 <= low < high <= rows
    assert all(low <= r < high for r in real)
    if real and min(touched) >= 0 and max(touched) < rows:
        assert (low, high) == (min(touched), max(touched) + 1)


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(1, 6), st.integers(0, 17))
def test_window_rows_of_a_transposed_convolution(kernel: int, up: int, pad: int, rows: int, h0: int) -> None:
    window = Window(kernel, 1, 1, kernel - 1 - pad, up=up)
    real = [i for i in range(rows) for k in range(kernel) if i * up + k - pad == h0]
    low, high = window.rows(h0, h0 + 1, rows)
    assert 0 <= low < high <= rows
    assert all(low <= r < high for r in real)


def test_a_part_of_a_cut_block_counts_the_block() -> None:
    layout = layout_of(whole(Shape(1, 4, 2, 1)), Shape(1, 4, 2, 1), 1, ())
    assert layout.ranges(Region(0, 1, 0, 1, 1, 2)) == [(0, 4)]
