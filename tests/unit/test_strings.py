"""Names of tasks may hold anything: through both forms of IR, tables, pictures, and terminals that know only ASCII."""

import json
import subprocess
import sys
import xml.dom.minidom
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, BytesAttr, StringAttr
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError

from wlm_dialect import api
from wlm_dialect.dialects.strings import Utf8Parser, parse_label
from wlm_dialect.errors import FrontendError
from wlm_dialect.runtime.dot import quote
from wlm_dialect.tools.tables import plain_table
from wlm_dialect.tools.wlm import main
from wlm_dialect.tools.wlm_opt import main as opt

NAMES = ['l\u00f6ad \u56fe\u50cf "x"', "b\n\0c\\", "plain"]


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    tasks = [
        {"id": name, "engine": "dma0", "cycles": 5, "after": NAMES[n - 1 : n] if n else []}
        for n, name in enumerate(NAMES)
    ]
    Path("names.json").write_text(json.dumps({"format": 1, "name": "n", "tasks": tasks}), encoding="utf-8")
    return "names.json"


def test_names_survive_both_forms_of_ir(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", graph, "-m", "tiny", "-o", "custom.mlir"]) == 0
    assert opt(["custom.mlir", "--print-op-generic", "-o", "generic.mlir"]) == 0
    assert opt(["generic.mlir", "-o", "again.mlir"]) == 0
    assert Path("again.mlir").read_text().rstrip() == Path("custom.mlir").read_text().rstrip()
    assert "l\\C3\\B6ad" in Path("custom.mlir").read_text(encoding="ascii")
    for file in ("custom.mlir", "generic.mlir"):
        program = api.load(file, "tiny")
        assert [name for name, kind in zip(program.names, program.kind.tolist(), strict=True) if not kind] == NAMES
        assert main(["verify", file]) == 0
        assert capsys.readouterr().out.startswith("@n: proved\n")


def test_bytes_that_are_no_text_are_refused() -> None:
    context = Context()
    context.load_dialect(Builtin)
    with pytest.raises(ParseError, match="a label is UTF-8 text"):
        parse_label(Parser(context, r'"\C3("'))
    with pytest.raises(ParseError, match="a label is UTF-8 text"):
        parse_label(Utf8Parser(context, r'"\C3("'))
    assert Utf8Parser(context, r'"\C3("').parse_attribute() == BytesAttr(b"\xc3(")
    assert Utf8Parser(context, r'"\C3\B6"').parse_attribute() == StringAttr("\u00f6")
    assert parse_label(Parser(context, r'"\C3\B6"')) == parse_label(Parser(context, '"\u00f6"')) == "\u00f6"


def test_a_string_that_is_not_closed_is_told_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "open.mlir"
    file.write_text(f'task.graph @g {{\n  task.run @dma0 "{"many words " * 20}\n}}\n', encoding="utf-8")
    assert main(["stats", str(file), "-m", "tiny"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"wlm: error: {file}:2:18: End of file reached before closing string literal.\n")
    with pytest.raises(FrontendError, match="End of file reached before closing string literal"):
        api.load(str(file), "tiny")


def test_names_do_not_break_tables_and_pictures(graph: str) -> None:
    assert plain_table(["name"], [["b\n\0c"], ["\u56fe"]]) == "name\nb\\n\\x00c\n\u56fe"
    assert quote("b\n\0c") == '"b\\nc"'.replace("c", "\\\\0c")
    assert main(["run", graph, "-m", "tiny", "--svg", "x.svg"]) == 0
    assert "b\n\ufffdc" in xml.dom.minidom.parse("x.svg").toxml()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_reach_any_terminal(graph: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    command = [sys.executable, "-m", "wlm_dialect.tools.wlm"]
    shown = subprocess.run([*command, "run", graph, "-m", "tiny"], capture_output=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert ("\u56fe" if encoding == "utf-8" else r"\u56fe") in shown.stdout.decode(encoding)
    report = subprocess.run([*command, "run", graph, "-m", "tiny", "--json", "-"], capture_output=True, check=False)
    assert "\u56fe" in str(json.loads(report.stdout.decode(encoding)))
