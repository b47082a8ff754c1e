"""One line and one exit code for everything a person can cause."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wlm_dialect.errors import UsageError, WlmError
from wlm_dialect.tools.messages import guarded


def raising(error: BaseException) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


class Refuted(WlmError):
    exit_code = 2


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("no"), 1, "wlm: error: no\n"),
        (Refuted("H1 broken"), 2, "wlm: error: H1 broken\n"),
        (FileNotFoundError(2, "No such file", "x.mlir"), 1, "wlm: error: cannot read 'x.mlir': no such file\n"),
        (KeyboardInterrupt(), 130, "wlm: interrupted; nothing was written\n"),
        (SystemExit(2), 1, ""),  # argparse; 2 means refuted
        (SystemExit(0), 0, ""),
        (SystemExit(None), 0, ""),
    ],
)
def test_codes(error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded("wlm", raising(error)) == code
    assert capsys.readouterr().err == text


def test_what_nobody_expected_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        guarded("wlm", raising(ZeroDivisionError()))


def test_a_system_error_about_no_file_shows_where_it_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded("wlm", raising(OSError(5, "Input/output error"))) == 1
    assert "Traceback" in capsys.readouterr().err


PRINTING = (
    "import sys\nfrom wlm_dialect.tools.messages import guarded\nsys.exit(guarded('wlm', lambda: print({}) or 0))"
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("text", ["'x'", "'x' * 100_000"])  # what a buffer holds goes out at the end
def test_a_full_disk_behind_standard_output_is_one_line(text: str) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-c", PRINTING.format(text)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "wlm: error: cannot write the output: no space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_swallows_what_goes_there(closed: str) -> None:
    program = PRINTING.format("'x', file=sys.stderr.flush() or sys.stdout")
    command = ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, program]
    shell = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (shell.returncode, shell.stderr) == (0, "")
    assert shell.stdout == ("" if closed.startswith(">") else "x\n")


def test_a_closed_input_is_empty() -> None:
    program = PRINTING.format("repr(sys.stdin.read())")
    command = ["sh", "-c", '"$0" -c "$1" <&-', sys.executable, program]
    shell = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (shell.returncode, shell.stdout, shell.stderr) == (0, "''\n", "")


def test_a_reader_that_has_left_before_the_end_is_no_error() -> None:
    command = ["sh", "-c", '{ sleep 0.2; "$0" -c "$1"; echo $? >&2; } | true', sys.executable, PRINTING.format("'x'")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == "141\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    program = (
        "import sys\nfrom wlm_dialect.tools.messages import guarded\n"
        "def run():\n  while True: print('x' * 1000)\n"
        "sys.exit(guarded('wlm', run))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
