"""The allocator against the definition: what is live together never overlaps."""

from hypothesis import given
from hypothesis import strategies as st

from wlm_dialect.kernels.allocator import Arena, align, place

intervals = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 30), st.integers(0, 10)).map(lambda t: (t[0], t[1], t[1] + t[2])),
    max_size=40,
)


@given(intervals, st.sampled_from([1, 16, 64]))
def test_placed_buffers_that_live_together_do_not_overlap(rows: list[tuple[int, int, int]], alignment: int) -> None:
    address, peak = place([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], alignment=alignment)
    room = [max(align(size, alignment), alignment) for size, _, _ in rows]
    for i, (_, first, last) in enumerate(rows):
        assert address[i] % alignment == 0
        for j in range(i):
            if rows[j][1] <= last and first <= rows[j][2]:
                assert address[i] + room[i] <= address[j] or address[j] + room[j] <= address[i]
    assert peak == max((int(a) + r for a, r in zip(address, room, strict=True)), default=0)


@given(intervals)
def test_peak_is_at_least_what_is_live_at_once(rows: list[tuple[int, int, int]]) -> None:
    _, peak = place([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], alignment=1)
    live = [sum(size for size, first, last in rows if first <= t <= last) for t in range(41)]
    assert peak >= max(live)


@given(st.lists(st.integers(1, 500), max_size=30))
def test_disjoint_lives_share_one_place(sizes: list[int]) -> None:
    times = list(range(len(sizes)))
    address, peak = place(sizes, times, times, alignment=1)
    assert not address.any()
    assert peak == max(sizes, default=0)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 300), st.booleans(), st.integers(0, 99)), max_size=60))
def test_arena_hands_out_disjoint_ranges_and_gets_all_of_them_back(
    actions: list[tuple[bool, int, bool, int]],
) -> None:
    arena = Arena(2000, 64)
    held: list[tuple[int, int]] = []
    for take, size, top, which in actions:
        if take or not held:
            at = arena.allocate(size, top=top)
            if at is None:
                continue
            end = at + align(size, 64)
            assert at % 64 == 0
            assert 0 <= at < end <= 2000
            assert all(end <= a or a + align(s, 64) <= at for a, s in held)
            held.append((at, size))
        else:
            arena.release(*held.pop(which % len(held)))
        assert arena.used == sum(align(s, 64) for _, s in held)
    for at, size in held:
        arena.release(at, size)
    assert arena.used == 0
    assert arena.allocate(2000 - 2000 % 64) == 0  # the free ranges have been merged again
