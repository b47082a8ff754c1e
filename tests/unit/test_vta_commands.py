"""`wlm vta check`, `explain`, `time` and `replay`: what they print and write, exit codes, errors."""

import io
import json
from pathlib import Path

import pytest

from tests.vta_programs import assemble, double_buffered, step
from wlm_dialect.program.vta import VtaProgram, write_folder
from wlm_dialect.tools.wlm import main

DATA = Path(__file__).parents[1] / "data" / "vta"
RACE = str(DATA / "neg_war_race_missing_g2l")
FORUM = str(DATA / "forum_dump.txt")
THREADS = str(DATA / "tvm_conv_8x8x32_32_vt2_oc")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(program: VtaProgram, name: str = "small") -> str:
    write_folder(program, name)
    return name


def out_of(capsys: pytest.CaptureFixture[str], code: int, *argv: str) -> str:
    assert main(["vta", *argv]) == code
    return capsys.readouterr().out


def error_of(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["vta", *argv]) == 1
    return capsys.readouterr().err.partition("\n")[0]


# ---- check


def test_check_proves(capsys: pytest.CaptureFixture[str]) -> None:
    text = out_of(capsys, 0, "check", THREADS)
    assert text.startswith("@tvm_conv_8x8x32_32_vt2_oc: proved\nproved for every timing:\n")
    assert "provided that:" in text


def test_check_refutes_and_its_order_replays(capsys: pytest.CaptureFixture[str]) -> None:
    text = out_of(capsys, 2, "check", RACE, "--findings", "1", "--order", "o.txt")
    assert "WAR race: #9 LOAD INP writes INP [0, 16), which #5 GEMM reads, and no token orders them [V7]" in text
    assert "and 11 more findings" in text
    assert text.endswith(f"an order that shows V7: wlm vta replay {RACE} o.txt\n")
    text = out_of(capsys, 2, "replay", RACE, "o.txt")
    assert "#5 GEMM reads INP 0 as #9 LOAD INP left it, not #3 LOAD INP (16 elements) [V7]" in text
    assert "wrong: output 0: 511 bytes differ" in out_of(capsys, 2, "run", RACE, "--check", "--order", "o.txt")
    assert "nothing goes wrong in this order" in out_of(capsys, 0, "replay", RACE)


def test_check_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = json.loads(out_of(capsys, 2, "check", RACE, "--json", "-"))
    assert (value["verdict"], value["hardware"]) == ("refuted", "sim")
    assert (value["findings"][0]["rule"], value["findings"][0]["instruction"], value["findings"][0]["other"]) == (
        "V7",
        9,
        5,
    )


def test_check_of_a_fragment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "this is a fragment" in out_of(capsys, 0, "check", FORUM)
    monkeypatch.setattr("sys.stdin", io.StringIO(Path(FORUM).read_text()))
    assert "@stdin: proved" in out_of(capsys, 0, "check", "-")


def test_check_without_micro_ops_is_undecided(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vta", "convert", THREADS, "-o", "dump.txt"]) == 0
    capsys.readouterr()
    assert "@dump: proved" in out_of(capsys, 0, "check", "dump.txt")
    text = Path("dump.txt").read_text()
    Path("dump.txt").write_text(text[text.index("INSTRUCTION 0:") :])
    assert "@dump: undecided" in out_of(capsys, 3, "check", "dump.txt")


def test_a_dump_of_several_launches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vta", "convert", THREADS, "-o", "one.txt"]) == 0
    capsys.readouterr()
    one = Path("one.txt").read_text()
    second = one[one.index("INSTRUCTION 0:") :]
    Path("two.txt").write_text(one + second.replace("push next: 1", "push next: 0", 1))
    assert main(["vta", "check", "two.txt"]) == 0
    assert "wlm: note: 'two.txt' holds 2 launches; this is launch 0 (--launch)" in capsys.readouterr().err
    out_of(capsys, 2, "check", "two.txt", "--launch", "1")
    assert error_of(capsys, "check", "two.txt", "--launch", "2") == (
        "wlm: error: --launch 2: 'two.txt' holds 2 launches, counted from 0"
    )


def test_check_of_ir(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vta", "convert", RACE, "-o", "race.mlir"]) == 0
    capsys.readouterr()
    assert "#9 LOAD INP writes INP [0, 16)" in out_of(capsys, 2, "check", "race.mlir")


def test_check_on_hardware(capsys: pytest.CaptureFixture[str]) -> None:
    source = str(DATA / "acc8_load")
    text = out_of(capsys, 0, "check", source)
    assert "no error on sim, but elsewhere:" in text
    assert "which was loaded and not touched by a GEMM or ALU since" in text
    assert ": refuted" in out_of(capsys, 2, "check", source, "--hardware", "chisel")
    assert error_of(capsys, "check", source, "--hardware", "chissel") == (
        "wlm: error: unknown VTA hardware 'chissel'; did you mean 'chisel'?"
    )


def test_tokens_that_are_meant(capsys: pytest.CaptureFixture[str]) -> None:
    source = written(assemble([step("nop1", 0, "pop prev"), step("nop2", 0, "push prev"), step("finish")]))
    assert "V2" in out_of(capsys, 2, "check", source)
    out_of(capsys, 0, "check", source, "--initial", "l2g=1", "--carry-out", "s2g=1")
    assert error_of(capsys, "check", source, "--initial", "l2x=1") == (
        "wlm: error: --initial l2x=1: unknown queue 'l2x'; did you mean 'l2g'?"
    )
    assert error_of(capsys, "check", source, "--carry-out", "l2g") == (
        "wlm: error: --carry-out l2g: expected l2g=N, a whole number"
    )


def test_nothing_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    text = out_of(capsys, 0, "check", THREADS, "--order", "o.txt")
    assert text.endswith("no order of execution to show: 'o.txt' is not written\n")
    assert not Path("o.txt").exists()


# ---- explain


def test_explain_answers_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    text = out_of(capsys, 0, "explain", FORUM)
    assert "2 virtual threads" in text
    assert "queues after each instruction, in the order of the stream" in text
    row = next(line for line in text.splitlines() if line.lstrip().startswith("5  GEMM reset"))
    assert row.split()[:9] == ["5", "GEMM", "reset", "push", "prev", "0", "2", "0", "0"]


def test_explain_compares(capsys: pytest.CaptureFixture[str]) -> None:
    fast, slow = written(assemble(double_buffered(6)), "fast"), written(assemble(double_buffered(6)), "slow")
    text = out_of(
        capsys, 0, "explain", fast, "--against", slow, "--rows", "3", "--html", "x.html", "--cost", "latency=9"
    )
    assert "1.00 times as fast as" in text
    assert "... 21 more rows (--rows 0 shows all)" in text
    assert "Two or more work at the same time" in text
    assert "<title>" in Path("x.html").read_text()


def test_explain_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = json.loads(out_of(capsys, 0, "explain", THREADS, "--json", "-"))
    assert value["threads"]["count"] == 2
    assert value["threads"]["uses"][1]["INP"][0][0] > 0
    token = next(t for t in value["tokens"] if t["role"] == "data")
    assert (token["token"], token["hazard"], token["droppable"]) == ("l2g#1", "RAW", False)
    assert token["protects"][0]["memory"] == "INP"
    assert value["rows"][0]["queues"] == {"l2g": 0, "g2l": 0, "s2g": 0, "g2s": 0}


def test_explain_of_what_cannot_end(capsys: pytest.CaptureFixture[str]) -> None:
    text = out_of(capsys, 0, "explain", str(DATA / "neg_circular_l2g_g2l"))
    assert "The program cannot be executed to its end" in text.replace("\n", " ")
    assert "does not run to its end: deadlock" in text.replace("\n", " ")


# ---- time and replay


def test_time_shows_modules_and_queues(capsys: pytest.CaptureFixture[str]) -> None:
    text = out_of(capsys, 0, "time", THREADS, "--trace", "t.json", "--write-order", "o.txt")
    assert "working at the same time" in text
    assert "load+compute" in text
    assert json.loads(Path("t.json").read_text())["traceEvents"]
    assert "nothing goes wrong in this order" in out_of(capsys, 0, "replay", THREADS, "o.txt")


def test_time_of_what_gets_stuck(capsys: pytest.CaptureFixture[str]) -> None:
    text = out_of(capsys, 2, "time", str(DATA / "neg_circular_l2g_g2l"))
    assert "deadlock" in text
    assert "load: #0 LOAD INP: waits for g2l, which compute has to push" in text


def test_time_of_what_loses_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [step("nop0", 0, "push next")] * 300 + [step("nop1", 0, "pop next")] + [step("finish")]
    text = out_of(capsys, 2, "time", written(assemble(steps)), "--hardware", "chisel")
    assert "V12: #255 NOP-MEMORY-STAGE pushes into l2g at tick" in text


def test_jitter(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [out_of(capsys, 0, "time", THREADS, "--jitter", "extreme", "--seed", s) for s in ("1", "1", "2")]
    assert texts[0] == texts[1] != texts[2]
    assert error_of(capsys, "time", THREADS, "--seed", "1") == "wlm: error: --seed draws nothing without --jitter"


def test_replay_draws_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing goes wrong" in out_of(capsys, 0, "replay", THREADS, "--seed", "3", "--write-order", "a.txt")
    out_of(capsys, 0, "replay", THREADS, "--seed", "3", "--write-order", "b.txt")
    assert Path("a.txt").read_text() == Path("b.txt").read_text()
    assert (
        error_of(capsys, "replay", THREADS, "a.txt", "--seed", "3") == "wlm: error: give either an order file or --seed"
    )


def test_a_long_list_of_observations_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [step("uop"), *[step("gemm")] * 25, step("inp"), step("finish")]
    source = written(assemble(steps))
    Path("o.txt").write_text("# wlm vta order 1\n26\n")
    text = out_of(capsys, 2, "replay", source, "o.txt")
    assert "  and 5 more" in text


def test_what_is_no_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, "check", "nowhere").startswith("wlm: error: cannot read 'nowhere'")
    Path("bytes.bin").write_bytes(b"\xff\xfe\x00")
    assert "is neither a folder nor text" in error_of(capsys, "check", "bytes.bin")
