"""Task graphs as VTA programs and back: bytes, dependences, tokens, and everything that is refused."""

import csv
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import IntegerAttr, StringAttr, i64

from tests.vta_programs import assemble, double_buffered, step
from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import preset
from wlm_dialect.passes.lower_to_vta import LowerToVtaPass
from wlm_dialect.passes.vta.dependences import data_dependences, token_dependences
from wlm_dialect.passes.vta.graph import graph_of
from wlm_dialect.passes.vta.lower import lower
from wlm_dialect.passes.vta.placement import place_exact, place_fewest
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import Draft
from wlm_dialect.program.vta import INSN, Op, Tokens, VtaProgram, read_dump, read_folder
from wlm_dialect.program.vta.hardware import find_hardware
from wlm_dialect.runtime.vta.run import run
from wlm_dialect.tools.wlm import main
from wlm_dialect.tools.wlm_opt import main as opt

DATA = Path(__file__).parents[1] / "data" / "vta"
VTA = preset("vta")
with (DATA / "INDEX.tsv").open(encoding="utf-8") as _index:
    RIGHT = [row["name"] for row in csv.DictReader(_index, delimiter="\t") if row["expect"] == "ok"]


def graph(*tasks: tuple[str, list[int]], name: str = "net") -> Program:
    """Tasks by engine and what they come after."""
    draft = Draft(name, VTA)
    for n, (engine, after) in enumerate(tasks):
        draft.add(VTA.engine_index[engine], f"t{n}", 10, after=after)
    return draft.finish()


def with_insn(program: Program, numbers: dict[int, object]) -> Program:
    extra = {t: {"vta.insn": IntegerAttr(n, i64) if isinstance(n, int) else n} for t, n in numbers.items()}
    return program.with_(extra=extra)


def pushes(program: VtaProgram) -> int:
    return int(program.moves[1].sum())


# ---- a program as a task graph and back


@pytest.mark.parametrize("dependences", ["tokens", "data"])
@pytest.mark.parametrize("name", RIGHT)
def test_recorded_programs_through_a_task_graph_keep_their_bytes(name: str, dependences: str) -> None:
    before = read_folder(DATA / name)
    tasks = api.vta_graph(before, dependences)  # type: ignore[arg-type]
    assert len(tasks) == np.count_nonzero(~before.nop)
    after = api.vta_lower(tasks, before)
    result = run(after, compiled=False)
    assert (result.problems, result.mismatches) == ((), ())
    assert pushes(after) <= pushes(before) or dependences == "data"
    assert np.count_nonzero(after.nop) <= np.count_nonzero(before.nop)
    assert api.vta_check(after).status == "proved"


def test_tokens_of_two_threads_become_the_dependences_that_they_are() -> None:
    program = assemble(double_buffered(3))
    found = token_dependences(program)
    assert [i for i in found.order if program.nop[i]] == []
    names = {i: found.after[i] for i in found.order if found.after[i]}
    # 3 LOAD INP is behind the credit of 1 reset, 6 behind what NOP 2 passes on: also 1; 9 waits for 5 GEMM
    assert names == {3: (1,), 5: (4,), 6: (1,), 8: (7,), 9: (5,), 11: (10,), 12: (11,), 14: (12,)}


def test_a_nop_that_passes_on_between_load_and_store_is_a_dependence_of_theirs() -> None:
    steps = [step("inp", 0, "push next"), step("nop1", 0, "pop prev", "push next"), step("store", 0, "pop prev")]
    assert token_dependences(assemble(steps)).after == ((), (), (0,))


def test_initial_tokens_are_no_dependence() -> None:
    program = assemble([step("inp", 0, "pop next"), step("finish")], initial_tokens=Tokens(g2l=1))
    assert token_dependences(program).after == ((), ())


def test_data_dependences_of_scratchpads_and_of_dram() -> None:
    steps = [step("uop"), step("inp", 0), step("wgt", 0), step("gemm", 0), step("store", 0), step("inp", 0)]
    steps += [step("reset", 0), step("finish")]
    found = data_dependences(assemble(steps))
    # RAW of INP and WGT, RAW of ACC, WAR of INP, WAR of ACC, and FINISH after the last load and the last store
    assert found.after == ((), (), (), (1, 2), (3,), (3,), (4,), (4, 5))
    row = np.zeros(1, INSN)
    # both load what the store writes: 16 bytes at 0xA000, and 8 elements of 16 bytes around it
    for op, dram, x in ((Op.LOAD, 0xA000 // 16 - 4, 8), (Op.STORE, 0xA000 // 16, 1), (Op.LOAD, 0xA000 // 16, 1)):
        row = np.concatenate([row, np.zeros(1, INSN)])
        for field, value in (("op", op), ("memory", 2 if op == Op.LOAD else 4), ("dram", dram), ("x", x), ("y", 1)):
            row[field][-1] = value
    program = assemble([]).with_(insn=row[1:])
    assert data_dependences(program).after == ((), (0,), (1,))


def test_a_graph_for_barriers_is_proved_in_every_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for mode in ("firmware", "partial", "full"):
        compiled = api.compile_program(api.vta_graph(read_folder(DATA / "tvm_conv_8x8x32_32_vt2_oc"), "data"), mode)
        assert api.verify(compiled.program).status == "proved"


# ---- tokens


def test_a_task_waits_for_the_last_it_needs_and_what_others_imply_takes_no_token() -> None:
    lowered = lower(graph(("load", []), ("load", []), ("compute", [0, 1]), ("compute", [0])))
    assert lowered.placement.tokens == (((3, 5),), (), (), ())
    assert lowered.tasks == (0, 1, 2, 3, -1)


def test_fewest_merges_what_exact_keeps_apart() -> None:
    module, after = [0, 0, 1, 1], [[], [], [0], [1]]
    assert place_exact(module, after).tokens[0] == ((1, 5), (3, 7))
    assert place_fewest(module, after).tokens[0] == ((3, 5),)


def test_a_load_store_order_prefers_an_instruction_to_a_nop() -> None:
    assert place_exact([0, 1, 2], [[], [], [0]]).nops == ()
    assert place_exact([0, 2, 1], [[], [0], []]).nops == (2,)


def test_both_directions_share_a_nop() -> None:
    module, after = [0, 2, 2, 0], [[], [], [0], [1]]
    placement = place_exact(module, after)
    assert (placement.count, len(placement.nops)) == (4, 1)


# ---- what is refused


def test_tokens_that_a_queue_of_chisel_would_lose() -> None:
    wide = graph(*[("load", []) for _ in range(257)], *[("compute", [n]) for n in range(257)])
    assert pushes(api.vta_lower(wide)) == 257
    with pytest.raises(ScheduleError) as caught:
        api.vta_lower(wide, hardware=find_hardware("chisel"))
    assert "l2g may hold 257 tokens, but a queue of chisel takes 255; a dependence from the module that pops" in str(
        caught.value
    )


def test_a_listing_that_fills_short_queues() -> None:
    """Fetch waits for room in load's command queue, load for room in l2g, and compute for fetch."""
    tasks = [("load", []) for _ in range(20)] + [("compute", [n]) for n in range(20)]
    with pytest.raises(ScheduleError, match="stuck from #9 NOP-MEMORY-STAGE on with command queues of 8"):
        api.vta_lower(graph(*tasks), hardware=find_hardware("hls-sim"))
    turns = [task for n in range(20) for task in (("load", []), ("compute", [2 * n]))]
    assert api.vta_lower(graph(*turns), hardware=find_hardware("hls-sim")).has_finish


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": np.array([Kind.SYNC, 0], np.int32)}, "'t0' is management, which VTA has none of"),
        ({"engine": np.array([3, 0], np.int32)}, "'t0' runs on @dma_fw, but VTA has three modules, here on load=@load"),
        ({"after": graph(("load", []), ("load", [1])).after}, "'t1' comes after 't1', which is not before it"),
    ],
)
def test_graphs_that_are_no_program(change: dict[str, object], message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        api.vta_lower(graph(("load", []), ("load", [])).with_(**change))
    assert message in str(caught.value)


SOURCE = assemble([step("inp", 0), step("uop"), step("finish")])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({0: 3}, "'t0' is instruction 3 of @small, which has 3"),
        ({0: StringAttr("x")}, "'t0' is instruction -1 of @small, which has 3"),
        ({0: 1}, "'t0' runs in module load, but is #1 LOAD UOP, an instruction of compute"),
        ({0: 0, 1: 0}, "'t1' and 't0' are one instruction, #0 LOAD INP"),
        ({2: 2}, "a task comes after FINISH, which has to be the last instruction"),
    ],
)
def test_tasks_that_are_not_the_instructions_they_say(numbers: dict[int, object], message: str) -> None:
    tasks = graph(("load", []), ("load", []), ("compute", []), ("load", [2]))
    with pytest.raises(ScheduleError) as caught:
        api.vta_lower(with_insn(tasks, numbers), SOURCE)
    assert message in str(caught.value)


def test_instructions_of_no_program() -> None:
    with pytest.raises(ScheduleError, match="but the graph names none"):
        api.vta_lower(with_insn(graph(("load", [])), {0: 0}))


def test_a_graph_with_two_ends() -> None:
    source = SOURCE.with_(insn=np.concatenate([SOURCE.insn, SOURCE.insn[-1:]]))
    with pytest.raises(ScheduleError, match="2 tasks are a FINISH"):
        api.vta_lower(with_insn(graph(("compute", []), ("compute", [])), {0: 2, 1: 3}), source)


def test_finish_goes_to_the_end() -> None:
    lowered = lower(with_insn(graph(("compute", []), ("load", [])), {0: 2}), SOURCE)
    assert lowered.tasks == (1, 0)
    assert lowered.program.insn["op"].tolist()[-1] == Op.FINISH


def test_a_graph_that_forgets_what_the_data_need_is_refuted() -> None:
    source = assemble([step("uop"), step("inp", 0), step("wgt", 0), step("gemm", 0), step("finish")])
    tasks = with_insn(graph(("compute", []), ("load", []), ("load", []), ("compute", [1])), {0: 0, 1: 1, 2: 2, 3: 3})
    with pytest.raises(ScheduleError) as caught:
        api.vta_lower(tasks, source)
    assert "small: with the order of this graph the program is refuted: RAW race" in str(caught.value)


def test_options_and_phases() -> None:
    with pytest.raises(ScheduleError, match="order is 'least' but has to be one of exact, fewest"):
        api.vta_lower(graph(("load", [])), order="least")
    with pytest.raises(ScheduleError, match="lower it before barriers are inserted"):
        LowerToVtaPass().run(graph(("load", [])).with_(phase="virtual"))
    with pytest.raises(ScheduleError, match="dependences are 'time'"):
        api.vta_graph(SOURCE, "time")  # type: ignore[arg-type]
    with pytest.raises(ScheduleError, match=r"^machine tiny has no engine 'load'; a VTA program needs load, compute"):
        graph_of(SOURCE, np.ones(3, np.int64), preset("tiny"))


def test_dependences_that_cannot_be_told() -> None:
    dump = read_dump((DATA / "forum_dump.txt").read_text(encoding="utf-8")).program
    with pytest.raises(ScheduleError, match="the micro-ops of #3 GEMM reset are not in the program"):
        data_dependences(dump)
    assert len(token_dependences(dump).order) == 8
    with pytest.raises(ScheduleError, match="#0 LOAD INP never starts: no dependences follow from these tokens"):
        token_dependences(read_folder(DATA / "neg_circular_l2g_g2l"))


# ---- tools


def test_convert_to_a_task_graph_and_lower_it_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, tasks, back = str(DATA / "hand_16x16"), str(tmp_path / "tasks.mlir"), str(tmp_path / "back.mlir")
    assert main(["vta", "convert", source, "--to", "task", "--dependences", "data", "-o", tasks]) == 0
    text = Path(tasks).read_text(encoding="utf-8")
    assert '%5 = task.run @compute "#5 GEMM" after(%2, %3) cycles 26 {vta.insn = 5 : i64}' in text
    assert opt([tasks, "-p", "wlm-lower-to-vta", "-o", back]) == 0
    assert main(["vta", "run", back, "--check"]) == 0
    assert main(["vta", "convert", source, "--to", "task", "--cost", "gemm=10"]) == 0
    assert '"#5 GEMM" after(%2, %3) cycles 170' not in capsys.readouterr().out  # tokens order less and more
    assert main(["vta", "convert", source, "--to", "task", "--machine", "tiny"]) == 1
    assert "machine tiny has no engine 'load'" in capsys.readouterr().err
    assert main(["vta", "convert", source, "--to", "mlir", "--dependences", "data"]) == 1
    assert "--dependences, --machine and --cost are for --to task, not for --to mlir" in capsys.readouterr().err


def test_a_graph_whose_program_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lost.mlir"
    path.write_text('task.graph @g attributes {vta.program = @p} {\n  task.run @load "a" cycles 3\n}\n')
    assert opt([str(path), "--machine", "vta", "-p", "wlm-lower-to-vta"]) == 1
    assert "@g is made from program @p, which is not in this module" in capsys.readouterr().err
