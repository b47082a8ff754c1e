"""VTA in time: when instructions start and end, finite queues, random durations, reports, page and trace."""

import json
import re
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.vta_programs import Step, assemble, double_buffered, step
from wlm_dialect.errors import SimulationError
from wlm_dialect.program.vta import QUEUES, Tokens, VtaProgram, read_folder
from wlm_dialect.program.vta.hardware import SIM, Hardware
from wlm_dialect.runtime.vta.costs import Costs, jittered
from wlm_dialect.runtime.vta.order import follow_order
from wlm_dialect.runtime.vta.order_file import print_order, random_order, read_order
from wlm_dialect.runtime.vta.replay import replay
from wlm_dialect.runtime.vta.run import run
from wlm_dialect.runtime.vta.timeline import times_html, times_report, times_trace
from wlm_dialect.runtime.vta.timing import VtaTimes, run_timing

DATA = Path(__file__).parents[1] / "data" / "vta"


def timed(steps: list[Step], durations: list[int], hardware: Hardware = SIM) -> VtaTimes:
    return run_timing(assemble(steps), hardware, durations=np.array(durations, np.int64))


def test_modules_run_side_by_side_and_tokens_hold_them() -> None:
    steps = [step("nop0", 0, "push next"), step("nop0"), step("nop1", 0, "pop prev"), step("finish")]
    times = timed(steps, [10, 5, 20, 1])
    assert times.arrived.tolist() == [2, 4, 6, 8]  # an instruction every two ticks
    assert times.start.tolist() == [2, 12, 12, 32]
    assert times.end.tolist() == [12, 17, 32, 33]
    assert times.overlap() == {"none": 2, "load": 10, "load+compute": 5, "compute": 16}
    assert [times.busy(m) for m in range(3)] == [15, 21, 0]
    ticks, fill = times.occupancy(0)
    assert (ticks.tolist(), fill.tolist()) == ([0, 12], [0, 0])  # pushed and popped in the same tick
    assert times.order.tolist() == [0, 1, 2, 3]
    assert times.makespan == 33


def test_a_full_dependence_queue_makes_the_push_wait() -> None:
    steps = [
        step("nop0", 0, "push next"),
        step("nop0", 0, "push next"),
        step("nop1"),
        *[step("nop1", 0, "pop prev")] * 2,
    ]
    small = Hardware("small", tokens=1)
    times = timed([*steps, step("finish")], [1, 1, 50, 1, 1, 1], small)
    assert times.end.tolist()[:2] == [3, 56]  # the second push waits for the first pop, when compute gets there
    assert int(times.occupancy(0)[1].max()) == 1
    assert times.outcome == "finished"


def test_a_full_dependence_queue_that_saturates_loses_the_token() -> None:
    steps = [
        step("nop0", 0, "push next"),
        step("nop0", 0, "push next"),
        step("nop1"),
        *[step("nop1", 0, "pop prev")] * 2,
    ]
    times = timed([*steps, step("finish")], [1, 1, 50, 1, 1, 1], Hardware("small", tokens=1, saturates=True))
    assert times.outcome == "hazard"
    assert times.hazard == "#1 NOP-MEMORY-STAGE pushes into l2g at tick 5 when 1 tokens are in it: the token is lost"
    assert times.end.tolist() == [3, 5, -1, -1, -1, -1]


def test_a_full_command_queue_stops_fetch() -> None:
    steps = [step("nop1", 0, "pop prev"), step("nop1"), step("nop0", 0, "push next"), step("finish")]
    stuck = timed(steps, [1] * 4, Hardware("small", commands=1))
    assert stuck.outcome == "deadlock"
    reasons = {w.instruction: w.reason for w in stuck.waiting}
    assert reasons[0] == "waits for l2g, which load has to push"
    assert reasons[2] == "not fetched: fetch waits to hand out #1 NOP-COMPUTE-STAGE, whose command queue is full"
    assert timed(steps, [1] * 4, Hardware("small", commands=2)).outcome == "finished"
    assert timed(steps, [1] * 4, Hardware("small", commands=1, held=False)).outcome == "finished"


def test_a_push_that_waits_for_ever() -> None:
    steps = [step("nop0", 0, "push next"), step("nop0", 0, "push next"), step("finish")]
    times = timed(steps, [1, 1, 1], Hardware("small", tokens=1))
    assert [(w.instruction, w.reason) for w in times.waiting] == [(1, "l2g is full, compute has to pop")]


def test_initial_tokens() -> None:
    program = assemble([step("nop1", 0, "pop prev"), step("finish")])
    assert run_timing(program, SIM).outcome == "deadlock"
    times = run_timing(program, SIM, initial=Tokens(l2g=1))
    assert times.outcome == "finished"
    assert times.occupancy(0)[1].tolist() == [1, 0]


def test_what_instructions_cost() -> None:
    program = assemble(
        [step("uop"), step("inp"), step("wgt"), step("gemm"), step("alu"), step("store"), step("finish")]
    )
    assert Costs().durations(program).tolist() == [
        2 + 32 + 4,
        2 + 32 + 2,
        2 + 32 + 32,
        2 + 8 + 1,
        2 + 8 + 2,
        2 + 32 + 2,
        2,
    ]
    program.insn["pad_left"][1] = 15  # zeros that are written one per tick
    program.insn["iter_out"][3] = 100
    program.insn["iter_in"][4] = 0
    changed = Costs.parse(["latency=0", "pipeline=0", "alu=7"]).durations(program)
    assert changed.tolist() == [2 + 4, 2 + 15, 2 + 32, 2 + 100, 2, 2 + 2, 2]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("latncy=3", "unknown cost 'latncy'; did you mean 'latency'?"),
        ("latency", "cost 'latency': expected latency=TICKS, a whole number"),
        ("gemm=0", "cost gemm is 0, but has to be a whole number from 1 to 2^32"),
    ],
)
def test_costs_that_make_no_sense(text: str, error: str) -> None:
    with pytest.raises(SimulationError, match=re.escape(error)):
        Costs.parse([text])


def test_jitter_is_drawn_by_its_seed() -> None:
    durations = np.full(200, 100, np.int64)
    assert (jittered(durations, 3, "uniform") == jittered(durations, 3, "uniform")).all()
    assert (jittered(durations, 3, "uniform") != jittered(durations, 4, "uniform")).any()
    assert set(range(75, 126)) >= set(jittered(durations, 3, "uniform").tolist())
    assert set(jittered(durations, 3, "extreme").tolist()) == {1, 10_000}


def virtual_threads() -> VtaProgram:
    return read_folder(DATA / "tvm_conv_8x8x32_32_vt2_oc")


def test_every_timing_of_a_right_program_stores_the_same_bytes() -> None:
    program = virtual_threads()
    [expected] = run(program).outputs
    orders = set()
    for seed in range(4):
        times = run_timing(program, SIM, durations=jittered(Costs().durations(program), seed, "extreme"))
        assert times.outcome == "finished"
        for order in (times.order, random_order(program, seed)):
            orders.add(tuple(order.tolist()))
            assert replay(program, order).observations == ()
            [out] = run(program, order=order).outputs
            assert (out == expected).all()
    assert len(orders) == 8


def test_two_threads_overlap_and_one_does_not() -> None:
    program = assemble(double_buffered(8))
    times = run_timing(program, SIM, durations=np.where(program.module == 1, 40, 20).astype(np.int64))
    assert times.overlap()["load+compute"] > times.makespan // 3
    single = [step("uop"), step("reset", 0, "push prev")]
    for n in range(8):
        flags = ["push prev"] if n < 7 else ["push next"]
        single += [step("inp", 0, "pop next"), step("wgt", 0, "push next"), step("gemm", 0, "pop prev", *flags)]
    alone = assemble([*single, step("store", 0, "pop prev", "push prev"), step("nop1", 0, "pop next"), step("finish")])
    slow = run_timing(alone, SIM, durations=np.where(alone.module == 1, 40, 20).astype(np.int64))
    assert "load+compute" not in slow.overlap()
    assert slow.makespan > 1.5 * times.makespan


# ---- orders


def test_order_files_come_back(tmp_path: Path) -> None:
    program = virtual_threads()
    order = random_order(program, 7)
    text = print_order(program, order.tolist(), "why")
    assert text.startswith("# wlm vta order 1\n# @tvm_conv_8x8x32_32_vt2_oc: why\n")
    (tmp_path / "o.txt").write_text(text)
    assert read_order(tmp_path / "o.txt", program).tolist() == order.tolist()
    assert random_order(program, 7).tolist() == order.tolist()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("0 FINISH\n", "is no order file: its first line is not '# wlm vta order 1'"),
        ("", "is no order file"),
        ("# wlm vta order 1\n7 GEMM\n", "o.txt:2: '7' is no instruction of @small, which has 2"),
        ("# wlm vta order 1\nfirst\n", "o.txt:2: 'first' is no instruction of @small"),
        ("# wlm vta order 1\n0\n\n0\n", "o.txt:4: instruction 0 is there twice"),
    ],
)
def test_order_files_that_make_no_sense(text: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "o.txt").write_text(text)
    with pytest.raises(SimulationError, match=re.escape(error)):
        read_order(tmp_path / "o.txt", assemble([step("nop1"), step("finish")]))


def test_a_binary_file_is_no_order(tmp_path: Path) -> None:
    (tmp_path / "o.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(SimulationError, match="it is not UTF-8 text"):
        read_order(tmp_path / "o.txt", assemble([step("finish")]))


def test_orders_that_cannot_be() -> None:
    program = assemble([step("nop0", 0, "push next"), step("nop1", 0, "pop prev"), step("finish")])
    assert follow_order(program, Tokens(), []).insns.tolist() == [0, 1, 2]
    with pytest.raises(
        SimulationError, match=r"step 1 of the order: #1 NOP-COMPUTE-STAGE cannot execute: no token in l2g"
    ):
        follow_order(program, Tokens(), [1])
    with pytest.raises(SimulationError, match=r"step 1 .*: #1 NOP-COMPUTE-STAGE is next in the compute module"):
        follow_order(program, Tokens(), [2])
    with pytest.raises(SimulationError, match=r"step 2 .*: nothing is next in the load module"):
        follow_order(program, Tokens(), [0, 0])


def test_a_race_shows_in_the_bytes() -> None:
    from wlm_dialect.passes.vta.check import check

    program = read_folder(DATA / "neg_war_race_missing_g2l")
    order = np.array(check(program).findings[0].order, np.int32)
    listed = np.arange(len(program), dtype=np.int32)
    assert replay(program, listed).observations == ()
    assert (run(program, order=listed).outputs[0] != run(program, order=order).outputs[0]).any()


# ---- pictures


def data_of(page: str) -> dict[str, Any]:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_report_speaks_of_modules() -> None:
    times = run_timing(virtual_threads(), SIM)
    report = times_report(times)
    assert [row.name for row in report.engines] == ["load", "compute", "store"]
    for row in report.engines:
        assert row.busy + sum(row.stalls.values()) + row.rest == times.makespan
    assert [row.busy for row in report.engines] == [times.busy(m) for m in range(3)]
    assert sum(s.ticks for s in report.path) == times.makespan


def test_the_page_has_modules_and_queues() -> None:
    times = run_timing(virtual_threads(), SIM)
    data = data_of(times_html([times, times]))
    [first, _] = data["runs"]
    assert [lane["name"] for lane in first["lanes"]] == ["load", "compute", "store"]
    assert [q[0] for q in first["queues"]] == list(QUEUES)
    for n, (_, ticks, fill, _) in enumerate(first["queues"]):
        expected = times.occupancy(n)
        assert (list(accumulate(ticks)), fill) == (expected[0].tolist(), expected[1].tolist())
    assert data["words"]["barrier"] == "token"


def test_the_trace_counts_tokens() -> None:
    times = run_timing(virtual_threads(), SIM)
    events = times_trace(times)["traceEvents"]
    processes = {e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    assert "queues" in processes
    assert "barriers" not in processes
    counters = [e for e in events if e["ph"] == "C" and e["name"] == "g2l"]
    assert max(e["args"]["tokens"] for e in counters) == int(times.occupancy(1)[1].max())
    slices = [e for e in events if e["ph"] == "X" and e["cat"] == "task"]
    assert len(slices) == len(times.program)
    assert {e["name"] for e in slices} >= {"#0 LOAD UOP", "#1 GEMM reset"}


@pytest.mark.parametrize("saturates", [False, True])
def test_a_run_that_stops_has_a_report(saturates: bool) -> None:
    steps = [step("nop0", 0, "push next"), step("nop0", 0, "push next"), step("nop1", 0, "pop next"), step("finish")]
    times = timed(steps, [1, 1, 1, 1], Hardware("small", tokens=1, saturates=saturates))
    report = times_report(times)
    assert report.result.outcome == ("hazard" if saturates else "deadlock")
    assert (report.result.hazard is not None) == saturates
    if not saturates:
        assert {row.engine for row in report.result.stuck} == {"load", "compute"}
    assert data_of(times_html([times]))["runs"][0]["outcome"] == report.result.outcome
