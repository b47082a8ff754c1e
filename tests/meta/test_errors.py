"""Every error a person can cause is quoted by a test: the text of each `raise`, found in the text of the tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [p for folder in ("passes", "runtime", "tools", "wlm_dialect") for p in sorted((ROOT / folder).rglob("*.py"))]
OURS = ("AssertionError", "NotImplementedError")  # bugs of our own
WINDOW = 16  # so many characters in a row are a quotation
NEED = "need"  # of wlm-check: raises its text


def constants(node: ast.AST) -> Iterator[str]:
    """The literal pieces of a text, without what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        if not isinstance(node, ast.FormattedValue):
            yield from constants(child)


def raised(tree: ast.AST) -> Iterator[ast.expr]:
    """What a module raises with a text of its own: a class is called, or the text is handed to `need`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            if node.exc.func.id not in OURS:
                yield node.exc
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == NEED:
            yield node.args[1]


def plain(text: str) -> str:
    """Regular expressions and wrapped lines count as what they say."""
    return re.sub(r"\s+", " ", text.replace("\\", ""))


def quoted() -> str:
    """All that tests say: literals of Python, and the checks of lit."""
    texts = [
        plain(text)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != Path(__file__)
        for text in constants(ast.parse(path.read_text(encoding="utf-8")))
    ]
    lit = sorted((ROOT / "tests/filecheck").rglob("*.mlir"))
    texts += [plain(line) for path in lit for line in path.read_text(encoding="utf-8").splitlines() if "//" in line]
    return "\n".join(texts)


def is_quoted(pieces: list[str], tests: str) -> bool:
    """A stretch of one piece stands in a test; of a text of short pieces, every piece. Three letters make a word."""
    words = [piece for piece in (plain(p).strip(" .,:;'\"") for p in pieces) if re.search("[A-Za-z]{3}", piece)]
    windows = (p[i : i + WINDOW] for p in words if len(p) >= WINDOW for i in range(len(p) - WINDOW + 1))
    return any(w in tests for w in windows) or all(piece in tests for piece in words)


@pytest.fixture(scope="module")
def tests() -> str:
    return quoted()


def test_every_error_is_quoted_by_a_test(tests: str) -> None:
    found, silent = 0, []
    for path in SOURCES:
        for error in raised(ast.parse(path.read_text(encoding="utf-8"))):
            pieces = list(constants(error))
            found += bool(pieces)
            if not is_quoted(pieces, tests):
                silent.append(f"{path.relative_to(ROOT)}:{error.lineno}: {ast.unparse(error)}")
    assert found > 350
    assert silent == []


def test_what_nobody_quotes_is_noticed(tests: str) -> None:
    assert not is_quoted(["barrier ", " has ", " producers but the moon is full; wait for "], tests)
    assert not is_quoted(["no ", " here, for once"], "no task is here")
    assert is_quoted(["no ", " is here"], "expected: no task is here")
    assert is_quoted([" has ", " producers but the moon is full"], "more producers but the moon$")
    code = "def f():\n raise UsageError(f'no {x} here')\n raise AssertionError('bug')\n need(ok, 'H1: no')"
    assert [list(constants(error)) for error in raised(ast.parse(code))] == [["no ", " here"], ["H1: no"]]
