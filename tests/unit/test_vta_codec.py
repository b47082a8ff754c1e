"""Configurations, where fields are, and the two binary forms."""

import numpy as np
import pytest

from wlm_dialect.errors import ProgramError
from wlm_dialect.program.vta import (
    INSN,
    UOP,
    Config,
    Memory,
    Module,
    Op,
    Tokens,
    decode_insns,
    decode_uops,
    encode_insns,
    encode_uops,
    find_modules,
    find_nops,
    token_moves,
)
from wlm_dialect.program.vta.layout import layout

DEFAULT = Config()


def decode_hex(text: str) -> np.void:
    """One instruction from 128 bits in hex, most significant first."""
    return decode_insns(int(text.replace("_", ""), 16).to_bytes(16, "little"), DEFAULT)[0]


def shown(row: np.void) -> dict[str, int]:
    return {name: int(row[name]) for name in INSN.names or () if row[name]}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("00000001_00010001_00000040_00000000", {"dram": 0x1000, "y": 1, "x": 1, "stride": 1}),
        (
            "00000000_00000000_00020008_002000a2",
            {"op": 2, "push_prev": 1, "reset": 1, "uop_end": 1, "iter_out": 1, "iter_in": 1},
        ),
        (
            "00000001_00010001_00000004_00000110",
            {"pop_next": 0, "memory": 2, "dram": 0x100, "y": 1, "x": 1, "stride": 1},
        ),
        (
            "00000002_00000800_00200008_00200062",
            {"op": 2, "push_prev": 1, "push_next": 1, "uop_end": 1, "iter_out": 1, "iter_in": 16, "dst_in": 1}
            | {"src_in": 1},
        ),
    ],
)
def test_check_vectors(text: str, fields: dict[str, int]) -> None:
    row = decode_hex(text)
    if fields.get("memory") == 2:
        fields = {**fields, "pop_next": int(row["pop_next"])}
    assert shown(row) == {name: value for name, value in fields.items() if value}


def test_depths_and_element_sizes_of_the_default() -> None:
    order = (Memory.UOP, Memory.WGT, Memory.INP, Memory.ACC, Memory.OUT, Memory.ACC_8BIT)
    assert [DEFAULT.log_depth(m) for m in order] == [13, 10, 11, 11, 11, 11]
    assert [DEFAULT.element_bytes(m) for m in order] == [4, 256, 16, 64, 16, 16]


def test_fields_of_the_default() -> None:
    places = {f.name: (f.low, f.width) for f in layout(DEFAULT).gemm}
    assert places["uop_begin"] == (8, 13)
    assert places["iter_in"] == (49, 14)
    assert places["dst_out"] == (64, 11)
    assert places["wgt_in"] == (118, 10)
    alu = {f.name: (f.low, f.width) for f in layout(DEFAULT).alu}
    assert alu["imm"] == (112, 16)
    assert [(f.low, f.width) for f in layout(DEFAULT).uop] == [(0, 11), (11, 11), (22, 10)]


def test_a_field_that_fits_the_first_word_stays_there() -> None:
    narrow = Config(log_uop_buff_size=6, log_acc_buff_size=10)  # micro-ops 4 bits, accumulators 4 bits
    places = {f.name: (f.low, f.width) for f in layout(narrow).gemm}
    assert places["iter_in"] == (31, 14)
    assert places["dst_out"] == (45, 4)
    assert places["src_out"] == (53, 11)
    assert places["src_in"] == (64, 11)


def test_json_both_ways() -> None:
    config = Config(log_batch=1, log_block_in=5, log_block_out=5)
    text = config.to_json()
    assert text["LOG_BLOCK"] == 5
    assert Config.from_json(text) == config
    uneven = Config(log_block_in=3)
    assert uneven.to_json()["LOG_BLOCK_IN"] == 3
    assert Config.from_json(uneven.to_json()) == uneven
    assert Config.from_json({"LOG_BLOCK": 3, "LOG_BLOCK_OUT": 2, "LOG_OUT_WIDTH": 3}).block_out == 4


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"LOG_BATCH": -1}, "LOG_BATCH is -1 but is a log2, a whole number from 0 to 40"),
        ({"LOG_BATCH": True}, "LOG_BATCH is True but is a log2"),
        ({"LOG_INP_WIDTH": 6}, "LOG_INP_WIDTH asks for 64-bit numbers but VTA has at most 32 bits"),
        ({"LOG_WGT_BUFF_SIZE": 7}, "LOG_WGT_BUFF_SIZE makes WGT smaller than one element of 2048 bits"),
        ({"LOG_BLOCK": 1, "LOG_INP_WIDTH": 1}, "an element of INP has 4 bits: less than a byte"),
        ({"LOG_BLOK": 4}, "unknown key 'LOG_BLOK' in the configuration; did you mean 'LOG_BLOCK'?"),
    ],
)
def test_configurations_that_cannot_be(values: dict[str, int], text: str) -> None:
    with pytest.raises(ProgramError) as error:
        Config.from_json(values)
    assert text in str(error.value)


def test_micro_ops_that_do_not_fit_their_word() -> None:
    with pytest.raises(ProgramError, match="a micro-op needs 44 bits in this configuration but has 32"):
        layout(Config(log_inp_buff_size=9, log_wgt_buff_size=20))


def test_instructions_that_do_not_fit_their_word() -> None:
    with pytest.raises(ProgramError, match=r"GEMM needs \d+ bits in this configuration but has 128"):
        layout(Config(log_uop_buff_size=28))


def test_every_bit_comes_back() -> None:
    rng = np.random.default_rng(7)
    data = rng.integers(0, 256, 16 * 500).astype(np.uint8)
    for config in (DEFAULT, Config(log_uop_buff_size=8, log_inp_buff_size=9, log_wgt_buff_size=12, log_batch=2)):
        assert encode_insns(decode_insns(data, config), config) == data.tobytes()
        words = data[: 4 * 64]
        if sum(f.width for f in layout(config).uop) == 32:
            assert encode_uops(decode_uops(words, config), config) == words.tobytes()


def test_the_immediate_is_signed() -> None:
    insn = np.zeros(2, INSN)
    insn["op"], insn["imm"] = Op.ALU, (-32768, 32767)
    assert decode_insns(encode_insns(insn, DEFAULT), DEFAULT)["imm"].tolist() == [-32768, 32767]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("imm", 32768, "instruction 1: imm is 32768 but its field of 16 bits holds -32768 to 32767"),
        ("dst_out", 2048, "instruction 1: dst_out is 2048 but its field of 11 bits holds 0 to 2047"),
        ("uop_begin", -1, "instruction 1: uop_begin is -1 but its field of 13 bits holds 0 to 8191"),
    ],
)
def test_values_that_do_not_fit_are_refused(field: str, value: int, text: str) -> None:
    insn = np.zeros(2, INSN)
    insn["op"] = Op.ALU
    insn[field][1] = value
    with pytest.raises(ProgramError) as error:
        encode_insns(insn, DEFAULT)
    assert text in str(error.value)


def test_a_micro_op_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ProgramError, match="micro-op 0: wgt is 1024 but its field of 10 bits holds 0 to 1023"):
        encode_uops(np.array([(0, 0, 1024)], UOP), DEFAULT)


def test_streams_that_are_cut_off() -> None:
    with pytest.raises(ProgramError, match="an instruction stream of 17 bytes is not a multiple of 16"):
        decode_insns(bytes(17), DEFAULT)
    with pytest.raises(ProgramError, match="a micro-op buffer of 6 bytes is not a multiple of 4"):
        decode_uops(bytes(6), DEFAULT)


def test_modules_and_nops() -> None:
    insn = np.zeros(6, INSN)
    insn["op"] = (Op.LOAD, Op.LOAD, Op.LOAD, Op.STORE, Op.GEMM, Op.FINISH)
    insn["memory"] = (Memory.INP, Memory.WGT, Memory.ACC_8BIT, Memory.UOP, 0, 0)
    insn["x"] = (1, 0, 1, 0, 0, 0)
    assert find_modules(insn).tolist() == [Module.LOAD] * 2 + [Module.COMPUTE, Module.STORE] + [Module.COMPUTE] * 2
    assert find_nops(insn).tolist() == [False, True, False, True, False, False]


def test_tokens_go_to_neighbours_that_exist() -> None:
    insn = np.zeros(3, INSN)
    insn["op"] = (Op.LOAD, Op.GEMM, Op.STORE)
    insn["memory"] = (Memory.INP, 0, Memory.OUT)
    for flag in ("pop_prev", "pop_next", "push_prev", "push_next"):
        insn[flag] = 1
    pops, pushes = token_moves(insn)
    # columns: l2g, g2l, s2g, g2s
    assert pops.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    assert pushes.tolist() == [[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]]


def test_tokens_in_words() -> None:
    assert str(Tokens(l2g=1, g2s=2)) == "l2g 1, g2s 2"
    assert str(Tokens()) == "none"
