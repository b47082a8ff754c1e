"""VTA programs as IR: nothing is lost on the way there and back."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import StringAttr
from xdsl.printer import Printer

from tests.ir_text import parse
from tests.vta_random import random_program
from wlm_dialect.errors import ProgramError
from wlm_dialect.program.vta import INSN, Config, Op, VtaProgram, encode_insns, read_dump, read_folder, write_folder
from wlm_dialect.program.vta.ir import decode_ir, encode_ir, find_programs

DATA = Path(__file__).parents[1] / "data" / "vta"
NAMES = sorted(path.name for path in DATA.iterdir() if path.is_dir())


def through_text(program: VtaProgram, *, generic: bool = False) -> VtaProgram:
    out = StringIO()
    Printer(out, print_generic_format=generic).print_op(encode_ir(program))
    (found,) = find_programs(parse(out.getvalue()))
    return decode_ir(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_survives_byte_for_byte(name: str, tmp_path: Path) -> None:
    write_folder(through_text(read_folder(DATA / name), generic=len(name) % 2 == 0), tmp_path)
    files = {path.name: path.read_bytes() for path in (DATA / name).iterdir() if path.name != "dump.txt"}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_random_programs_of_any_widths_survive() -> None:
    for seed in range(20):
        program = random_program(seed)
        again = through_text(program)
        assert again.config == program.config
        assert encode_insns(again.insn, again.config) == encode_insns(program.insn, program.config)
        assert [s.data.tolist() for s in again.segments] == [s.data.tolist() for s in program.segments]


def test_a_dump_stays_partial() -> None:
    program = read_dump((DATA / "forum_dump.txt").read_text(encoding="utf-8")).program
    again = through_text(program)
    assert not again.executable
    assert again.insn.tolist() == program.insn.tolist()


@pytest.mark.parametrize("fields", [{"op": 6}, {"op": Op.LOAD, "memory": 4, "x": 1}, {"op": Op.ALU, "alu": 7}])
def test_what_ir_cannot_express(fields: dict[str, int]) -> None:
    insn = np.zeros(1, INSN)
    for name, value in fields.items():
        insn[name] = value
    with pytest.raises(ProgramError, match=r"INSTRUCTION 0 has opcode \d, .*which IR cannot express"):
        encode_ir(VtaProgram("p", Config(), insn))


def test_indices_that_do_not_fit_the_configuration() -> None:
    (found,) = find_programs(parse("vta.program @p { vta.gemm uops [0 to 9) outer 1 inner 1 dst 4096 }"))
    with pytest.raises(ProgramError, match="instruction 0: dst_in is 4096 but its field of 11 bits holds 0 to 2047"):
        decode_ir(found)


def test_an_output_of_another_size() -> None:
    text = "vta.program @p { vta.output at 0 size 8 element 16 expected dense<0> : tensor<4xi8> }"
    (found,) = find_programs(parse(text))
    with pytest.raises(ProgramError, match="output 0 has size 8 but expects 4 bytes"):
        decode_ir(found)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ("{", r"^@hand_16x16: meta is not JSON: Expecting property name"),
        ("[]", r"^@hand_16x16: meta: expected an object, found list$"),
    ],
)
def test_meta_that_is_no_object(meta: str, message: str) -> None:
    module = encode_ir(read_folder(DATA / "hand_16x16"))
    (op,) = find_programs(module)
    op.attributes["meta"] = StringAttr(meta)
    with pytest.raises(ProgramError, match=message):
        decode_ir(op)
