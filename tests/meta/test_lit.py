"""The lit tests of tests/filecheck as one pytest test each: one closing line counts all, every skip has its reason."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LIT = (sys.executable, "-c", "from lit.main import main; main()")  # of this environment, whatever PATH says
FILECHECK = Path(__file__).resolve().parents[1] / "filecheck"
LACKING = "Test requires the following unavailable features: mlir-opt"  # the one tool that lit tests may do without
FILES = sorted(
    path.relative_to(FILECHECK).as_posix()
    for path in FILECHECK.rglob("*.mlir")
    if not {"Inputs", "Output"} & set(path.parts)
)


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Run lit once, over the files whose tests were selected."""
    selected = [
        item.callspec.params["file"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.function is test_lit
    ]
    scratch = tmp_path_factory.mktemp("lit")
    report = scratch / "report.json"
    run = subprocess.run(
        [*LIT, "-v", "-D", f"exec_root={scratch}", "-o", str(report)] + [str(FILECHECK / file) for file in selected],
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), run.stdout + run.stderr
    tests = json.loads(report.read_text())["tests"]
    assert len(tests) == len(selected) > 0
    return {test["name"].removeprefix("wlm-dialect :: "): test for test in tests}


@pytest.mark.parametrize("file", FILES)
def test_lit(file: str, results: dict[str, dict[str, Any]]) -> None:
    result = results[file]
    if result["code"] == "UNSUPPORTED" and result["output"].strip() == LACKING:
        pytest.skip(f"lit: {file}: {LACKING}")
    if result["code"] != "PASS":
        pytest.fail(f"{result['code']}\n{result['output']}", pytrace=False)


def test_lit_finds_the_same_files() -> None:
    run = subprocess.run([*LIT, "--show-tests", str(FILECHECK)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = [line.partition(" :: ")[2] for line in run.stdout.splitlines() if " :: " in line]
    assert sorted(found) == FILES
    assert FILES
