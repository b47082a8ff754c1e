"""`wlm vta run` and `wlm vta convert` from the command line."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from wlm_dialect.tools.wlm import main

DATA = Path(__file__).parents[1] / "data" / "vta"
FORUM = DATA / "forum_dump.txt"
with (DATA / "INDEX.tsv").open(encoding="utf-8") as _index:
    INDEX = {row["name"]: row for row in csv.DictReader(_index, delimiter="\t")}
SAYS = {
    "neg_circular_l2g_g2l": "deadlock, each waits for the next: #0 LOAD INP -> #1 LOAD UOP",
    "neg_finish_before_store": "early FINISH: #32 FINISH does not wait for #28 STORE",
    "neg_leftover_g2l": "1 tokens are left in g2l",
    "neg_missing_push_next_from_load": "#4 GEMM waits for token 1 of l2g (load to compute) for ever",
    "neg_no_finish": "stream without FINISH",
    "neg_war_race_missing_g2l": "WAR race: #9 LOAD INP writes INP [0, 16), which #5 GEMM reads",
}


@pytest.mark.parametrize("name", INDEX)
def test_run_check_gives_the_recorded_verdict(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["vta", "run", str(DATA / name), "--check"])
    shown = capsys.readouterr().out
    assert code == (0 if INDEX[name]["expect"] == "ok" else 2), shown
    if code:
        assert SAYS[name] in shown
    else:
        assert "outputs: 1 of 1 known, all as expected" in shown


def test_refuted_programs_are_all_here() -> None:
    assert {name for name, row in INDEX.items() if row["expect"] == "refuted"} == set(SAYS)


def test_a_wrong_byte_and_a_wrong_counter_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "p"
    shutil.copytree(DATA / "hand_16x16", folder)
    expected = bytearray((folder / "out_expected.bin").read_bytes())
    expected[0] ^= 1
    (folder / "out_expected.bin").write_bytes(expected)
    meta = json.loads((folder / "program.json").read_text(encoding="utf-8"))
    meta["profiler"]["gemm_counter"] = 17
    (folder / "program.json").write_text(json.dumps(meta), encoding="utf-8")
    assert main(["vta", "run", str(folder), "--check"]) == 2
    shown = capsys.readouterr().out
    assert "wrong: output 0: 1 bytes differ, first at 0x3000" in shown
    assert "wrong: counter gemm_counter is 16 but 17 is expected" in shown
    assert main(["vta", "run", str(folder)]) == 0


def test_json_and_output_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["vta", "run", str(DATA / "hand_16x16"), "--check", "--json", "-", "-o", str(out)]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["outcome"] == "finished"
    assert outcome["check"]["verdict"] == "proved"
    assert outcome["counters"]["gemm_counter"] == 16
    assert (out / "out_0.bin").read_bytes() == (DATA / "hand_16x16" / "out_expected.bin").read_bytes()


def test_outputs_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    message = f"wlm: error: cannot write '{tmp_path / 'file'}': file exists\n"
    for command in (["vta", "run"], ["vta", "convert", "--to", "folder"]):
        assert main([*command, str(DATA / "hand_16x16"), "-o", str(tmp_path / "file")]) == 1
        assert capsys.readouterr().err == message


def test_launches_twice_what_leaves_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vta", "run", str(DATA / "tvm_alu_shr_imm2"), "--launches", "2", "--check"]) == 0
    assert "finished, 14 instructions in 2 launches" in capsys.readouterr().out
    assert main(["vta", "run", str(DATA / "tvm_alu_shr_imm2"), "--launches", "0"]) == 1
    assert "wlm: error: --launches is 0 but must be at least 1" in capsys.readouterr().err


def test_poison_tells_who_reads_what_nobody_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vta", "run", str(DATA / "hand_16x16"), "--poison", "--check"]) == 0
    assert main(["vta", "run", str(DATA / "svta_alu_mul_vv"), "--poison"]) == 0
    capsys.readouterr()


def test_a_fault_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = 'vta.program @p {\n  vta.load "ACC" sram 2047 y 1 x 2\n  vta.finish\n}\n'
    (tmp_path / "p.mlir").write_text(text, encoding="utf-8")
    assert main(["vta", "run", str(tmp_path / "p.mlir")]) == 2
    assert capsys.readouterr().err == (
        "wlm: error: INSTRUCTION 0 fills ACC from 2047 to 2049 but ACC has 2048 elements\n"
    )


def test_dumps_both_ways(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vta", "convert", str(FORUM)]) == 0
    assert capsys.readouterr().out == FORUM.read_text(encoding="utf-8")
    whole = DATA / "tvm_conv_8x8x32_32_vt2_oc"
    assert main(["vta", "convert", str(whole), "-o", str(tmp_path / "dump.txt")]) == 0
    assert (tmp_path / "dump.txt").read_bytes() == (whole / "dump.txt").read_bytes()
    assert main(["vta", "convert", str(whole), "--no-uops", "-o", str(tmp_path / "dump.txt")]) == 0
    text = (whole / "dump.txt").read_text(encoding="utf-8")
    assert (tmp_path / "dump.txt").read_text(encoding="utf-8") == text[text.index("There are 163 instructions") :]


def test_folder_to_ir_to_folder_and_stream(tmp_path: Path) -> None:
    source = DATA / "tvm_padload_x1"
    ir, folder, stream = tmp_path / "p.mlir", tmp_path / "p", tmp_path / "p.bin"
    assert main(["vta", "convert", str(source), "-o", str(ir)]) == 0
    assert main(["vta", "convert", str(ir), "--to", "folder", "-o", str(folder)]) == 0
    assert main(["vta", "convert", str(ir), "-o", str(stream)]) == 0
    for path in folder.iterdir():
        assert path.read_bytes() == (source / path.name).read_bytes()
    assert stream.read_bytes() == (source / "insn.bin").read_bytes()
    assert main(["vta", "run", str(ir), "--check"]) == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["convert", str(FORUM), "--to", "folder"], "--to folder needs --output: it is no text"),
        (["convert", str(FORUM), "--to", "insn", "-o", "/nowhere/x"], "cannot write '/nowhere/x'"),
        (["run", str(FORUM)], "forum_dump came from a dump: it has no immediates, micro-ops or data to run with"),
        (["run", "/nowhere"], "cannot read '/nowhere': no such file or directory"),
        (["run", str(DATA / "hand_16x16" / "insn.bin")], "is neither a folder nor text"),
    ],
)
def test_what_is_refused(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vta", *words]) == 1
    assert text in capsys.readouterr().err


def test_several_launches_or_programs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "two.txt").write_text((DATA / "tvm_alu_shr_imm2" / "dump.txt").read_text("utf-8") * 2, encoding="utf-8")
    assert main(["vta", "convert", str(tmp_path / "two.txt"), "-o", str(tmp_path / "x.mlir")]) == 1
    assert "holds 2 launches, which only --to dump takes" in capsys.readouterr().err
    (tmp_path / "two.mlir").write_text("vta.program @a {}\nvta.program @b {}\n", encoding="utf-8")
    assert main(["vta", "run", str(tmp_path / "two.mlir")]) == 1
    assert "holds 2 VTA programs (@a, @b), but one is needed" in capsys.readouterr().err
