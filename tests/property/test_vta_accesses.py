"""What instructions read and write, against the reference interpreter's loops."""

from collections import defaultdict

from tests import vta_reference
from tests.property.strategies import SCALE
from tests.property.test_vta_run import device, words
from tests.vta_random import random_program
from wlm_dialect.program.vta import Memory, Op, VtaProgram, find_accesses, resolve_uops
from wlm_dialect.program.vta.accesses import Accesses, read_dram
from wlm_dialect.program.vta.codec import decode_uops

Sets = dict[Memory, set[int]]


def expected(reference: vta_reference.Device, insn: dict[str, int]) -> tuple[Sets, Sets]:
    """(reads, writes) of one instruction, element by element."""
    reads: Sets = defaultdict(set)
    writes: Sets = defaultdict(set)
    if insn["op"] in (Op.LOAD, Op.STORE):
        height = insn["y"] + insn["top"] + insn["bottom"]
        width = insn["x"] + insn["left"] + insn["right"]
        elements = set(range(insn["sram"], insn["sram"] + height * width)) if insn["x"] else set()
        if insn["op"] == Op.STORE:
            reads[Memory.ACC] = elements
        else:
            memory = Memory.ACC if insn["memory"] == Memory.ACC_8BIT else Memory(insn["memory"])
            writes[memory] = elements
    elif insn["op"] in (Op.GEMM, Op.ALU):
        reads[Memory.UOP] = set(range(insn["begin"], insn["end"]))
        for dst, src, wgt in vta_reference.indices(reference, insn):
            writes[Memory.ACC].add(dst)
            if insn["op"] == Op.GEMM and insn["reset"]:
                continue
            reads[Memory.ACC].add(dst)
            if insn["op"] == Op.GEMM:
                reads[Memory.INP].add(src)
                reads[Memory.WGT].add(wgt)
            elif not insn["use_imm"]:
                reads[Memory.ACC].add(src)
    return reads, writes


def found(accesses: Accesses) -> tuple[Sets, Sets]:
    sides: list[Sets] = []
    for side in (accesses.reads, accesses.writes):
        sets: Sets = defaultdict(set)
        for memory, elements in side:
            assert sorted(set(elements.tolist())) == elements.tolist()
            sets[memory] |= set(elements.tolist())
        sides.append({memory: elements for memory, elements in sets.items() if elements})
    return sides[0], sides[1]


def agree(program: VtaProgram) -> None:
    reference = device(program)
    for word, accesses in zip(words(program), find_accesses(program), strict=True):
        insn = vta_reference.decode(reference, word)
        wanted = tuple({m: e for m, e in side.items() if e} for side in expected(reference, insn))
        assert found(accesses) == wanted
        assert accesses.known
        vta_reference.execute(reference, insn)  # programs of this kind execute in their order


def test_accesses_of_random_programs() -> None:
    for seed in range(60 * SCALE):
        agree(random_program(5000 + seed))


def test_micro_ops_nobody_has_loaded_are_not_known() -> None:
    program = random_program(3)
    bare = program.with_(segments=())
    assert all(uops is None for uops in resolve_uops(bare).values() if uops is None or len(uops))
    loops = [a for row, a in zip(bare.insn, find_accesses(bare), strict=True) if row["op"] in (Op.GEMM, Op.ALU)]
    assert any(not accesses.known for accesses in loops)


def test_bytes_of_dram() -> None:
    program = random_program(4)
    segment = program.segments[0]
    data = read_dram(program, segment.address + 4, 8)
    assert data is not None
    assert decode_uops(data, program.config).tolist() == decode_uops(segment.data, program.config)[1:3].tolist()
    assert read_dram(program, segment.address - 1, 8) is None
