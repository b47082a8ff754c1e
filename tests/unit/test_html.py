"""The page: self-contained, complete, and safe against names that look like markup."""

import json
import re
import shutil
import subprocess
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

import wlm_dialect.runtime.html as page_module
from wlm_dialect.machine import preset
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.html import deltas, make_html
from wlm_dialect.runtime.report import make_report
from wlm_dialect.runtime.run import run

MACHINE = preset("npu40xx:1")


def graph(tasks: int, name: str = "net", label: str = "layer") -> Program:
    draft = Draft(name, MACHINE)
    for n in range(tasks):
        draft.add(n % 4, f"{label}{n}", 10 + n % 7, after=[n - 1] if n % 3 else [])
    return draft.finish()


def data_of(page: str) -> dict[str, Any]:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    found: dict[str, Any] = json.loads(text)
    return found


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = make_html([make_report(run(graph(9)))])
    assert not re.search(r"https?:|src=|href=|@import|url\(", page)
    assert "default-src 'none'" in page
    assert not re.search(r"@[A-Z]+@", page)


def test_the_data_says_what_the_run_did() -> None:
    result = run(graph(20))
    data = data_of(make_html([make_report(result)], ideal=123))
    assert data["ideal"] == 123
    [shown] = data["runs"]
    assert list(accumulate(shown["task"]["start"])) == result.start.tolist()
    assert list(accumulate(shown["task"]["end"])) == result.end.tolist()
    assert [data["names"][n] for n in shown["task"]["name"]] == list(result.program.names)
    assert [lane["name"] for lane in shown["lanes"]] == [e.name for e in MACHINE.engines[:4]]
    assert shown["makespan"] == result.makespan
    assert sum(s["end"] - s["start"] for s in shown["critical_path"]) == result.makespan


def test_runs_share_their_names() -> None:
    reports = [make_report(run(graph(30))) for _ in range(3)]
    data = data_of(make_html(reports))
    assert len(data["runs"]) == 3
    assert len(data["names"]) == 30


def test_names_cannot_end_the_script_or_stand_in_for_a_part() -> None:
    nasty = "</script><script>alert(1)</script><!--@DATA@"
    page = make_html([make_report(run(graph(3, nasty, nasty)))])
    assert page.count("</script>") == 2
    assert "alert(1)</script>" not in page
    data = data_of(page)
    assert data["names"][0] == f"{nasty}0"
    assert data["runs"][0]["program"] == nasty
    assert page.count("&lt;/script&gt;") == 4  # title and heading


def test_five_thousand_tasks_make_a_small_page() -> None:
    assert len(make_html([make_report(run(graph(5000)))])) < 1_000_000


def test_differences_add_up() -> None:
    assert deltas([5, 7, 7, 3]) == [5, 2, 0, -4]
    assert deltas([]) == []


def test_the_script_is_short_and_parses() -> None:
    script = Path(page_module.__file__).with_name("report.js")
    assert len(script.read_text().splitlines()) <= 400
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the script is not parsed")
    subprocess.run([node, "--check", str(script)], check=True)
