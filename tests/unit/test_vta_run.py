"""Execution: recorded programs with the bytes the reference simulator gave, limits, poison, launches."""

import csv
from pathlib import Path

import numpy as np
import pytest

from wlm_dialect.errors import ExecutionFault, SimulationError, UsageError
from wlm_dialect.program.vta import (
    INSN,
    UOP,
    Config,
    Memory,
    Op,
    Output,
    Segment,
    Tokens,
    VtaProgram,
    encode_uops,
    read_dump,
    read_folder,
)
from wlm_dialect.runtime.vta import compiled, keys
from wlm_dialect.runtime.vta import run as runner
from wlm_dialect.runtime.vta.run import run
from wlm_dialect.runtime.vta.uninitialised import find_reads

DATA = Path(__file__).parents[1] / "data" / "vta"
with (DATA / "INDEX.tsv").open(encoding="utf-8") as _index:
    INDEX = {row["name"]: row for row in csv.DictReader(_index, delimiter="\t")}
ENGINES = [False, pytest.param(True, marks=pytest.mark.skipif(not compiled.available(), reason="needs numba"))]
RIGHT = [name for name, row in INDEX.items() if row["expect"] == "ok"]


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("fast", ENGINES)
def test_recorded_programs_bit_for_bit(name: str, fast: bool) -> None:
    program = read_folder(DATA / name)
    result = run(program, compiled=fast)
    assert result.problems == ()
    assert result.mismatches == ()
    assert result.counters == program.meta["profiler"]
    assert any(output.expected is not None for output in program.outputs)


@pytest.mark.parametrize("name", RIGHT)
def test_every_gemm_as_a_product_and_in_short_stretches(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "WORTH_A_PLAN", 1)
    monkeypatch.setattr(runner, "STRETCH", 100)
    assert run(read_folder(DATA / name), compiled=False).mismatches == ()


@pytest.mark.parametrize(
    ("name", "outcome", "problem"),
    [
        (
            "neg_circular_l2g_g2l",
            "deadlock",
            "load waits for g2l at INSTRUCTION 0, compute waits for l2g at INSTRUCTION 1",
        ),
        ("neg_missing_push_next_from_load", "deadlock", "compute waits for l2g at INSTRUCTION 4"),
        ("neg_leftover_g2l", "finished", "tokens left in the queues: g2l 1; meant for the next launch: none"),
        ("neg_no_finish", "no finish", "the stream has no FINISH"),
    ],
)
def test_programs_that_do_not_end_as_they_should(name: str, outcome: str, problem: str) -> None:
    result = run(read_folder(DATA / name))
    assert result.outcome == outcome
    assert problem in result.problems[0]


def test_a_race_gives_the_bytes_the_reference_gave() -> None:
    assert run(read_folder(DATA / "neg_war_race_missing_g2l")).mismatches == ()


def test_a_changed_byte_is_found() -> None:
    program = read_folder(DATA / "hand_16x16")
    region = program.outputs[0]
    assert region.expected is not None
    expected = region.expected.copy()
    expected[[5, 9]] ^= 1
    result = run(program.with_(outputs=(Output(region.address, region.size, expected),)))
    assert [str(m) for m in result.mismatches] == [
        f"output 0: 2 bytes differ, first at 0x{region.address + 5:x}: expected {expected[5]}, got {expected[5] ^ 1}"
    ]


def table(*rows: dict[str, int]) -> np.ndarray:
    insn = np.zeros(len(rows), INSN)
    for n, row in enumerate(rows):
        for name, value in row.items():
            insn[name][n] = value
    return insn


DRAM = Segment("ACC", 0x1000, np.arange(4096, dtype=np.int32).astype("<i4").view(np.uint8))
UOPS = Segment("UOP", 0x10000, np.frombuffer(encode_uops(np.array([(0, 0, 0), (1, 1, 1)], UOP), Config()), np.uint8))
LOAD_UOP = {"op": Op.LOAD, "memory": Memory.UOP, "dram": 0x4000, "x": 2, "y": 1, "stride": 2}
FINISH = {"op": Op.FINISH}


def program(*rows: dict[str, int], **changes: object) -> VtaProgram:
    made = VtaProgram("p", Config(), table(*rows), (DRAM, UOPS), (Output(0x20000, 4096),))
    return made.with_(**changes)


def acc(x: int = 1, **fields: int) -> dict[str, int]:
    return {"op": Op.LOAD, "memory": Memory.ACC, "dram": 0x40, "y": 1, "x": x, "stride": x, **fields}


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([{"op": 6}], "INSTRUCTION 0 has opcode 6, which VTA does not have (0 to 4)"),
        ([{"op": Op.ALU, "alu": 5}], "INSTRUCTION 0 has ALU opcode 5, which VTA does not have (0 to 4)"),
        ([acc(memory=7)], "INSTRUCTION 0 loads memory 7, which cannot be loaded"),
        ([acc(memory=4)], "INSTRUCTION 0 loads memory 4, which cannot be loaded"),
        ([acc(op=Op.STORE)], "INSTRUCTION 0 stores memory 3 but only OUT (4) can be stored"),
        ([acc(op=Op.STORE, memory=4, pad_top=1)], "INSTRUCTION 0 is a STORE with padding, which VTA does not have"),
        ([acc(sram=2047, x=2)], "INSTRUCTION 0 fills ACC from 2047 to 2049 but ACC has 2048 elements"),
        (
            [acc(dram=0)],
            "INSTRUCTION 0 loads ACC from DRAM bytes 0x0 to 0x40, where the program has no segment or output",
        ),
        (
            [acc(op=Op.STORE, memory=4, dram=0x3000)],
            "INSTRUCTION 0 stores to DRAM bytes 0x30000 to 0x30010, where the program has no segment",
        ),
        (
            [LOAD_UOP, {"op": Op.GEMM, "uop_end": 2, "iter_out": 2, "dst_out": 2047, "iter_in": 1}],
            "INSTRUCTION 1, GEMM, visits element 2048 of ACC, which has 2048",
        ),
        (
            [LOAD_UOP, {"op": Op.GEMM, "uop_end": 2, "iter_out": 2, "src_out": 2047, "iter_in": 1}],
            "INSTRUCTION 1, GEMM, visits element 2048 of INP, which has 2048",
        ),
        (
            [LOAD_UOP, {"op": Op.GEMM, "uop_end": 2, "iter_out": 2, "wgt_out": 1023, "iter_in": 1}],
            "INSTRUCTION 1, GEMM, visits element 1024 of WGT, which has 1024",
        ),
        (
            [LOAD_UOP, {"op": Op.ALU, "uop_end": 2, "iter_out": 2, "src_out": 2047, "iter_in": 1}],
            "INSTRUCTION 1, ALU, visits element 2048 of ACC, which has 2048",
        ),
        (
            [{"op": Op.ALU, "uop_begin": 8190, "uop_end": 8194, "iter_out": 1, "iter_in": 1}],
            "INSTRUCTION 0, ALU, visits element 8193 of UOP, which has 8192",
        ),
    ],
)
@pytest.mark.parametrize("fast", ENGINES)
def test_what_hardware_cannot_do(rows: list[dict[str, int]], text: str, fast: bool) -> None:
    with pytest.raises(ExecutionFault) as error:
        run(program(*rows, FINISH), compiled=fast)
    assert text in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize("fast", ENGINES)
def test_indices_that_are_not_used_may_be_anything(fast: bool) -> None:
    rows = [
        LOAD_UOP,
        {"op": Op.GEMM, "reset": 1, "uop_end": 2, "iter_out": 2, "src_out": 2047, "iter_in": 1},
        {"op": Op.ALU, "use_imm": 1, "uop_end": 2, "iter_out": 2, "src_out": 2047, "iter_in": 1},
        {"op": Op.GEMM, "uop_begin": 5, "uop_end": 2, "iter_out": 9, "dst_out": 2047, "iter_in": 9},
        acc(x=0, memory=4, sram=9999),
    ]
    assert run(program(*rows, FINISH), compiled=fast).problems == ()


@pytest.mark.parametrize("fast", ENGINES)
def test_the_gap_between_regions_is_not_memory(fast: bool) -> None:
    assert run(program(acc(x=16, y=4, stride=64, dram=0x40), FINISH), compiled=fast).outcome == "finished"
    with pytest.raises(ExecutionFault, match="where the program has no segment"):
        run(program(acc(x=2, y=2, stride=400, dram=0x40), FINISH), compiled=fast)


def test_a_program_without_dram() -> None:
    refused = "INSTRUCTION 0 loads ACC from DRAM bytes 0x40 to 0x80, where the program has no segment or output"
    with pytest.raises(ExecutionFault, match=f"^{refused}$"):
        run(program(acc(dram=1), FINISH, segments=(), outputs=()))


def test_far_addresses_cost_no_memory() -> None:
    far = Segment("ACC", 0x30_0000_0000, DRAM.data)
    result = run(program(acc(dram=far.address // 64), FINISH, segments=(far, UOPS)))
    assert result.acc[0].tolist() == list(range(16))


def test_without_outputs_a_store_goes_anywhere() -> None:
    store = {"op": Op.STORE, "memory": Memory.OUT, "dram": 0x9000, "x": 1, "y": 1, "stride": 1}
    waits = {"op": Op.LOAD, "memory": Memory.UOP, "pop_next": 1}
    assert run(program({**store, "push_prev": 1}, waits, FINISH, outputs=())).outcome == "finished"


def test_an_instruction_that_would_take_for_ever_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "LIMIT", 10)
    with pytest.raises(SimulationError, match="INSTRUCTION 1 does 12 tile operations but one that does more than 10"):
        run(program(LOAD_UOP, {"op": Op.ALU, "uop_end": 2, "iter_out": 2, "iter_in": 3}, FINISH))


def test_too_much_dram_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wlm_dialect.runtime.vta.image.LIMIT", 1 << 16)
    with pytest.raises(SimulationError, match="bytes of DRAM but at most 65536 can be simulated"):
        run(program(FINISH))


def test_a_dump_cannot_be_executed() -> None:
    dump = read_dump((DATA / "forum_dump.txt").read_text(encoding="utf-8"))
    with pytest.raises(SimulationError, match="dump came from a dump: it has no immediates, micro-ops or data"):
        run(dump.program)


def test_compiled_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "available", lambda: False)
    with pytest.raises(UsageError, match=r"compiled loops need numba: pip install 'wlm-dialect\[fast\]'"):
        run(program(FINISH), compiled=True)
    assert run(program(FINISH)).engine_of_execution == "numpy"


def test_launches_keep_scratchpads_and_tokens() -> None:
    add = {"op": Op.ALU, "alu": 2, "use_imm": 1, "imm": 5, "uop_end": 1, "iter_out": 1, "iter_in": 1}
    push = {**LOAD_UOP, "push_prev": 1}
    drain = {"op": Op.LOAD, "memory": Memory.INP, "pop_next": 1, "push_next": 1}
    waits = {"op": Op.LOAD, "memory": Memory.UOP, "pop_prev": 1}
    again = program(push, add, drain, waits, FINISH, launches=3)
    assert run(again).acc[0, 0] == 15
    leaks = program(push, add, FINISH, launches=2, carry_out=Tokens(g2l=1))
    assert run(leaks.with_(launches=1)).problems == ()
    assert run(leaks).problems == ("launch 1: tokens left in the queues: g2l 2; meant for the next launch: g2l 1",)


def test_initial_tokens_let_a_launch_begin() -> None:
    waits = program({**acc(), "pop_next": 1}, FINISH)
    assert run(waits).outcome == "deadlock"
    assert run(waits.with_(initial_tokens=Tokens(s2g=1))).outcome == "finished"


def test_an_instruction_waits_for_both_tokens_before_it_takes_one() -> None:
    both = {**acc(), "pop_prev": 1, "pop_next": 1}
    result = run(program(both, FINISH, initial_tokens=Tokens(l2g=1)))
    assert (result.outcome, result.tokens) == ("deadlock", Tokens(l2g=1))


def test_early_finish_as_this_order_shows_it() -> None:
    store = {"op": Op.STORE, "memory": Memory.OUT, "dram": 0x2000, "x": 1, "y": 1, "stride": 1}
    result = run(program(acc(), store, FINISH))
    assert result.outcome == "early finish"
    assert result.problems == ("FINISH executes before 1 other instructions, the first is INSTRUCTION 1",)


def test_poison_fills_what_nobody_wrote() -> None:
    store = {"op": Op.STORE, "memory": Memory.OUT, "dram": 0x2000, "x": 1, "y": 1, "stride": 1}
    made = program(store, {**acc(x=0)}, FINISH)
    clean, dirty = run(made), run(made, poison=True)
    assert set(clean.outputs[0].tolist()) == {0}
    assert set(dirty.outputs[0][:16].tolist()) == {0xA5}
    assert set(dirty.outputs[0][16:].tolist()) == {0}
    assert find_reads(made, clean.launches[0]) == ["INSTRUCTION 0 reads element 0 of ACC, which nothing wrote"]


def test_who_reads_what_nobody_wrote_is_limited() -> None:
    rows = [{"op": Op.STORE, "memory": Memory.OUT, "dram": 0x2000, "x": 2, "y": 1, "stride": 2}] * 4
    made = program(*rows, FINISH)
    found = find_reads(made, run(made).launches[0], limit=2)
    assert found[0].endswith("of ACC, which nothing wrote (2 such elements)")
    assert found[2:] == ["... and 2 more reads of what nothing wrote"]
    whole = read_folder(DATA / "hand_16x16")
    assert find_reads(whole, run(whole).launches[0]) == []
