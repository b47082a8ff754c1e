"""Files appear whole or not at all."""

import os
import resource
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wlm_dialect.errors import UsageError
from wlm_dialect.files import PendingFile, write_bytes
from wlm_dialect.tools.output import open_output, write_output


def test_the_file_appears_at_the_end_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with open_output(str(path)) as stream:
        stream.write("half")
        stream.flush()
        assert not path.exists()
        stream.write(" and half\n")
    assert path.read_text() == "half and half\n"
    assert os.listdir(tmp_path) == ["out.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")

    def fail() -> None:
        with open_output(str(path)) as stream:
            stream.write("new")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.json"]


def test_permissions_and_links_survive(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_output(str(link), "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write_output(str(tmp_path / "ours"), "x")
    (tmp_path / "usual").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_device_is_written_directly() -> None:
    write_output("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    write_output("-", "shown\n")
    assert capsys.readouterr().out == "shown\n"
    assert not sys.stdout.closed


def test_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write '.*/no/such/x': no such file or directory"):
        write_output(str(tmp_path / "no" / "such" / "x"), "")
    with pytest.raises(UsageError, match=r"cannot write '.*': it is a folder"):
        write_output(str(tmp_path), "")


def test_a_write_protected_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anything
    with pytest.raises(UsageError, match=r"cannot write '.*x': it is write-protected"):
        write_output(str(path), "new")


def test_a_rename_that_fails_is_an_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    pending = PendingFile(str(tmp_path / "x"))
    pending.stream.write("text")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UsageError, match=r"cannot write '.*x': no space left on device"):
        pending.commit()
    assert os.listdir(tmp_path) == []


@contextmanager
def nearly_full() -> Iterator[None]:
    """No file grows beyond 100 bytes: not longer than it takes, as pytest may write its report to a file as well."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("size", [200, 100_000])  # noticed at the end, or while it is written
def test_a_full_disk_is_an_error_and_leaves_what_was_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x"
    for write in (lambda: write_output(str(path), "x" * size), lambda: write_bytes(str(path), b"x" * size)):
        with pytest.raises(UsageError, match=r"cannot write '.*x': file too large"), nearly_full():
            write()
        assert os.listdir(tmp_path) == []
        path.write_text("old")
        with pytest.raises(UsageError, match=r"cannot write '.*x': file too large"), nearly_full():
            write()
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["x"]
        path.unlink()


def test_bytes(tmp_path: Path) -> None:
    write_bytes(str(tmp_path / "x"), b"\0\r\n")
    assert (tmp_path / "x").read_bytes() == b"\0\r\n"


def test_an_error_about_another_file_stays_one(tmp_path: Path) -> None:
    def fail() -> None:
        with open_output(str(tmp_path / "x")):
            raise FileNotFoundError(2, "No such file", "y")

    with pytest.raises(FileNotFoundError, match="y"):
        fail()
    assert os.listdir(tmp_path) == []
