"""`wlm-check`: what it reads, what it accepts, and what it says to the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_verify_schedule import FULL_MUTANTS
from tests.unit.verify_schedule_cases import FULL, refusal, sealed
from tests.unit.verify_schedule_cases import program as case
from wlm_dialect import api
from wlm_dialect.check import Certificate, check, read
from wlm_dialect.check.command import main
from wlm_dialect.errors import ProgramError
from wlm_dialect.machine import preset
from wlm_dialect.machine.description import machine_dict
from wlm_dialect.passes.checker.certificate import certify, schedule_of
from wlm_dialect.program import Program, encode_module

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MANAGED = (EXAMPLES / "managed.mlir").read_text()


def five(mode: str, **changes: object) -> Program:
    machine = preset("tiny").with_(**changes)
    return api.compile_program(api.load(str(EXAMPLES / "five.mlir"), machine), mode).program


def certificate(text: str = MANAGED) -> Certificate:
    return certify(read(text)[0])


@pytest.mark.parametrize("mode", api.MODES)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"barriers.rearm": "acknowledged"},
        {"barriers.consume_at": "end"},
        {"firmware.service_order": "id"},
        {"full_fifo": "drop"},
        {"management.linked_enqueue": True},
        {"engine.order": "prefetching"},
        {"dpu.order": "outstanding", "dpu.servers": 2},
        {"shave.order": "pool", "shave.servers": 2},
        {"barriers.count": 3, "barriers.fifo_depth": 0},
    ],
)
def test_accepts_what_the_pipelines_make(mode: str, changes: dict[str, object]) -> None:
    program = five(mode, **changes)
    schedule = schedule_of(program)
    assert schedule.machine == program.machine
    proof = check(schedule, json.loads(json.dumps(certify(schedule))))
    assert len(proof.rank) >= 3 * len(program)


def test_room_that_another_work_item_makes() -> None:
    """A mutant of the campaign: the order of work items shows that a FIFO has room for what firmware pushes (H6)."""
    text = (Path(__file__).parents[1] / "campaign" / "room_by_items.mlir").read_text()
    schedule = read(text)[0]
    proof = check(schedule, certificate(text))
    assert len(proof.rank) >= 3 * len(schedule.tasks)


def test_waiting_for_room_does_not_order_two_enqueues() -> None:
    """The second may push before the first: then there is room, and the FIFO holds the wrong task (H6)."""
    edits, _ = FULL_MUTANTS["H6: enqueues on two channels"]
    p = case(FULL, edits, preset("tiny").with_(**{"engine.fifo_depth": 1}))
    assert api.verify(p).status == "refuted"
    schedule = schedule_of(p)
    assert refusal(schedule, certify(schedule)) == "H6: pushes of engine 3 are not ordered"


EARLY = """
builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net phase managed mode full {
    %a0 = barrier.configure 0 producers 1 consumers 0
    %a1 = barrier.configure 0 producers 1 consumers 1
    %t = barrier.configure 1 producers 1 consumers 0 tail irq "lifted"
    mgmt_dma.bootstrap [%a0, %a1, %t]
    mgmt_dma.work_item @dma0 [0 to 1)
    mgmt_dma.work_item @dma1 [0 to 2)
    task.run @dma1 "first" updates(%a0) cycles 10
    task.run @dma1 "second" updates(%a1) cycles 10
    task.run @dma0 "last" waits(%a1) updates(%t) cycles 10
  }
}
"""
"""While b0#0 is current it does not read zero, so that "last" starts right; but it is at head before b0#1 is armed."""


def test_steps_are_for_several_waits() -> None:
    """What H1 asks of a task with one wait is more than a right start, and no certificate gets around it."""
    p = case(EARLY)
    assert api.verify(p).status == "refuted"
    schedule = schedule_of(p)
    forged = sealed(certify(schedule), steps=[[2, [[0, 0]]]])
    assert refusal(schedule, forged) == "H1: task 2: b0#0 need not be armed"


def test_reads_whatever_the_white_space() -> None:
    spread = MANAGED.replace("(", "(\n").replace(" updates", " // a comment\n  updates").replace("[", " [ ")
    assert read(spread)[0].digest() == read(MANAGED)[0].digest()
    assert read(MANAGED.replace("[0 to 3)", "[0 to 2)"))[0].digest() != read(MANAGED)[0].digest()


def test_skips_attributes_and_other_graphs() -> None:
    noted = MANAGED.replace("cycles 310", 'cycles 310 {note = {deep = [1, 2]}, text = "} waits(%x)"}')
    other = '  task.graph @plain {\n    %a = task.run @dma0 "load" cycles 310\n  }\n  task.graph @five'
    assert read(noted)[0].digest() == read(MANAGED)[0].digest()
    assert [s.name for s in read(MANAGED.replace("  task.graph @five", other))] == ["five"]


def test_reads_a_machine_that_is_no_preset() -> None:
    program = five("full", **{"barriers.count": 5})
    text = str(encode_module(program))
    assert "wlm.machine = {" in text
    assert read(text)[0].machine == program.machine
    assert machine_dict(read(text)[0].machine) == machine_dict(program.machine)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('{wlm.machine = "tiny"}', "", "the module carries no wlm.machine"),
        ('= "tiny"', '= "tyni"', "unknown machine 'tyni'"),
        ("barrier.configure 1", "barrier.set 1", "unknown operation 'barrier.set'"),
        ("mgmt_dma.fetch", "mgmt_dma.bring", "unknown operation 'mgmt_dma.bring'"),
        ("producers 2", "producers many", "expected a number but found 'many'"),
        ("updates(%loaded) cycles 310", "updates(%load) cycles 310", "%load is no barrier that is known here"),
        ("@dma0 [0 to 4)", "@dma7 [0 to 4)", "@dma7 is no engine that is known here"),
        ("consumers 4", "consumers 4 tail", "@five has 2 tail barriers"),
        ("[0 to 4)", "0 to 4)", "IR text: expected '[' before 'to 4 ) %0 = mgmt_dma.fetch @shave0 ['"),
    ],
)
def test_refuses_text_it_does_not_understand(old: str, new: str, message: str) -> None:
    assert old in MANAGED
    with pytest.raises(ProgramError) as error:
        read(MANAGED.replace(old, new, 1))
    assert message in str(error.value)


def test_text_that_ends_too_early_is_refused_wherever_it_ends() -> None:
    end = MANAGED.rindex("}", 0, MANAGED.rindex("}"))  # of the graph; that of the module follows
    begin = MANAGED.index("phase managed") + len("phase managed")
    for at in range(begin, end):
        with pytest.raises(ProgramError, match=r"^IR text: "):
            read(MANAGED[:at])
    for text in ("{wlm.machine = {", '{wlm.machine = {engines = [{name = "dma0"', "{wlm.machine = ["):
        with pytest.raises(ProgramError, match="it ends too early, after"):
            read(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "this version reads certificates of format 1"),
        ({"schedule": "0" * 64}, "the certificate is for another schedule"),
        ({"order": []}, "the order does not hold all events"),
        ({"order": [[1, 0]]}, "event 1 does not exist or happens twice"),
        ({"order": [[9, 0]]}, "event 9 comes before something it waits for"),
        ({"order": [[8, 7]]}, "event 8 is on chain 7 of 0 so far"),
        ({"order": [[8, 0], [24, 0]]}, "event 24 comes before something it waits for"),
        (
            {"order": [[8]]},
            "the certificate is malformed: ValueError('not enough values to unpack (expected 2, got 1)')",
        ),
        ({"order": None}, """the certificate is malformed: TypeError("'NoneType' object is not iterable")"""),
        ({"extra": [[8, [["join", 16]]]]}, "event 16 need not come before 8"),
        ({"steps": [[6, [[0, 5]]]]}, "H1: task 6: b0#5 need not be armed"),
    ],
)
def test_rejects(change: dict[str, Any], message: str) -> None:
    assert refusal(read(MANAGED)[0], sealed(certificate(), **change)) == message


def test_rejects_a_broken_seal() -> None:
    base = certificate()
    broken = {**base, "chains": base["chains"] + 1}
    assert refusal(read(MANAGED)[0], broken) == "the seal does not fit: the certificate was changed"


def test_two_events_that_are_not_ordered_are_no_chain() -> None:
    base = certificate()
    heads = [here for here, _ in base["order"] if here % 8 == 0][:2]
    told = refusal(read(MANAGED)[0], sealed(base, order=[[here, 0] for here in heads]))
    assert told == f"event {heads[1]} does not follow the last of its chain"


def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, proof: str) -> tuple[int, str, str]:
    (tmp_path / "p.mlir").write_text(program)
    (tmp_path / "c.json").write_text(proof)
    code = main([str(tmp_path / "p.mlir"), str(tmp_path / "c.json")])
    told = capsys.readouterr()
    return code, told.out, told.err.replace(str(tmp_path) + "/", "")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(tmp_path, capsys, MANAGED, json.dumps(certificate()))
    assert (code, err) == (0, "")
    assert out == "@five: proved; the certificate holds (9 tasks, 31 events, 4 chains)\n"


@pytest.mark.parametrize(
    ("program", "proof", "code", "message"),
    [
        (MANAGED, "{", 1, "c.json is no certificate: "),
        (MANAGED, "[]", 1, "c.json is no certificate: it holds no JSON object"),
        (MANAGED, "{}", 1, "p.mlir has no managed task graph @None, which the certificate is for; it has: @five"),
        ("", "{}", 1, "it has: none"),
        (MANAGED, '{"program": "five"}', 2, "this version reads certificates of format 1"),
    ],
)
def test_command_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, proof: str, code: int, message: str
) -> None:
    found, out, err = run(tmp_path, capsys, program, proof)
    assert (found, out) == (code, "")
    assert err.startswith("wlm-check: error: ")
    assert message in err


def test_command_without_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "no.mlir"), str(tmp_path / "no.json")]) == 1
    assert "wlm-check: error: cannot read" in capsys.readouterr().err
