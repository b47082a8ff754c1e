"""The embedding surface: every function once, on data small enough to check by hand."""

from pathlib import Path

import pytest

from wlm_dialect import api
from wlm_dialect.errors import MachineError, ScheduleError
from wlm_dialect.machine import preset
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.set_machine import SetMachinePass
from wlm_dialect.program import Program, decode_module
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.timing import Timing

TINY = preset("tiny")  # dma0, dma1, dma_fw, dpu0, shave0
TEXT = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net {
    %a = task.run @dma0 "load" cycles 310
    %b = task.run @dpu0 "conv" after(%a) cycles 4200
    task.run @dma0 "store" after(%b) cycles 310
  }
}
"""


def graph() -> Program:
    """load -> conv -> store."""
    draft = Draft("net", TINY)
    a = draft.add(0, "load", 310)
    b = draft.add(3, "conv", 4200, after=[a])
    draft.add(0, "store", 310, after=[b])
    return draft.finish()


def test_all_that_is_promised_is_there() -> None:
    assert len(set(api.__all__)) == len(api.__all__)
    for name in api.__all__:
        assert hasattr(api, name), name
    assert api.MODES == ("firmware", "partial", "full")


def test_a_machine_by_name_from_a_file_or_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "tiny"\nname = "mine"\n', encoding="utf-8")
    assert api.machine("tiny") == TINY
    assert api.machine(str(path)) == TINY.with_(name="mine")
    assert api.machine(TINY) is TINY
    with pytest.raises(
        MachineError, match=r"^unknown machine 'tinny'; did you mean 'tiny'\? \(or give a \.toml file\)$"
    ):
        api.machine("tinny")


def test_ir_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "net.mlir"
    path.write_text(TEXT, encoding="utf-8")
    program = api.load(str(path), TINY)
    assert (program.phase, program.names, program.cycles.tolist()) == (
        "graph",
        ("load", "conv", "store"),
        [310, 4200, 310],
    )
    assert program.after.lists() == [[], [0], [1]]


@pytest.mark.parametrize("mode", api.MODES)
def test_compile_run_report_and_verify(mode: str) -> None:
    compiled = api.compile_program(graph(), mode)
    assert compiled.program.mode == mode
    assert [s.name for s in compiled.stages] == [str(step) for step in api.pipeline(mode)]
    assert all(stage.seconds >= 0 for stage in compiled.stages)
    last = compiled.stages[-1]
    assert (last.tasks, last.barriers) == (len(compiled.program), len(compiled.program.barriers))
    assert str(decode_module(compiled.module)[0].machine.name) == "tiny"
    result = api.run(compiled.program)
    assert result.outcome == "finished"
    assert result.makespan >= 310 + 4200 + 310
    assert api.report(result).result is result
    verdict = api.verify(compiled.program)
    assert (verdict.status, verdict.findings) == ("proved", ())


def test_a_graph_runs_without_management() -> None:
    assert api.run(graph()).makespan == 310 + 4200 + 310
    assert api.run(graph(), timing=Timing(duration={1: 1})).makespan == 310 + 1 + 310


def test_passes_can_be_chosen() -> None:
    compiled = api.compile_program(graph(), "full", [InsertBarriersPass()])
    assert (compiled.program.phase, [s.name for s in compiled.stages]) == ("virtual", ["wlm-insert-barriers"])
    with pytest.raises(ScheduleError) as caught:
        api.compile_program(graph(), "full", [SetMachinePass("tiny")])
    assert str(caught.value) == "pass wlm-set-machine does not work on programs; use wlm-opt"


def test_a_graph_cannot_be_verified() -> None:
    with pytest.raises(ScheduleError) as caught:
        api.verify(graph())
    assert str(caught.value) == (
        "@net is in phase graph; only a managed program can be verified: "
        "run one of the pipelines firmware, partial, full first"
    )


def test_compare_has_a_row_per_network_machine_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "net.mlir"
    path.write_text(TEXT, encoding="utf-8")
    said: list[str] = []
    rows = api.compare([str(path)], ["tiny", TINY.with_(name="other")], progress=said.append)
    assert [(r["machine"], r["mode"]) for r in rows] == [(m, mode) for m in ("tiny", "other") for mode in api.MODES]
    assert said == [f"{path} {r['machine']} {r['mode']}" for r in rows]
    for row in rows:
        assert (row["ideal"], row["bound"], row["peak_cmx"]) == (4820, 4820, 0)
        assert row["makespan"] >= row["ideal"]
        assert (row["hazards"], row["deadlock"], row["verdict"]) == (0, False, "proved")
    full = rows[2]
    assert (full["mode"], full["interrupts"]) == ("full", 0)
    assert full["management_dmas"] == 2  # a fetch and an enqueue
    assert full["management_bytes"] == 16 + 4


def test_a_vta_program_from_its_folder_to_its_bytes() -> None:
    program = api.vta_load(str(Path(__file__).parents[1] / "data" / "vta" / "hand_16x16"))
    assert api.vta_check(program).status == "proved"
    assert api.vta_explain(program).threads.count == 1
    assert api.vta_time(program, "chisel").outcome == "finished"
    result = api.vta_run(program, compiled=False)
    assert (result.outcome, result.mismatches) == ("finished", ())
