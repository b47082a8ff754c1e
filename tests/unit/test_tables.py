"""Tables on a terminal, in a pipe, and where there is little room."""

import io
import sys
from importlib.util import find_spec

import pytest

from wlm_dialect.tools.progress import progress
from wlm_dialect.tools.tables import plain_table, print_table

COLUMNS = ["network", "tasks", "share"]
ROWS: list[list[object]] = [["resnet50", 12345, "7.5%"], ["m", None, "+0%"]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")


def test_numbers_stand_right_and_text_left() -> None:
    assert plain_table(COLUMNS, ROWS) == (
        "network    tasks  share\n"
        "resnet50  12,345   7.5%\n"
        "m              -    +0%"
    )  # fmt: skip


def test_a_table_that_does_not_fit_becomes_blocks() -> None:
    assert plain_table(COLUMNS, ROWS, width=20) == (
        "network  resnet50\ntasks    12,345\nshare    7.5%\n\nnetwork  m\ntasks    -\nshare    +0%"
    )


def test_a_table_without_rows_is_its_head() -> None:
    assert plain_table(COLUMNS, []) == "network  tasks  share"


def test_a_pipe_has_no_width(narrow: None) -> None:
    out = io.StringIO()
    print_table(["x" * 50, "y" * 50], [[1, True]], "title", out)
    assert [len(line) for line in out.getvalue().splitlines()] == [5, 102, 55]


def test_nothing_is_wider_than_the_terminal(narrow: None) -> None:
    out = Terminal()
    print_table([f"column{n}" for n in range(12)], [list(range(12))], "title", out)
    assert max(map(len, out.getvalue().splitlines())) <= 60
    assert "column11  11" in out.getvalue()


def test_columns_that_can_be_spared_go_first(narrow: None) -> None:
    out = Terminal()
    columns = ["name", "a" * 30, "b" * 30, "c" * 10]
    print_table(columns, [[1, 2, 3, 4]], stream=out, drop=("b" * 30, "c" * 10))
    assert columns[1] in out.getvalue()
    assert columns[2] not in out.getvalue()
    assert columns[3] in out.getvalue()
    piped = io.StringIO()
    print_table(columns, [[1, 2, 3, 4]], stream=piped, drop=("b" * 30, "c" * 10))
    assert piped.getvalue().split() == [*columns, "1", "2", "3", "4"]


def test_rich_draws_where_somebody_looks_and_shows_the_same(narrow: None) -> None:
    pytest.importorskip("rich", reason="extra 'cli' is not installed")
    out = Terminal()
    print_table(COLUMNS, [["[red]resnet50", 12345, "7.5%"]], "[title]", out)
    assert "\u2500" in out.getvalue()
    for text in ("[title]", "[red]resnet50", "12,345", "7.5%"):
        assert text in out.getvalue()


def test_without_rich_the_terminal_gets_plain_text(narrow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    out = Terminal()
    print_table(COLUMNS, ROWS, "title", out)
    assert out.getvalue() == "title\n" + plain_table(COLUMNS, ROWS) + "\n"


def test_progress_is_silent_in_a_pipe() -> None:
    out = io.StringIO()
    with progress(2, "comparing", out) as advance:
        advance("one")
        advance("two")
    assert out.getvalue() == ""


def test_progress_without_rich_is_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rich", "rich.console", "rich.progress"):
        monkeypatch.setitem(sys.modules, name, None)
    out = Terminal()
    with progress(2, "comparing", out) as advance:
        advance("one")
        advance("t" * 100)
    lines = out.getvalue().split("\r")
    assert lines[1].rstrip() == "comparing 1/2: one"
    assert max(map(len, lines)) == 78
    assert lines[-1] == ""
    assert lines[-2].strip() == ""


@pytest.mark.skipif(find_spec("rich") is None, reason="extra 'cli' is not installed")
def test_progress_with_rich_names_the_step() -> None:
    out = Terminal()
    with progress(1, "comparing", out) as advance:
        advance("resnet50 full")
    assert "resnet50 full" in out.getvalue()
