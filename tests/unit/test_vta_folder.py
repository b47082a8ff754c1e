"""Program folders: what is read, what is written back, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wlm_dialect.errors import ProgramError
from wlm_dialect.program.vta import Config, Tokens, read_folder, write_folder

DATA = Path(__file__).parents[1] / "data" / "vta"
NAMES = sorted(path.name for path in DATA.iterdir() if path.is_dir())


def test_there_are_programs() -> None:
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_comes_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    write_folder(read_folder(DATA / name), tmp_path / "again")
    files = {path.name: path.read_bytes() for path in (DATA / name).iterdir() if path.name != "dump.txt"}
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == files


def test_a_program_made_by_hand_comes_back(tmp_path: Path) -> None:
    program = read_folder(DATA / "hand_16x16")
    changed = program.with_(
        meta={}, name="mine", launches=3, initial_tokens=Tokens(s2g=1), carry_out=Tokens(l2g=2, g2s=1)
    )
    write_folder(changed, tmp_path)
    again = read_folder(tmp_path)
    assert (again.name, again.launches, again.initial_tokens, again.carry_out) == (
        "mine",
        3,
        Tokens(s2g=1),
        Tokens(l2g=2, g2s=1),
    )
    assert again.insn.tolist() == program.insn.tolist()
    assert [s.name for s in again.segments] == [s.name for s in program.segments]


def test_several_outputs_come_back(tmp_path: Path) -> None:
    program = read_folder(DATA / "hand_relu")
    outputs = tuple(program.outputs[0] for _ in range(2))
    write_folder(
        program.with_(meta={}, outputs=tuple(o.__class__(o.address, o.size, o.expected) for o in outputs)), tmp_path
    )
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out_expected.bin", "out_expected_1.bin"]
    assert len(read_folder(tmp_path).outputs) == 2


def test_standalone_vta_encodes_with_default_widths() -> None:
    program = read_folder(DATA / "svta_matrix_overfitting")
    assert program.meta["config"]["LOG_INP_BUFF_SIZE"] == 10
    assert program.config == Config()
    assert program.notes == ("the stream is encoded with the default widths, not with those of its configuration",)


def edited(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    folder = tmp_path / "program"
    shutil.copytree(DATA / "hand_16x16", folder)
    meta = json.loads((folder / "program.json").read_text(encoding="utf-8"))
    change(meta)
    (folder / "program.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


def test_queues_may_have_the_names_of_a_dump(tmp_path: Path) -> None:
    folder = edited(tmp_path, lambda meta: meta.update(initial_tokens={"g2s": 1}, carry_out={"s2g_queue": 2}))
    program = read_folder(folder)
    assert (program.initial_tokens, program.carry_out) == (Tokens(g2s=1), Tokens(s2g=2))


def test_the_configuration_may_be_a_file_of_its_own(tmp_path: Path) -> None:
    folder = edited(tmp_path, lambda meta: meta.pop("config"))
    assert read_folder(folder).config == Config()
    (folder / "vta_config.json").write_text(json.dumps(Config(target="pynq").to_json()), encoding="utf-8")
    assert read_folder(folder).config.target == "pynq"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda meta: meta.pop("insn"), "key 'insn' should hold an object, found None"),
        (lambda meta: meta["insn"].update(count=11), "insn.count is 11 but insn.bin holds 160 bytes, 10 instructions"),
        (lambda meta: meta["insn"].pop("file"), "insn: key 'file' should be a text, found None"),
        (lambda meta: meta["insn"].update(file="../insn.bin"), "insn: file '../insn.bin' is not in the folder"),
        (lambda meta: meta["insn"].update(file="no.bin"), "insn: no file 'no.bin'"),
        (lambda meta: meta["segments"].append(3), "segments[4]: expected an object, found 3"),
        (
            lambda meta: meta["segments"][0].update(phys=-1),
            "segments[0]: key 'phys' should be a number from 0, found -1",
        ),
        (lambda meta: meta["segments"][0].update(nbytes=1), "segments[0]: nbytes is 1 but uop.bin holds 8 bytes"),
        (lambda meta: meta.update(out=[1]), "out 0: expected an object, found [1]"),
        (lambda meta: meta["out"].update(nbytes=3), "out 0: nbytes is 3 but out_expected.bin holds 256 bytes"),
        (lambda meta: meta.update(launches=0), "launches is 0 but must be a number from 1"),
        (lambda meta: meta.update(carry_out=1), "key 'carry_out' should hold tokens by queue, found 1"),
        (lambda meta: meta.update(carry_out={"s2l": 1}), "carry_out: unknown queue 's2l'; known: l2g, g2l, s2g, g2s"),
        (lambda meta: meta.update(carry_out={"s2g": -1}), "carry_out: s2g is -1 but must be a number from 0"),
        (lambda meta: meta["config"].update(LOG_BLOCK="x"), "LOG_BLOCK_IN is 'x' but is a log2"),
    ],
)
def test_what_is_refused(change: Callable[[dict[str, Any]], object], text: str, tmp_path: Path) -> None:
    folder = edited(tmp_path, change)
    with pytest.raises(ProgramError) as error:
        read_folder(folder)
    assert str(error.value).startswith(f"{folder / 'program.json'}: ")
    assert text in str(error.value)


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[]", "expected an object, found list")])
def test_what_is_no_program_json(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "program.json").write_text(text, encoding="utf-8")
    with pytest.raises(ProgramError, match=message):
        read_folder(tmp_path)


def test_two_segments_in_one_file_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    program = read_folder(DATA / "hand_16x16")
    with pytest.raises(ProgramError, match=r"two segments have the file 'uop\.bin'; name them apart"):
        write_folder(program.with_(segments=(program.segments[0],) * 2), tmp_path / "new")
    assert not (tmp_path / "new").exists()
