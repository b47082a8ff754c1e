"""Timings: files, wrong files, random draws, and what they do to a run."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wlm_dialect.errors import SimulationError
from wlm_dialect.kernels.csr import Csr, int32
from wlm_dialect.machine import preset
from wlm_dialect.program import Barriers, Kind, Program, WorkItems
from wlm_dialect.program.model import IRQ_LIFTED, IRQ_OFF, IRQ_OVER, Draft
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing, check_timing, parse_timing, read_timing


def program(mode: str = "partial") -> Program:
    """load -> (over: next instance, push) -> conv -> store, firmware in between."""
    draft = Draft("net", preset("tiny"), "managed", mode)
    draft.add(0, "fetch", 12, kind=Kind.FETCH, target=3, low=0, high=1)
    draft.add(0, "load", 10, updates=[0])
    draft.add(1, "see", 1, kind=Kind.SYNC, waits=[0], updates=[2])
    draft.add(3, "conv", 50, updates=[1])
    draft.add(0, "store", 10, waits=[1], updates=[2])
    pid, irq = int32([0, 0, 2]), int32([IRQ_OVER, IRQ_OFF, IRQ_LIFTED])
    barriers = Barriers(pid, int32([1, 1, 2]), int32([1, 1, 0]), irq, 2)
    at = Csr.of([[], [], [0], [0]])
    items = WorkItems(int32([0, 1, 3, 0]), int32([0, 0, 0, 2]), int32([2, 1, 1, 3]), at, Csr.empty(4))
    return draft.finish(barriers=barriers, bootstrap=[0, 2], items=items)


def test_each_table_moves_what_it_names() -> None:
    p = program()
    nominal = run(p)
    assert nominal.start.tolist() == [0, 12, 22, 162, 212]
    r = run(p, timing=Timing(dispatch={2: 7}))
    assert r.start.tolist() == [0, 12, 29, 169, 219]
    assert r.head.tolist() == [0, 12, 0, 169, 189]
    r = run(p, timing=Timing(duration={1: 11}))
    assert r.start.tolist() == [0, 12, 23, 163, 213]
    r = run(p, timing=Timing(push={0: 4}))
    assert r.end.tolist() == [16, 26, 27, 216, 226]
    r = run(p, timing=Timing(interrupt={0: 1000}))
    assert r.start.tolist() == [0, 12, 22, 1162, 1212]


def test_bounded_rearming_takes_what_the_timing_says() -> None:
    p = program()
    p = p.with_(machine=p.machine.with_(barriers=type(p.machine.barriers)(count=8, rearm="bounded", rearm_delta=9)))
    assert run(p).armed.tolist() == [0, 142, 0]  # firmware programs it: armed when that step ends
    p = p.with_(bootstrap=int32([0, 1, 2]))  # it waits in the FIFO
    assert run(p).armed.tolist() == [0, 31, 0]  # the worst case
    assert run(p, timing=Timing(rearm={1: 0})).armed.tolist() == [0, 22, 0]
    assert run(p, timing=Timing(rearm={1: 3})).armed.tolist() == [0, 25, 0]


def test_a_file_survives_a_round_trip(tmp_path: Path) -> None:
    timing = Timing({3: 5}, {1: 2}, {0: 1}, {0: 9}, {0: 2}, {1: 0})
    path = tmp_path / "t.json"
    path.write_text(timing.to_json())
    assert read_timing(path) == timing
    assert next(iter(json.loads(timing.to_json()))) == "format"


@given(st.sampled_from(["uniform", "heavy", "adversarial"]), st.integers(0, 2**32))
def test_draws_are_possible_and_repeatable(how: str, seed: int) -> None:
    p = program()
    make = {
        "uniform": lambda: Timing.uniform(p, 20, seed),
        "heavy": lambda: Timing.heavy_tail(p, seed),
        "adversarial": lambda: Timing.adversarial(p, seed),
    }[how]
    timing = make()
    assert timing == make()
    check_timing(p, timing)
    r = run(p, timing=timing)
    assert r.outcome == "finished"
    if how == "uniform":
        pairs = zip(timing.duration.values(), p.cycles.tolist(), strict=True)
        assert all(abs(10 * drawn - 10 * nominal) <= 2 * nominal + 10 for drawn, nominal in pairs)


def test_a_uniform_timing_has_a_sensible_width() -> None:
    with pytest.raises(SimulationError, match=r"varies by 101 %, but 0 to 100 % is possible"):
        Timing.uniform(program(), 101, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", r"t.json: expected an object of tables, got list"),
        ("{", r"t.json: not JSON: "),
        ('{"format": 2}', r"format 2, but this version reads format 1"),
        ('{"dispach": {}}', r"unknown field 'dispach'; did you mean 'dispatch'\?"),
        ('{"push": [1]}', r"push: expected a table such as .*, got list"),
        ('{"push": {"a": 1}}', r"push: 'a' is not the index of a task or barrier"),
        ('{"push": {"1": 1.5}}', r"push: entry 1 is 1.5, but ticks are whole numbers"),
    ],
)
def test_a_wrong_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(SimulationError, match=message):
        read_timing(path)


def test_a_missing_or_binary_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"timing file .*none.json: No such file"):
        read_timing(tmp_path / "none.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    with pytest.raises(SimulationError, match=r"b.json: not UTF-8 text"):
        read_timing(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"dispatch": {"9": 1}}, r"dispatch of 9, but @net has 5 tasks"),
        ({"interrupt": {"4": 1}}, r"interrupt of 4, but @net has 3 barriers"),
        ({"duration": {"1": 0}}, r"duration of 1 is 0 ticks but must be at least 1"),
        (
            {"dispatch": {"1": 1 << 63}},
            r"dispatch of 1 is 9223372036854775808 ticks but must be at most 281474976710656",
        ),
        ({"dispatch": {"1": -1}}, r"dispatch of 1 is -1 ticks but must be at least 0"),
        ({"rearm": {"1": 1}}, r"rearm of 1 is 1 ticks, but the machine bounds it by 0"),
        ({"push": {"1": 1}}, r"push of task 1 'load', which is no management DMA"),
        ({"fetch_interrupt": {"1": 1}}, r"fetch_interrupt of task 1 'load', which is no fetch"),
    ],
)
def test_a_timing_that_does_not_fit_the_program_is_an_error(data: dict[str, object], message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        run(program(), timing=parse_timing(data))
