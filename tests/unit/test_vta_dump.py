"""The text of debug flag 0x6."""

from pathlib import Path

import numpy as np
import pytest

from wlm_dialect.errors import ProgramError
from wlm_dialect.program.vta import (
    INSN,
    Alu,
    Config,
    Memory,
    Op,
    Tokens,
    VtaProgram,
    find_kernels,
    print_dump,
    read_dump,
    read_folder,
)
from wlm_dialect.program.vta.dump import read_dumps

DATA = Path(__file__).parents[1] / "data" / "vta"
FORUM = (DATA / "forum_dump.txt").read_text(encoding="utf-8")
DUMPS = sorted(path.parent.name for path in DATA.glob("*/dump.txt"))


def test_the_forum_dump_comes_back_with_its_queue_counts() -> None:
    dump = read_dump(FORUM)
    assert print_dump(dump) == FORUM
    assert not dump.program.has_finish
    assert not dump.program.executable
    # l2g, g2l, s2g, g2s after each instruction, as the text has them
    assert dump.program.queue_counts[:, [0, 1]].tolist() == [
        *([0, 0], [0, 0], [0, 0], [0, 1], [0, 1]),
        *([0, 2], [0, 1], [1, 1], [1, 0], [2, 0]),
    ]
    assert dump.program.queue_counts[:, 2].tolist() == [1, 2, 1, 1, 0, 0, 0, 0, 0, 0]
    assert not dump.notes


@pytest.mark.parametrize("name", DUMPS)
def test_a_whole_dump_comes_back(name: str) -> None:
    text = (DATA / name / "dump.txt").read_text(encoding="utf-8")
    dump = read_dump(text)
    assert print_dump(dump) == text
    assert dump.declared
    assert dump.program.has_finish
    assert not dump.program.queue_counts[-1].any()


@pytest.mark.parametrize("name", DUMPS)
def test_a_binary_stream_prints_as_the_runtime_printed_it(name: str) -> None:
    text = (DATA / name / "dump.txt").read_text(encoding="utf-8")
    program = read_folder(DATA / name)
    assert print_dump(program.with_(kernels=find_kernels(program))) == text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("\t", ""),
        lambda text: "\n".join(line.strip() for line in text.splitlines()),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: " ".join(text.split()),
        lambda text: "I get this output:\n\n" + text + "\n\nthanks\n",
    ],
    ids=["no tabs", "stripped", "dos", "one line", "quoted"],
)
def test_pasted_text(spoil: object) -> None:
    assert callable(spoil)
    assert print_dump(read_dump(spoil(FORUM))) == FORUM


def test_a_piece_from_the_middle_keeps_numbers_and_queues() -> None:
    piece = FORUM[FORUM.index("INSTRUCTION 4:") :]
    dump = read_dump(piece)
    assert (dump.first, dump.before) == (4, Tokens(l2g=0, g2l=1, s2g=1, g2s=0))
    assert print_dump(dump) == piece


def test_a_cut_off_instruction_is_left_out() -> None:
    dump = read_dump(FORUM[: FORUM.rindex("\ty: size")])
    assert len(dump.program) == 9
    assert dump.notes == ("dump: INSTRUCTION 9 is cut off and left out",)


def test_counts_that_do_not_follow_are_noted() -> None:
    dump = read_dump(FORUM.replace("g2l_queue = 2", "g2l_queue = 3"))
    assert dump.notes == ("dump: INSTRUCTION 5: queue counts do not follow from the flags: g2l 3 (flags: 2)",)


def test_a_wrong_announcement_is_noted() -> None:
    dump = read_dump("There are 12 instructions\n" + FORUM)
    assert dump.notes == ("dump: the text announces 12 instructions but holds 10",)


def test_launches_one_after_the_other() -> None:
    text = (DATA / "tvm_alu_shr_imm2" / "dump.txt").read_text(encoding="utf-8")
    dumps = read_dumps(text * 2)
    assert "".join(print_dump(dump) for dump in dumps) == text * 2
    assert [dump.program.name for dump in dumps] == ["dump.0", "dump.1"]
    with pytest.raises(ProgramError, match="dump: the text holds 2 launches; give one of them"):
        read_dump(text * 2)


def test_every_kind_of_instruction() -> None:
    insn = np.zeros(9, INSN)
    insn["op"] = (Op.LOAD, Op.LOAD, Op.STORE, Op.ALU, Op.ALU, Op.ALU, Op.ALU, Op.LOAD, Op.FINISH)
    insn["memory"][:3] = (Memory.INP, Memory.ACC, Memory.OUT)
    insn["alu"][3:7] = (Alu.MIN, Alu.ADD, Alu.MUL, 7)
    insn["use_imm"][3:7] = (1, 0, 1, 0)
    insn["x"][1:3] = 1
    insn["x"][7], insn["memory"][7] = 1, Memory.ACC_8BIT
    text = print_dump(VtaProgram("all", Config(), insn))
    heads = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("INSTRUCTION")]
    assert heads == [
        "NOP-MEMORY-STAGE",
        "LOAD ACC",
        "STORE:",
        "ALU - min imm",
        "ALU - add",
        "ALU - mul",
        "ALU - unknown op",
        "LOAD \tdep - pop prev: 0, pop next: 0, push prev: 0, push next: 0",
        "FINISH",
    ]
    again = read_dump(text)
    assert print_dump(again) == text
    assert again.program.insn["memory"][7] == Memory.ACC_8BIT
    assert again.program.insn["use_imm"][3:7].tolist() == [1, 0, 0, 0]  # shr and mul never say imm


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("INSTRUCTION", "STEP", "no 'INSTRUCTION <n>:' in this text; it is no dump of debug flag 0x2"),
        ("INSTRUCTION 5", "INSTRUCTION 7", "INSTRUCTION 7 follows INSTRUCTION 4"),
        ("pop prev: 0", "pop: 0", "INSTRUCTION 0: no line 'dep - pop prev: ..."),
        ("push prev: 1", "push prev: 2", "INSTRUCTION 0: push prev is 2 but a flag is 0 or 1"),
        ("SRAM:0x0000", "SRAM: none", "INSTRUCTION 2: no lines 'DRAM: ..., SRAM: ...'"),
        ("range (0, 8)", "range", "INSTRUCTION 3: no lines 'reset_out: ...', 'range (..)'"),
        (": LOAD UOP", ": PUSH UOP", "INSTRUCTION 2: unknown instruction 'PUSH UOP'"),
        ("stride=8", "stride=99999999999", "INSTRUCTION 2: stride is 99999999999, which no field holds"),
    ],
)
def test_what_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(ProgramError) as error:
        read_dump(FORUM.replace(old, new))
    assert message in str(error.value)


def test_a_single_instruction_that_is_cut_off() -> None:
    with pytest.raises(ProgramError, match="dump: the only instruction is cut off"):
        read_dump("INSTRUCTION 0: GEMM\n")
