"""The formal proof compiles without axioms, and `coqc` accepts a program if and only if it is proved."""

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.campaign.foreign import foreign_program
from tests.campaign.mutations import OPERATORS, mutate
from tests.campaign.schedules import random_schedule
from tests.unit.verify_schedule_cases import FULL
from tests.unit.verify_schedule_cases import program as case
from wlm_dialect import api
from wlm_dialect.check import RejectedError, read
from wlm_dialect.check import check as judge_certificate
from wlm_dialect.check.command import main as wlm_check
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import preset
from wlm_dialect.passes.checker.certificate import certify, schedule_of
from wlm_dialect.passes.checker.coq import coq_text
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Program
from wlm_dialect.tools.wlm import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
needs_coq = pytest.mark.skipif(shutil.which("coqc") is None, reason="coqc is not installed (Debian: coq)")


def files() -> list[str]:
    """In the order of the Makefile."""
    found = re.search(r"^PROOFS := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return found[1].replace("\\\n", " ").split()


def coqc(folder: Path, file: Path, flags: tuple[str, ...] = ()) -> tuple[int, str]:
    done = subprocess.run(
        ["coqc", "-q", *flags, "-Q", str(folder), "wlm", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The proof, compiled in a folder of its own."""
    folder = tmp_path_factory.mktemp("proof")
    for name in files():
        shutil.copy(ROOT / "proof" / f"{name}.v", folder)
        code, output = coqc(folder, folder / f"{name}.v")
        assert code == 0, output
    assert output == "Closed under the global context\n"
    return folder


def test_makefile_compiles_all_files() -> None:
    assert sorted(files()) == sorted(p.stem for p in (ROOT / "proof").glob("*.v"))


def test_nothing_is_assumed() -> None:
    for path in (ROOT / "proof").glob("*.v"):
        words = set(re.findall(r"\w+", re.sub(r"\(\*.*?\*\)", "", path.read_text(), flags=re.DOTALL)))
        assert not words & {"Axiom", "Admitted", "admit", "Parameter", "Conjecture", "Abort"}, path.name


@needs_coq
@pytest.mark.parametrize("mode", api.MODES)
def test_coq_accepts_what_is_proved(proof: Path, tmp_path: Path, mode: str) -> None:
    program = api.compile_program(api.load(str(EXAMPLES / "five.mlir"), "tiny"), mode).program
    schedule = schedule_of(program)
    (tmp_path / "five.v").write_text(coq_text(schedule, certify(schedule)))
    code, output = coqc(proof, tmp_path / "five.v")
    assert code == 0, output
    assert output.endswith("Closed under the global context\n")


@needs_coq
def test_coq_refuses_what_is_refuted(proof: Path, tmp_path: Path) -> None:
    (schedule,) = read((EXAMPLES / "stale.mlir").read_text())
    (tmp_path / "stale.v").write_text(coq_text(schedule, certify(schedule)))
    code, output = coqc(proof, tmp_path / "stale.v")
    assert code == 1
    assert "accept program_ hint_ = true" in output, output


@needs_coq
def test_one_program_pushes_the_instances_of_a_barrier_in_order(proof: Path, tmp_path: Path) -> None:
    """A mistake that wlm-check made once. Between barriers the order of a PROGRAM is free."""

    def coq_takes(pushes: str) -> bool:
        made = schedule_of(case(FULL, (("%b0, %b1, %s", "%b0, %s"), ("program [%a2, %b2]", f"program [{pushes}]"))))
        certificate = certify(made)
        if pushes == "%a2, %b2, %b1":
            with pytest.raises(RejectedError, match=r"^H3: task 7 pushes the instances of b1 out of order"):
                judge_certificate(made, certificate)
        else:
            judge_certificate(made, certificate)
        (tmp_path / "order.v").write_text(coq_text(made, certificate))
        code, output = coqc(proof, tmp_path / "order.v")
        assert code == 0 or "accept program_ hint_ = true" in output, output
        return code == 0

    assert coq_takes("%a2, %b1, %b2")
    assert coq_takes("%b1, %a2, %b2")
    assert not coq_takes("%a2, %b2, %b1")


def module(number: int, program: Program) -> str:
    """One program of many in one file: what the verified checker says of it."""
    schedule = schedule_of(program)
    try:
        certificate = certify(schedule)
    except ScheduleError:  # it does not run to its end
        certificate = None
    text = coq_text(schedule, certificate)
    body = text[text.index("Open Scope") : text.index("Theorem safe")]
    answer = "Definition answer := Eval vm_compute in accept program_ hint_."
    return f"Module M{number}.\n{body}{answer}\nEnd M{number}.\nPrint M{number}.answer.\n"


@needs_coq
def test_coq_agrees_with_the_checker(proof: Path, tmp_path: Path) -> None:
    """Random schedules, mutants and programs that no pipeline makes, on machines of all kinds that the proof covers."""
    programs: list[Program] = []
    for seed in range(24):
        made = random_schedule(seed, 3, 9, pools=seed % 6 == 5)
        if made is not None and made.program.machine.barriers.rearm != "bounded":
            names = random.Random(seed).sample(sorted(OPERATORS), 2)
            picked = [mutate(made.program, name, random.Random(seed)) for name in names]
            programs += [made.program, *(m for m in picked if m is not None)]
    foreign = [foreign_program(seed) for seed in range(24)]
    programs += [p for p in foreign if not p.machine.firmware.preload]
    text = coq_text(schedule_of(programs[0]), None)
    head = text[: text.index("Open Scope")]
    (tmp_path / "many.v").write_text(head + "".join(module(n, p) for n, p in enumerate(programs)))
    code, output = coqc(proof, tmp_path / "many.v")
    assert code == 0, output
    answers = [word == "true" for word in re.findall(r"^M\d+\.answer = (true|false)$", output, re.MULTILINE)]
    verdicts = [check(p).status == PROVED for p in programs]
    assert answers == verdicts
    assert True in verdicts
    assert False in verdicts


def test_top_ups_are_proved_on_paper_only() -> None:
    machine = preset("tiny").with_(**{"firmware.preload": 1})
    schedule = schedule_of(api.compile_program(api.load(str(EXAMPLES / "five.mlir"), machine), "partial").program)
    with pytest.raises(ScheduleError, match=r"firmware.preload is 1, and the formal proof covers firmware that"):
        coq_text(schedule, None)


def test_bounded_rearming_is_proved_on_paper_only() -> None:
    machine = preset("tiny").with_(**{"barriers.rearm": "bounded", "barriers.rearm_delta": 2})
    schedule = schedule_of(api.compile_program(api.load(str(EXAMPLES / "five.mlir"), machine), "full").program)
    with pytest.raises(ScheduleError, match="re-arming is bounded, and the formal proof covers"):
        coq_text(schedule, None)


def test_verify_writes_certificate_and_coq(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificate, coq = tmp_path / "c.json", tmp_path / "p.v"
    source = str(EXAMPLES / "managed.mlir")
    assert main(["verify", source, "--certificate", str(certificate), "--emit-coq", str(coq)]) == 0
    assert "proved" in capsys.readouterr().out
    assert wlm_check([source, str(certificate)]) == 0
    assert coq.read_text().count("Hint 4") == 1


def test_verify_writes_no_certificate_of_what_is_refuted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificate, coq = tmp_path / "c.json", tmp_path / "p.v"
    source = str(EXAMPLES / "stale.mlir")
    assert main(["verify", source, "--certificate", str(certificate), "--emit-coq", str(coq)]) == 2
    assert "is not proved: no certificate is written" in capsys.readouterr().err
    assert not certificate.exists()
    assert "Hint 0 [] [] []" in coq.read_text()


def test_one_output_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(EXAMPLES / "managed.mlir"), "--certificate", "-", "--emit-coq", "-"]) == 1
    assert "only one of --json, --timing, --certificate and --emit-coq" in capsys.readouterr().err
