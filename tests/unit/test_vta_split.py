"""Virtual threads: the same bytes, overlap, and what cannot be split."""

from pathlib import Path

import numpy as np
import pytest

from tests.vta_programs import assemble, step
from tests.vta_tiles import conv, gemm
from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.vta.contexts import split
from wlm_dialect.passes.vta.uop_copies import UopCopies
from wlm_dialect.passes.vta.webs import find_webs
from wlm_dialect.program.vta import (
    UOP,
    Config,
    Memory,
    VtaProgram,
    find_accesses,
    read_dump,
    read_folder,
    write_folder,
)
from wlm_dialect.program.vta.hardware import Hardware, find_hardware
from wlm_dialect.runtime.vta.run import run

DATA = Path(__file__).parents[1] / "data" / "vta"


def with_tokens(program: VtaProgram) -> VtaProgram:
    return api.vta_lower(api.vta_graph(program, "data"), program)


def same_bytes(a: VtaProgram, b: VtaProgram) -> None:
    ran, other = run(a, compiled=False), run(b, compiled=False)
    assert (ran.problems, other.problems) == ((), ())
    assert any(np.any(o) for o in ran.outputs)
    assert all(np.array_equal(x, y) for x, y in zip(ran.outputs, other.outputs, strict=True))


WIDE = Config(log_block_in=3, log_block_out=3, log_batch=1, log_wgt_buff_size=16)
NARROW = Config(log_inp_width=2, log_wgt_width=2, log_inp_buff_size=14, log_wgt_buff_size=17)
PROGRAMS = {
    "gemm": lambda: gemm(8, 4, 3, tile=(4, 2)),
    "gemm-wide": lambda: gemm(16, 8, 4, tile=(8, 4), config=WIDE),
    "conv": lambda: conv(8, 6, 3, 2, tile=4),
    "conv-narrow": lambda: conv(6, 5, 2, 2, tile=2, config=NARROW),
}


@pytest.mark.parametrize("contexts", [2, 3])
@pytest.mark.parametrize("name", PROGRAMS)
def test_contexts_change_no_byte_and_let_load_and_compute_overlap(name: str, contexts: int) -> None:
    before = with_tokens(PROGRAMS[name]())
    result = split(before, contexts)
    assert result.contexts == {Memory.INP: contexts, Memory.WGT: contexts, Memory.ACC: contexts}
    after = result.program
    same_bytes(before, after)
    assert api.vta_check(after).status == "proved"
    times = [api.vta_time(p) for p in (before, after)]
    assert times[0].overlap().get("load+compute", 0) < times[1].overlap()["load+compute"]
    assert times[1].makespan < times[0].makespan
    if contexts == 2:
        assert api.vta_explain(after).threads.count == 2
        assert api.vta_explain(before).threads.count == 1


@pytest.mark.parametrize("name", ["svta_matrix_overfitting", "tvm_conv_8x8x32_32_vt2_oc", "fuzz_046", "fuzz_000"])
def test_recorded_programs_keep_their_bytes(name: str) -> None:
    after = api.vta_split(read_folder(DATA / name))
    result = run(after, compiled=False)
    assert (result.problems, result.mismatches) == ((), ())
    assert any(o.expected is not None for o in after.outputs)


def test_a_split_program_survives_its_folder(tmp_path: Path) -> None:
    after = api.vta_split(api.vta_split(gemm(8, 4, 3, tile=(4, 2)), 2), 3)
    write_folder(after, str(tmp_path / "out"))
    back = read_folder(tmp_path / "out")
    assert [s.file for s in back.segments][-2:] == ["uop_copies.bin", "uop_copies1.bin"]
    same_bytes(after, back)


def test_only_the_memories_asked_for_move() -> None:
    program = gemm(8, 4, 3, tile=(4, 2))
    result = split(program, memories=("INP",))
    assert result.contexts == {Memory.INP: 2}
    same_bytes(with_tokens(program), result.program)


def test_micro_ops_are_loaded_again_where_there_is_room_for_few() -> None:
    program = gemm(8, 4, 3, tile=(4, 2))
    few = split(program, hardware=Hardware("small", uops=9)).program
    many = split(program).program
    assert len(few) > len(many)
    same_bytes(few, many)


def test_several_launches() -> None:
    program = with_tokens(gemm(8, 4, 2, tile=(4, 2))).with_(launches=2)
    result = split(program)
    assert result.contexts == {Memory.INP: 2, Memory.WGT: 2, Memory.ACC: 2}
    assert result.program.launches == 2
    same_bytes(program, result.program)


def test_a_web_joins_who_writes_and_who_reads() -> None:
    program = gemm(4, 2, 2, tile=(4, 2))
    webs = find_webs(Memory.INP, list(find_accesses(program)), 2048)
    assert webs.members == ((2, 4), (5, 7))
    assert (webs.previous, webs.fixed, webs.extent) == ((-1, 0), (False, False), 4)


def test_what_nobody_wrote_stays_where_it_is() -> None:
    program = assemble([step("uop"), step("inp", 0), step("gemm", 0), step("finish")])
    webs = find_webs(Memory.WGT, list(find_accesses(program)), 1024)
    assert webs.fixed == (True,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contexts": 1}, "contexts is 1 but has to be at least 2"),
        ({"memories": ("INP", "UOP")}, "memory 'UOP'"),
        ({"contexts": 400}, "400 contexts of 4 elements need 1600 of ACC, which has 1024; make the tiles smaller"),
        (
            {"hardware": Hardware("none", uops=6)},
            "a copy of 2 micro-ops does not fit the micro-op memory, of which 6 of 6",
        ),
    ],
)
def test_what_cannot_be_split(change: dict[str, object], message: str) -> None:
    config = Config(log_acc_buff_size=16)
    with pytest.raises(ScheduleError) as caught:
        split(gemm(4, 4, 3, tile=(2, 2), config=config), **change)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_nothing_to_split() -> None:
    with pytest.raises(ScheduleError, match="so there is nothing to split"):
        split(gemm(4, 2, 1, tile=(4, 2)))


def test_unknown_micro_ops() -> None:
    program = read_dump((DATA / "forum_dump.txt").read_text(encoding="utf-8")).program
    with pytest.raises(ScheduleError, match="the micro-ops of #3 GEMM reset are not in the program"):
        split(program)


def test_what_an_earlier_launch_left_cannot_move() -> None:
    steps = [step("uop"), step("reset", 0)]
    steps += [step("inp", 0), step("gemm", 0)]  # WGT element 0 was not loaded yet
    for _ in range(2):
        steps += [step("wgt", 0), step("gemm", 0)]
    program = assemble([*steps, step("store", 0), step("finish")], launches=2)
    with pytest.raises(ScheduleError, match="uses WGT as an earlier launch left it"):
        split(program, memories=("WGT",))


def test_copies_are_one_per_kernel() -> None:
    copies = UopCopies(assemble([step("uop"), step("finish")]))
    kernel = np.array([(1, 2, 3)], UOP)
    first, load = copies.place(kernel)
    assert load is not None
    assert (first, int(load["sram"][0]), int(load["x"][0])) == (8, 8, 1)
    assert copies.place(kernel) == (8, None)
    assert len(copies.segment().data) == 4


def test_hardware_by_name() -> None:
    after = api.vta_split(gemm(8, 4, 3, tile=(4, 2)), hardware=find_hardware("chisel"))
    assert api.vta_check(after, hardware=find_hardware("chisel")).status == "proved"
